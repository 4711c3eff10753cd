"""What runs and model names say of the chemistry."""

from pathlib import Path
from typing import Any

import pytest

from lexome.core.chemistry import (
    CHEMISTRIES,
    chemistry_of,
    describe_run,
    evidence_of,
    may_fit,
    model_chemistry,
    model_sample_rate_hz,
    possible_kinds,
    why_unknown,
)
from lexome.core.records import RunInfo


def run(sample_rate_hz: int = 4000, **extra: Any) -> RunInfo:
    return RunInfo("0123456789abcdef", "FAX1", sample_rate_hz, "MN1", "", extra)


@pytest.mark.parametrize(
    ("flow_cell", "kit", "expected"),
    [
        ("FLO-MIN106", "SQK-LSK109", "r9.4.1"),
        ("flo-min106", "sqk-rad004", "r9.4.1"),
        ("FLO-FLG001", "SQK-RBK110-96", "r9.4.1"),
        ("FLO-PRO002-ECO", "SQK-LSK110-XL", "r9.4.1"),
        ("FLO-MIN106", "SQK-RNA002", "rna002"),
        ("FLO-MIN107", "SQK-RNA001", "rna001"),
        ("FLO-MIN107", "SQK-LSK108", "r9.5"),
        ("FLO-MIN110", "SQK-LSK109", "r10"),
        ("FLO-MIN111", "SQK-LSK110", "r10.3"),
        ("FLO-PRO112", "SQK-Q20EA", "r10.4"),
        ("FLO-MIN114", "SQK-LSK114", "r10.4.1_e8.2"),
        ("FLO-PRO114M", "SQK-NBD114-24", "r10.4.1_e8.2"),
        ("FLO-FLG114", "SQK-LSK114-XL-260", "r10.4.1_e8.2_260bps"),
        ("FLO-MIN114", "SQK-APK114", "r10.4.1_e8.2_apk"),
        ("FLO-MIN114", "", "r10.4.1_e8.2"),
        ("FLO-PRO004RA", "SQK-RNA004", "rna004"),
        # a kit that went with one pore only says it alone; the others do not
        ("", "SQK-RBK114-96", "r10.4.1_e8.2"),
        ("", "SQK-RNA004-XL", "rna004"),
        ("", "SQK-RNA002", "rna002"),
        ("", "SQK-LSK109", None),
        ("", "SQK-LSK112", None),
        # such a flow cell carried DNA and RNA
        ("FLO-MIN106", "", None),
        ("FLO-MIN106", "SQK-NEW999", None),
        # contradictions, and what is too new to be known
        ("FLO-MIN106", "SQK-LSK114", None),
        ("FLO-MIN114", "SQK-RNA002", None),
        ("FLO-PRO114P", "SQK-LSK114", None),
        ("", "", None),
    ],
)
def test_flow_cell_and_kit(flow_cell: str, kit: str, expected: str | None) -> None:
    found = run(flow_cell_product_code=flow_cell, sequencing_kit=kit)
    assert chemistry_of(found) == expected
    # the same words where other files keep them
    tags = {"flow_cell_product_code": flow_cell, "sequencing_kit": kit}
    assert chemistry_of(run(context_tags=tags)) == expected
    assert chemistry_of(run(tracking_id=tags, context_tags={})) == expected


class TestSpeed:
    def made(self, sample_rate_hz: int = 4000, **tags: str) -> str | None:
        return chemistry_of(run(sample_rate_hz, flow_cell_product_code="FLO-MIN114", context_tags=tags))

    def test_is_not_guessed(self) -> None:
        assert self.made() == "r10.4.1_e8.2"
        assert self.made(selected_speed_bases_per_second="300") == "r10.4.1_e8.2"

    def test_is_read_where_it_is_stated(self) -> None:
        kit = {"sequencing_kit": "sqk-lsk114"}
        assert self.made(**kit, selected_speed_bases_per_second="400") == "r10.4.1_e8.2_400bps"
        assert self.made(**kit, selected_speed_bases_per_second="260") == "r10.4.1_e8.2_260bps"
        config = "dna_r10.4.1_e8.2_260bps_fast_prom.cfg"
        assert self.made(basecall_config_filename=config) == "r10.4.1_e8.2_260bps"

    def test_at_5_khz_only_the_fast_one_was_left(self) -> None:
        assert self.made(5000, sequencing_kit="SQK-LSK114") == "r10.4.1_e8.2_400bps"
        assert self.made(5000, sequencing_kit="SQK-LSK114", selected_speed_bases_per_second="260") is None

    def test_a_sample_rate_alone_says_nothing(self) -> None:
        assert chemistry_of(run(5000)) is None


class TestOldFiles:
    def test_the_name_of_the_script_counts_where_there_is_no_field(self) -> None:
        script = r"C:\MinKNOW\recipes\NC_48Hr_Sequencing_Run_FLO-MIN106_SQK-LSK108.py"
        assert chemistry_of(run(protocol_name=script)) == "r9.4.1"
        script = "sequencing/sequencing_MIN106_DNA:FLO-MIN107:SQK-LSK109"
        assert chemistry_of(run(tracking_id={"exp_script_name": script})) == "r9.5"
        assert chemistry_of(run(flow_cell_product_code="FLO-MIN106", protocol_name=script)) == "r9.4.1"

    def test_the_instrument_s_own_caller_counts(self) -> None:
        for name, expected in (
            ("dna_r9.4.1_450bps_fast.cfg", "r9.4.1"),
            ("template_r9.4_450bps_5mer_raw.jsn", "r9.4.1"),
            ("dna_r10_450bps_hac.cfg", "r10"),
            ("rna_rp4_130bps_hac_prom.cfg", "rna004"),
            ("rna_r9.4.1_70bps_fast.cfg", "rna"),
        ):
            field = "local_bc_temp_model" if name.startswith("template") else "basecall_config_filename"
            assert chemistry_of(run(context_tags={field: name})) == expected

    def test_rna_is_known_as_rna_even_if_its_kit_is_not(self) -> None:
        assert chemistry_of(run(context_tags={"experiment_type": "rna"})) == "rna"
        assert chemistry_of(run(context_tags={"experiment_type": "genomic_dna"})) is None
        both = run(flow_cell_product_code="FLO-MIN106", context_tags={"experiment_type": "rna"})
        assert chemistry_of(both) == "rna"
        dna = run(flow_cell_product_code="FLO-MIN106", context_tags={"experiment_type": "genomic_dna"})
        assert chemistry_of(dna) == "r9.4.1"

    def test_odd_values_are_passed_over(self) -> None:
        odd = run(flow_cell_product_code=None, sequencing_kit=17, context_tags="none", tracking_id=[1])
        assert chemistry_of(odd) is None
        assert evidence_of(odd) == []


class TestWhyUnknown:
    def test_contradictions_are_named(self) -> None:
        config = {"basecall_config_filename": "dna_r10.4.1_e8.2_fast_prom.cfg"}
        odd = run(flow_cell_product_code="FLO-PRO112", sequencing_kit="sqk-q20ea", context_tags=config)
        assert not possible_kinds(odd)
        assert why_unknown(odd) == (
            "its flow_cell_product_code FLO-PRO112 means r10.4, but its basecall_config_filename "
            "dna_r10.4.1_e8.2_fast_prom.cfg means r10.4.1_e8.2"
        )
        assert describe_run(odd) == "run 01234567 on FLO-PRO112 with SQK-Q20EA"

    def test_what_is_missing_or_new_is_named(self) -> None:
        assert why_unknown(run(sequencing_kit="SQK-LSK109")) == "it names no flow cell that says it"
        assert why_unknown(run(flow_cell_product_code="FLO-MIN106")) == "it names no kit that says it"
        assert "FLO-PRO114P is not one that" in why_unknown(run(flow_cell_product_code="FLO-PRO114P"))
        assert describe_run(run()) == "run 01234567"


@pytest.mark.parametrize(
    ("name", "chemistry", "sample_rate_hz"),
    [
        ("dna_r9.4.1_e8_fast@v3.4", "r9.4.1", 4000),
        ("dna_r9.4.1_e8.1_hac@v3.3", "r9.4.1", 4000),
        ("dna_r10.3@v3.3", "r10.3", 4000),
        ("dna_r10.4_e8.1_hac@v3.4", "r10.4", 4000),
        ("dna_r10.4.1_e8.2_sup@v3.5.1", "r10.4.1_e8.2", 4000),
        ("dna_r10.4.1_e8.2_400bps_fast@v4.1.0", "r10.4.1_e8.2_400bps", 4000),
        ("dna_r10.4.1_e8.2_400bps_fast@v4.2.0", "r10.4.1_e8.2_400bps", 5000),
        ("dna_r10.4.1_e8.2_400bps_hac@v5.2.0", "r10.4.1_e8.2_400bps", 5000),
        ("dna_r10.4.1_e8.2_400bps_fast", "r10.4.1_e8.2_400bps", None),
        ("dna_r10.4.1_e8.2_260bps_hac@v4.1.0", "r10.4.1_e8.2_260bps", 4000),
        ("res_dna_r10.4.1_e8.2_400bps_sup@v4.0.1", "r10.4.1_e8.2_400bps", 4000),
        ("rna002_70bps_fast@v3", "rna002", None),
        ("rna004_130bps_sup@v5.1.0", "rna004", None),
        ("mydna_r10.4.1_thing", None, None),
        ("dna_r10.5_fast@v6", None, None),
        ("lstm_v3", None, None),
        ("", None, None),
    ],
)
def test_model_names(name: str, chemistry: str | None, sample_rate_hz: int | None) -> None:
    assert model_chemistry(name) == chemistry
    assert model_sample_rate_hz(name) == sample_rate_hz


def test_what_may_fit() -> None:
    assert may_fit("r9.4.1", "r9.4.1")
    assert not may_fit("r9.4.1", "r10.4.1_e8.2")
    assert not may_fit("r10.4", "r10.4.1_e8.2_400bps")
    assert may_fit("r10.4.1_e8.2", "r10.4.1_e8.2_400bps")
    assert not may_fit("r10.4.1_e8.2_260bps", "r10.4.1_e8.2_400bps")
    assert may_fit("rna", "rna004")
    assert not may_fit("rna", "r9.4.1")
    for name in CHEMISTRIES:
        assert may_fit(name, None)
        assert may_fit(None, name)
        assert may_fit(name, name)


def test_every_kind_is_a_chemistry_of_its_own() -> None:
    for name, chemistry in CHEMISTRIES.items():
        assert chemistry.name == name
        for kind in chemistry.kinds:
            assert CHEMISTRIES[kind].kinds == {kind}
            assert CHEMISTRIES[kind].molecule == chemistry.molecule


REAL = {
    "format_samples/chr1_MAT.pod5": "r10.4.1_e8.2_400bps",
    "format_samples/duplex.pod5": "r10.4.1_e8.2_400bps",
    "format_samples/multi_fast5_zip_v3.pod5": "r9.4.1",
    "format_samples/multi_read_pod5_filtered.pod5": "r10.4",
    "format_samples/single_channel_multi_read_pod5_filtered.pod5": "r10.4.1_e8.2_400bps",
    "format_samples/single_split_read_single_split_read.pod5": "r10.4.1_e8.2_400bps",
    "kpneumoniae_deepnano/kpneumoniae_r94_48reads.pod5": "r9.4.1",
    "lambda_marcpaga/lambda_r941_50reads.pod5": "r9.4.1",
    "lambda_nanodj/lambda_r941_4khz_rad004_1556reads.pod5": "r9.4.1",
    "lambda_squigglefilter/lambda_r941_rad004_250reads.pod5": "r9.4.1",
    "r10/can_reads.pod5": "r10.4.1_e8.2_400bps",
    "r10/duplex_reads.pod5": None,  # an R10.4 flow cell called by the instrument as R10.4.1
    "r10/mod_reads.pod5": "r10.4.1_e8.2_400bps",
    "zymo_rrna/zymo_rrna_r941_93reads.pod5": "r9.4.1",
}


def test_real_files(shared: Path) -> None:
    from lexome.io.pod5 import read_runs

    folder = shared / "data" / "nanopore"
    there = {str(path.relative_to(folder)) for path in folder.rglob("*.pod5")}
    assert there == REAL.keys()
    for name, expected in REAL.items():
        assert {chemistry_of(found) for found in read_runs(folder / name)} == {expected}, name
