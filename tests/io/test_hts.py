import math

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.core.errors import LexomeError
from lexome.core.records import Basecall
from lexome.io.hts import OutputHeader, mean_qscore, read_start, tags_of
from lexome.io.hts_records import records
from lexome.io.pod5 import iter_reads


def one_record(call, header, emit_moves) -> pysam.AlignedSegment:
    (segment,) = records(call, header, emit_moves)
    return segment


@pytest.fixture
def header(make_run) -> OutputHeader:
    runs = [make_run("run-a"), make_run("run-b", flow_cell="", device="", extra={}), make_run("run-a")]
    return OutputHeader(runs, "fast@v1", 6, "1.2.3", "lexome basecall in.pod5\t-o out.bam", "cpu")


class TestMeanQuality:
    @settings(deadline=None)
    @given(st.lists(st.integers(1, 93), min_size=1, max_size=200))
    def test_against_the_definition(self, qualities):
        counted = qualities[60:] if len(qualities) > 60 else qualities
        error = math.fsum(10 ** (-q / 10) for q in counted) / len(counted)
        found = mean_qscore(np.array(qualities, np.uint8))
        assert found == pytest.approx(-10 * math.log10(error), abs=1e-9)

    def test_the_first_sixty_bases_do_not_count(self):
        bad_start = np.array([2] * 60 + [30], np.uint8)
        assert mean_qscore(bad_start) == pytest.approx(30)
        assert mean_qscore(bad_start[:60]) == pytest.approx(2)

    def test_no_bases(self):
        assert mean_qscore(np.zeros(0, np.uint8)) == 0.0


class TestHeader:
    def test_lines(self, header):
        lines = header.sam_text().splitlines()
        assert lines[0] == "@HD\tVN:1.6\tSO:unknown"
        assert lines[1] == (
            "@PG\tID:basecaller\tPN:lexome\tVN:1.2.3\tCL:lexome basecall in.pod5 -o out.bam\tDS:cpu"
        )
        assert lines[2] == (
            "@RG\tID:run-a_fast@v1\tPU:FAB42\tPM:MN12345\tDT:2025-02-05T22:00:00.500000+00:00\tPL:ONT\t"
            "DS:runid=run-a basecall_model=fast@v1 experiment_id=an experiment "
            "acquisition_start_time=2025-02-05T23:08:58.101000+00:00 model_stride=6\tLB:sample one"
        )
        assert len(lines) == 4, "a run that is named twice has one read group"

    def test_unknown_values(self, header):
        fields = header.sam_text().splitlines()[3].split("\t")
        assert fields[1:4] == ["ID:run-b_fast@v1", "PU:unknown", "PM:unknown"]
        assert "experiment_id" not in fields[6]
        assert fields[7] == "LB:unknown"

    def test_pysam_keeps_every_letter(self, header, make_run):
        assert str(header.pysam_header).rstrip() == header.sam_text().rstrip()
        umlaut = OutputHeader([make_run(extra={"sample_id": "Käfer\n7"})], "m", 5, "1", "lexome -o Grüße.bam")
        assert str(umlaut.pysam_header).rstrip() == umlaut.sam_text().rstrip()
        assert "LB:Käfer 7" in umlaut.sam_text()

    def test_unannounced_run_or_model(self, header, make_call, make_read, make_run):
        stranger = make_call(info=make_read(run=make_run("run-z")).info)
        with pytest.raises(LexomeError, match="run-z"):
            header.read_group_of(stranger)
        with pytest.raises(LexomeError, match="hac"):
            header.read_group_of(make_call(model_name="hac"))


class TestTags:
    def test_as_in_a_record_of_dorado(self, make_read, make_run, make_call):
        """The record that dorado's regression test shows, all but its quality."""
        model = "dna_r10.4.1_e8.2_400bps_hac@v5.2.0"
        run = make_run("f00", start_time_utc="2025-02-05T23:08:58.101000+00:00")
        info = make_read(
            run=run,
            num_samples=41038,
            mux=4,
            channel=438,
            read_number=11832,
            start_sample=5_004_999,
            source="SQK-LSK114.pod5",
            extra={"pore_type": "not_set", "num_minknow_events": 5576},
        ).info
        call = make_call(
            bases=90,
            info=info,
            trimmed_samples=544,
            shift_pa=94,
            scale_pa=24,
            scaling_method="pa",
            model_name=model,
        )
        header = OutputHeader([run], model, 6, "1", "lexome")
        line = one_record(call, header, emit_moves=False).to_string()
        fields = line.split("\t")
        assert fields[:9] == [call.read_id, "4", "*", "0", "0", "*", "*", "0", "0"]
        assert fields[9] == call.sequence
        assert [ord(letter) - 33 for letter in fields[10]] == call.qualities.tolist()
        assert fields[11] == f"qs:f:{mean_qscore(call.qualities):g}"
        assert " ".join(fields[12:]) == (
            "du:f:8.2076 ns:i:41038 ts:i:544 mx:i:4 ch:i:438 st:Z:2025-02-05T23:25:39.100000+00:00 "
            "rn:i:11832 fn:Z:SQK-LSK114.pod5 sm:f:94 sd:f:24 sv:Z:pa dx:i:0 "
            "RG:Z:f00_dna_r10.4.1_e8.2_400bps_hac@v5.2.0 "
            "po:Z:not_set er:Z:signal_positive me:i:5576"
        )

    def test_move_table(self, make_call, header):
        call = make_call(bases=20)
        tags = {name: (value, kind) for name, value, kind in tags_of(call, header, emit_moves=True)}
        assert tags["mv"][0].tolist() == [6, *call.moves.tolist()]
        order = [name for name, _, _ in tags_of(call, header, emit_moves=True)]
        assert order[order.index("mv") - 1] == "RG"
        for without in (tags_of(call, header, False), tags_of(make_call(moves=None), header, True)):
            assert "mv" not in [name for name, _, _ in without]

    def test_values_that_are_not_known_or_do_not_fit(self, make_call, make_read, make_run, header):
        info = make_read(
            run=make_run(start_time_utc=""),
            end_reason="",
            read_number=2**32 - 1,
            source="größe\t1.pod5",
            extra={"num_minknow_events": 2**40},
        ).info
        segment = one_record(make_call(info=info), header, emit_moves=False)
        tags = {name: (value, kind) for name, value, kind in segment.get_tags(with_value_type=True)}
        assert "st" not in tags
        assert "me" not in tags
        assert tags["er"] == ("unknown", "Z")
        assert tags["po"] == ("not_set", "Z")
        assert tags["rn"][1] == "I"
        assert segment.get_tag("rn") == 2**32 - 1
        assert tags["fn"] == ("gr__e_1.pod5", "Z")

    def test_impossible_start(self, make_call, make_read):
        assert read_start(make_call(info=make_read(start_sample=2**63).info)) == ""

    def test_lengths_must_agree(self, make_call, header):
        with pytest.raises(LexomeError, match="19 qualities"):
            one_record(make_call(bases=20, qualities=np.full(19, 9, np.uint8)), header, False)

    def test_no_bases(self, make_call, header):
        fields = one_record(make_call(bases=0), header, False).to_string().split("\t")
        assert fields[9:11] == ["*", "*"]

    def test_high_qualities_are_capped(self, make_call, header):
        segment = one_record(make_call(bases=3, qualities=np.array([10, 93, 200], np.uint8)), header, False)
        assert list(segment.query_qualities) == [10, 93, 93]

    def test_as_dorado_tagged_the_same_reads(self, shared):
        """Calls that dorado made of these POD5 reads: what the file alone determines must agree."""
        folder = shared / "data/nanopore/r10"
        reads = {read.read_id: read for read in iter_reads(folder / "can_reads.pod5", print)}
        header = OutputHeader([read.info.run for read in reads.values()], "m", 5, "1", "lexome")
        compared = 0
        with pysam.AlignmentFile(str(folder / "can_mappings.bam")) as file:
            for segment in file:
                theirs = dict(segment.get_tags())
                qualities = np.zeros(segment.query_length, np.uint8)
                call = Basecall(
                    reads[segment.query_name].info,
                    segment.query_sequence,
                    qualities,
                    None,
                    5,
                    theirs["ts"],
                    theirs["sm"],
                    theirs["sd"],
                    theirs["sv"],
                    "m",
                )
                ours = {name: value for name, value, _ in tags_of(call, header, False)}
                assert ours["du"] == pytest.approx(theirs["du"], abs=1e-4)
                for name in ("ns", "mx", "ch", "rn"):
                    assert ours[name] == theirs[name]
                # that version wrote the milliseconds without leading zeros: .012 as .12
                seconds, milliseconds = theirs["st"].removesuffix("+00:00").split(".")
                assert ours["st"] == f"{seconds}.{int(milliseconds):03d}000+00:00"
                compared += 1
        assert compared == 14
