"""Which model fits the reads: `-m auto`, and refusing one that does not fit."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lexome.checkpoint.store import bundled_models, load
from lexome.core.errors import UsageError
from lexome.core.records import RunInfo
from lexome.engine.onnx import graph_key
from lexome.features.signal import SignalConfig
from lexome.io.pod5 import write_pod5
from lexome.io.signal_files import runs_of
from lexome.tasks.basecall import choose
from lexome.tasks.basecall.choose import PUBLISHED, check_fit, choose_model, resolve_model, signal_config

R9 = SignalConfig(sample_rate_hz=4000, chemistry="r9.4.1")
R10_4KHZ = SignalConfig(sample_rate_hz=4000, chemistry="r10.4.1_e8.2_400bps")
R10_5KHZ = SignalConfig(sample_rate_hz=5000, chemistry="r10.4.1_e8.2_400bps")
MODELS = {"r9_big": R9, "r9_small": R9, "r10_4": R10_4KHZ, "r10_5": R10_5KHZ}
UNSTATED = SignalConfig()


def run(flow_cell: str = "", kit: str = "", rate_hz: int = 4000, run_id: str = "aaaabbbbcccc") -> RunInfo:
    extra = {"flow_cell_product_code": flow_cell, "sequencing_kit": kit}
    return RunInfo(run_id, "FAX1", rate_hz, "MN1", "", extra)


LAMBDA = run("FLO-MIN106", "SQK-LSK109")
KIT14_4KHZ = run("FLO-MIN114", "SQK-LSK114", 4000, "14144144")
KIT14_5KHZ = run("FLO-MIN114", "SQK-LSK114", 5000, "55555555")
RNA = run("FLO-PRO004RA", "SQK-RNA004", 4000, "aaa")
NOTHING = run()
ODD = run("FLO-MIN106", "SQK-LSK114", 4000, "0dd0dd0dd")


@pytest.fixture
def other_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if these were in the package."""
    monkeypatch.setattr(choose, "bundled_signals", lambda: MODELS)


class TestChoosing:
    @pytest.mark.parametrize(
        ("runs", "expected"),
        [
            ([LAMBDA], "r9_big"),
            ([KIT14_4KHZ], "r10_4"),
            ([KIT14_5KHZ], "r10_5"),
            ([KIT14_5KHZ, run("FLO-PRO114M", "SQK-RBK114-24", 5000)], "r10_5"),
        ],
    )
    def test_the_first_that_fits(self, runs: list[RunInfo], expected: str) -> None:
        assert choose_model(runs, MODELS) == expected

    def test_a_model_that_says_nothing_is_never_chosen(self) -> None:
        assert choose_model([LAMBDA], {"any": UNSTATED, "r9": R9}) == "r9"
        with pytest.raises(UsageError, match="bundled: any for an unstated chemistry at any sample rate"):
            choose_model([LAMBDA], {"any": UNSTATED})

    def test_no_fit_says_what_was_found_and_what_to_get(self) -> None:
        with pytest.raises(UsageError) as caught:
            choose_model([KIT14_4KHZ], {"r9": R9, "r10_5": R10_5KHZ})
        assert str(caught.value) == (
            "-m auto: no bundled model is for r10.4.1_e8.2 at 4000 Hz (run 14144144 on FLO-MIN114 with "
            "SQK-LSK114); bundled: r9 for r9.4.1 at 4000 Hz, r10_5 for r10.4.1_e8.2_400bps at 5000 Hz; give "
            "the folder of such a model with -m: dna_r10.4.1_e8.2_400bps_{fast,hac,sup}@v4.1.0 (dorado "
            "0.9.6: dorado download --model dna_r10.4.1_e8.2_400bps_fast@v4.1.0)"
        )
        assert caught.value.exit_code == 2
        with pytest.raises(
            UsageError, match=r"-m: dna_r10\.4\.1_e8\.2_400bps_\{fast,hac\}@v4\.2\.0 or later"
        ):
            choose_model([KIT14_5KHZ], {"r9": R9})
        with pytest.raises(
            UsageError, match="at 3012 Hz.*give the folder of a bonito or dorado model for it"
        ):
            choose_model([run("FLO-MIN106", "SQK-LSK109", 3012)], {"r9": R9})
        with pytest.raises(UsageError, match="bundled: none"):
            choose_model([LAMBDA], {})

    def test_unknown_is_not_guessed(self) -> None:
        with pytest.raises(UsageError, match="run aaaabbbb, 4000 Hz, is not known: it names no flow cell"):
            choose_model([NOTHING], MODELS)
        with pytest.raises(UsageError, match="0dd0dd0d on FLO-MIN106 with SQK-LSK114, 4000 Hz, is not known"):
            choose_model([LAMBDA, ODD], MODELS)
        with pytest.raises(UsageError, match="no run can be read"):
            choose_model([], MODELS)

    def test_rna_is_refused(self) -> None:
        for rna in (RNA, run("FLO-MIN106", "SQK-RNA002")):
            with pytest.raises(
                UsageError, match=r"for rna00[24].*RNA cannot be called with lexome: use dorado"
            ):
                choose_model([rna], MODELS)

    def test_several_kinds_are_listed_by_run(self) -> None:
        with pytest.raises(UsageError) as caught:
            choose_model([LAMBDA, KIT14_4KHZ], MODELS)
        assert str(caught.value) == (
            "-m auto: no bundled model is for all of the input, which holds r9.4.1 at 4000 Hz (run aaaabbbb "
            "on FLO-MIN106 with SQK-LSK109) and r10.4.1_e8.2 at 4000 Hz (run 14144144 on FLO-MIN114 with "
            "SQK-LSK114); call these one by one"
        )

    def test_several_kinds_are_listed_by_file(self, tmp_path: Path, raw_read) -> None:
        kinds = {"a.pod5": LAMBDA, "b.pod5": KIT14_5KHZ, "c.pod5": LAMBDA}
        for number, (name, of) in enumerate(kinds.items()):
            read = raw_read(number)
            info = replace(read.info, run=replace(of, run_id=name * 4))
            write_pod5(tmp_path / name, [replace(read, info=info)])
        files = [tmp_path / name for name in kinds]
        with pytest.raises(UsageError, match=r"\(a\.pod5, c\.pod5\) and r10\S+ at 5000 Hz \(b\.pod5\); call"):
            choose_model(runs_of(files), MODELS, files)
        with pytest.raises(UsageError, match=r"reads of r9\.4\.1 at 4000 Hz \(a\.pod5, c\.pod5\); their"):
            check_fit(runs_of(files), "r10_5", R10_5KHZ, files)

    def test_long_lists_are_cut(self) -> None:
        runs = [replace(KIT14_4KHZ, run_id=f"{n:08}") for n in range(8)]
        with pytest.raises(UsageError, match=r"run 00000004 \S+ \S+ \S+ \S+ and 3 more\)"):
            choose_model(runs, {"r9": R9})


@pytest.mark.usefixtures("other_models")
class TestCheck:
    def test_what_fits_or_says_nothing_passes_in_silence(self) -> None:
        for runs, signal in (
            ([LAMBDA], R9),
            ([LAMBDA, NOTHING], R9),
            ([NOTHING], UNSTATED),
            ([LAMBDA, KIT14_5KHZ], UNSTATED),
            ([KIT14_5KHZ], R10_5KHZ),
            ([KIT14_4KHZ], SignalConfig(chemistry="r10.4.1_e8.2_260bps")),
            ([run("FLO-MIN106", "SQK-LSK109", 4001)], R9),
            ([], R9),
        ):
            assert check_fit(runs, "model", signal) == []

    def test_another_chemistry_is_refused_with_one_that_fits(self, monkeypatch) -> None:
        with pytest.raises(UsageError) as caught:
            check_fit([KIT14_4KHZ], "mine", R9)
        assert str(caught.value) == (
            "model mine is for r9.4.1 at 4000 Hz, but there are reads of r10.4.1_e8.2 at 4000 Hz (run "
            "14144144 on FLO-MIN114 with SQK-LSK114); their bases would be wrong; -m r10_4 fits; --force "
            "calls them with mine all the same"
        )
        monkeypatch.setattr(choose, "bundled_signals", lambda: {"mine": R10_4KHZ})
        with pytest.raises(UsageError, match=r"such a model with -m: dna_r9\.4\.1_e8_\{fast,hac,sup\}@v3\.N"):
            check_fit([LAMBDA], "mine", R10_4KHZ)

    def test_another_sample_rate_is_refused(self) -> None:
        with pytest.raises(UsageError, match=r"reads of r10\S+ at 5000 Hz.*-m r10_5 fits"):
            check_fit([KIT14_5KHZ], "r10_4", R10_4KHZ)
        unknown = run(rate_hz=5000)
        with pytest.raises(
            UsageError, match="an unknown chemistry at 5000 Hz.*bonito or dorado model for it"
        ):
            check_fit([unknown], "r9", R9)

    def test_rna_is_refused_by_every_model(self) -> None:
        for signal in (R9, UNSTATED, SignalConfig(sample_rate_hz=4000)):
            with pytest.raises(UsageError, match="use dorado"):
                check_fit([RNA], "any", signal)

    def test_force_says_what_is_risked(self) -> None:
        (warning,) = check_fit([LAMBDA, KIT14_4KHZ], "r9", R9, force=True)
        assert warning.startswith(
            "warning: model r9 is for r9.4.1 at 4000 Hz, but there are reads of r10.4.1"
        )
        assert "FLO-MIN114" in warning
        assert "FLO-MIN106" not in warning
        assert warning.endswith("likely to be wrong, and nothing in the output shows it")
        assert check_fit([LAMBDA], "r9", R9, force=True) == []

    def test_metadata_that_contradict_themselves_are_a_note(self) -> None:
        (note,) = check_fit([LAMBDA, ODD, replace(ODD, run_id="x")], "r9", R9)
        assert note == (
            "run 0dd0dd0d on FLO-MIN106 with SQK-LSK114, and 1 more, does not say clearly what it is: its "
            "flow_cell_product_code FLO-MIN106 means r9.4.1 or rna001 or rna002, but its sequencing_kit "
            "SQK-LSK114 means r10.4.1_e8.2; whether model r9, for r9.4.1 at 4000 Hz, fits could not be "
            "checked"
        )
        assert check_fit([ODD], "any", UNSTATED) == []


class TestResolving:
    def test_auto_loads_the_bundled_model(self) -> None:
        chosen = resolve_model("auto", [LAMBDA])
        assert chosen.checkpoint.name == "r9.4.1_hac"  # the most accurate one
        assert chosen.checkpoint.weights
        assert chosen.notes == ["-m auto: model r9.4.1_hac, for r9.4.1 at 4000 Hz"]
        order = list(choose.bundled_signals())
        assert order.index("r9.4.1_hac") + 1 == order.index("r9.4.1_hac_int8")  # as large, in float32

    def test_auto_says_where_the_reads_do_not_say_it_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bundled = load("r9.4.1_fast")
        features = {**bundled.features, "chemistry": "r10.4.1_e8.2_400bps"}
        model = replace(bundled, features=features, provenance={"name": "r10"})
        monkeypatch.setattr(choose, "bundled_models", lambda: {"r10": "r10"})
        monkeypatch.setattr(choose, "load", lambda name: model)
        assert resolve_model("auto", [KIT14_4KHZ, KIT14_4KHZ]).notes == [
            "-m auto: model r10, for r10.4.1_e8.2_400bps at 4000 Hz (the reads say no more than r10.4.1_e8.2 "
            "at 4000 Hz)"
        ]

    def test_of_several_that_fit_the_largest_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bundled = load("r9.4.1_fast")
        first = dict(list(bundled.weights.items())[:2])
        checkpoints = {
            "aa": replace(bundled, provenance={"name": "aa"}, weights=first),
            "zz": replace(bundled, provenance={"name": "zz"}),
        }
        monkeypatch.setattr(choose, "bundled_models", lambda: {name: name for name in checkpoints})
        monkeypatch.setattr(choose, "load", checkpoints.__getitem__)
        assert resolve_model("auto", [LAMBDA]).checkpoint.name == "zz"

    def test_a_named_model_is_checked(self) -> None:
        assert resolve_model("r9.4.1_fast", [LAMBDA]).notes == []
        with pytest.raises(UsageError, match=r"model r9\.4\.1_fast is for r9\.4\.1 at 4000 Hz, but"):
            resolve_model("r9.4.1_fast", [KIT14_4KHZ])
        with pytest.raises(UsageError) as caught:  # by a command without --force
            resolve_model("r9.4.1_fast", [KIT14_4KHZ], force=None)
        assert "--force" not in str(caught.value)
        forced = resolve_model("r9.4.1_fast", [KIT14_4KHZ], force=True)
        assert forced.checkpoint.name == "r9.4.1_fast"
        assert forced.notes[0].startswith("warning: ")

    def test_a_folder_is_checked_too(self, small_model: Path) -> None:
        """It says its sample rate only."""
        assert resolve_model(small_model, [KIT14_4KHZ]).notes == []
        with pytest.raises(UsageError, match=r"model small is for an unstated chemistry at 4000 Hz"):
            resolve_model(str(small_model), [KIT14_5KHZ])

    def test_a_name_that_is_unknown(self) -> None:
        with pytest.raises(UsageError, match="no model 'nothing'"):
            resolve_model("nothing", [LAMBDA])

    def test_real_files(self, shared: Path) -> None:
        folder = shared / "data" / "nanopore"

        def resolve(model: str, *names: str) -> str:
            files = [folder / name for name in names]
            return resolve_model(model, runs_of(files), files).checkpoint.name

        r9 = ("lambda_marcpaga/lambda_r941_50reads.pod5", "zymo_rrna/zymo_rrna_r941_93reads.pod5")
        for model, name in (("auto", "r9.4.1_hac"), ("r9.4.1_fast", "r9.4.1_fast")):
            assert resolve(model, *r9) == name
            with pytest.raises(
                UsageError, match=r"400bps at 4000 Hz .*download --model dna_r10\.4\.1_\S+@v4"
            ):
                resolve(model, "r10/can_reads.pod5")
            with pytest.raises(
                UsageError, match=r"400bps at 5000 Hz .*download --model dna_r10\.4\.1_\S+@v5"
            ):
                resolve(model, "format_samples/chr1_MAT.pod5")
        with pytest.raises(UsageError, match=r"\(lambda_r941_50reads.pod5\) and r10\S+ .*\(can_reads.pod5\)"):
            resolve("auto", r9[0], "r10/can_reads.pod5")
        with pytest.raises(UsageError, match="FLO-PRO112 means r10.4, but"):
            resolve("auto", "r10/duplex_reads.pod5")


def test_bundled_basecallers_say_what_they_are_for() -> None:
    for name in bundled_models():
        checkpoint = load(name)
        if checkpoint.task == "basecall":
            signal = signal_config(checkpoint)
            assert signal.chemistry is not None
            assert signal.sample_rate_hz is not None


def test_the_chemistry_changes_nothing_of_the_network() -> None:
    checkpoint = load("r9.4.1_fast")
    stated = dict(checkpoint.features)
    assert stated.pop("chemistry") == "r9.4.1"
    unstated = replace(checkpoint, features=stated)
    assert graph_key(checkpoint) == graph_key(unstated)
    assert replace(signal_config(checkpoint), chemistry=None) == signal_config(unstated)
    assert json.loads(json.dumps(checkpoint.features)) == checkpoint.features


def test_published_names_say_what_they_are_listed_for() -> None:
    from lexome.core.chemistry import CHEMISTRIES, model_chemistry, model_sample_rate_hz

    for published in PUBLISHED:
        stated = published.signal.chemistry
        assert stated is not None
        for name in (published.names, published.how.split()[-1]):
            if "dna_" not in name:
                continue
            assert model_chemistry(name) == stated, name
            assert model_sample_rate_hz(name) == published.signal.sample_rate_hz, name
        assert len(CHEMISTRIES[stated].kinds) == 1
