"""`lexome lm gue`: options reach the work, tables are made of what is there, failures end in an error."""

import functools
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from lexome.cli import lm_gue
from lexome.cli.interrupts import StoppedError
from lexome.core.errors import LexomeError, UsageError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.classification import figure_intervals
from lexome.tasks.language import gue, gue_results, gue_summary, judged
from lexome.tasks.language.gue import GueRequest, Ran
from lexome.tasks.language.gue_networks import NetworkContender, TrainingOptions


@pytest.fixture(scope="session")
def toy(load_file: Any) -> ModuleType:
    return load_file(Path(__file__).parents[1] / "tasks" / "language" / "toy_language.py")


@pytest.fixture
def sets(tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    few = BootstrapConfig(resamples=20)
    for module in (gue_results, judged):
        monkeypatch.setattr(module, "figure_intervals", functools.partial(figure_intervals, config=few))
    monkeypatch.setattr(gue_summary, "summarised", functools.partial(gue_summary.summarised, bootstrap=few))
    monkeypatch.chdir(tmp_path)
    for name in ("tf/0", "own"):
        Path("sets", name).mkdir(parents=True)
        for number, split in enumerate(("train", "dev", "test")):
            toy.write_table(Path("sets", name, f"{split}.csv"), toy.motif_set(64, seed=number))
    toy.saved_model(Path("m4"))
    return Path("sets")


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(lm_gue.app, arguments, catch_exceptions=False)


def _asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[GueRequest, bool]]:
    asked: list[tuple[GueRequest, bool]] = []

    def run(request: GueRequest, command: str, *, resume: bool, listener: Any) -> Ran:
        asked.append((request, resume))
        return Ran()

    monkeypatch.setattr(gue, "run_gue", run)
    return asked


def test_every_option(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _asked(monkeypatch)
    options = (
        "--models m4 --models b=m4 --sets tf/0,EMP --baselines kmer,cnn --tokenizers byte,3mer-overlapping "
        "--seeds 3,1,3 --epochs 1.5 --batch-size 8 --lr 0.01 --pooling mean --method probe "
        "--pretrain-epochs 2 --average-decay 0.9 --folds 3 --threads 2 --device cpu --keep-models --resume"
    )
    assert _invoke("run", "sets", "-o", "out", *options.split()).exit_code == 0
    ((request, resume),) = asked
    assert resume
    assert (request.folder, request.output) == (Path("sets"), Path("out"))
    assert request.sets == ("tf/0", "EMP")
    assert request.seeds == (3, 1)
    assert (request.folds, request.keep_models) == (3, True)
    assert [one.name for one in request.contenders] == [
        "kmer", "cnn", "scratch:byte", "scratch:3mer-overlapping", "m4:probe:further", "b"
    ]  # fmt: skip
    model = request.contenders[-1]
    assert isinstance(model, NetworkContender)
    assert model.options == TrainingOptions(1.5, 8, 0.01, "mean", "probe", 2.0, 0.9)
    assert (model.threads, model.device) == (2, "cpu")


def test_defaults(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _asked(monkeypatch)
    assert _invoke("run", "sets", "-o", "out", "--models", "m4").exit_code == 0
    ((request, resume),) = asked
    assert not resume
    assert (request.sets, request.seeds, request.folds, request.keep_models) == ((), (0,), 5, False)
    assert [one.name for one in request.contenders] == ["majority", "kmer", "cnn", "m4"]
    assert request.contenders[-1].options == TrainingOptions()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--baselines none", "nothing to run"),
        ("--seeds 1,x", "whole numbers"),
        ("--seeds ,", "whole numbers"),
        ("--sets tf/9", "no set or group 'tf/9'"),
        ("--json none/x.json", "does not exist"),
        ("--tokenizers 7mer", "no such file, nor a tokenizer"),
    ],
)
def test_wrong_options(sets: Path, options: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _invoke("run", "sets", "-o", "out", *options.split())
    assert not Path("out").exists()


def test_run_and_tables(sets: Path) -> None:
    """The whole way, with a model and the baselines; the tables can be made again, of the same bytes."""
    first = _invoke(
        "run", "sets", "-o", "out", "--models", "m4", "--baselines", "majority,kmer", "--epochs", "2",
        "--batch-size", "8", "--threads", "1", "--device", "cpu", "--json", "f.json", "--report", "f.html",
    )  # fmt: skip
    assert first.exit_code == 0
    assert "lexome: [6 of 6] own m4 seed 0: mcc" in first.stderr
    assert "lexome: 6 results made, 0 were there, 0 failed" in first.stderr
    figures = json.loads(Path("f.json").read_text())
    assert figures["contenders"] == ["majority", "kmer", "m4"]
    assert [row["name"] for row in figures["sets"]] == ["tf/0", "own"]
    stored = json.loads(Path("out/results/own/m4-seed0.json").read_text())
    assert figures["sets"][1]["scores"]["m4"]["value"] == stored["figures"]["mcc"]
    assert figures["sets"][1]["scores"]["m4"]["interval"] == pytest.approx(stored["intervals"]["mcc"])
    assert stored["settings"]["pooling"] == "max"
    with np.load("out/results/own/m4-seed0.npz") as arrays:
        assert arrays["predictions"].shape == (64, 2)
    assert "<svg" in Path("f.html").read_text()
    again = _invoke("table", "out", "--json", "g.json")
    assert again.stdout == first.stdout
    assert Path("g.json").read_bytes() == Path("f.json").read_bytes()


def test_a_failure_is_told_and_the_rest_is_there(sets: Path, toy: ModuleType) -> None:
    rows = Path("sets/own/test.csv").read_text().splitlines()
    Path("sets/own/test.csv").write_text("\n".join([*rows, "ACGT,third"]))
    runner = CliRunner()
    done = runner.invoke(lm_gue.app, ["run", "sets", "-o", "out", "--baselines", "majority"])
    assert isinstance(done.exception, LexomeError)
    assert done.exception.exit_code == 1
    assert "1 failed, the first: own: " in str(done.exception)
    assert "lexome: failed: own: " in done.stderr
    assert "lexome: 1 results made, 0 were there, 1 failed" in done.stderr
    assert "tf/0 [a]" in done.stdout


def test_ctrl_c_keeps_what_is_done(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = NetworkContender.answer

    def stop(self: Any, described: Any, *rest: Any) -> Any:
        if described.name == "own":
            raise KeyboardInterrupt
        return work(self, described, *rest)

    monkeypatch.setattr(NetworkContender, "answer", stop)
    arguments = "run sets -o out --baselines majority --models m4 --epochs 1 --threads 1 --device cpu".split()
    with pytest.raises(StoppedError, match="out holds 3 results; --resume goes on from there"):
        _invoke(*arguments)
    monkeypatch.setattr(NetworkContender, "answer", work)
    told = _invoke(*arguments, "--resume").stderr
    assert "lexome: 1 results made, 3 were there, 0 failed" in told


def test_sets(sets: Path) -> None:
    told = _invoke("sets", "sets", "--json", "s.json")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[0] == "Benchmark sets"
    assert len(told.stdout.splitlines()) == 2 + 28 + 1
    found = {one["name"]: one for one in json.loads(Path("s.json").read_text())["sets"]}
    assert found["tf/0"]["files"] == ["train", "dev", "test"]
    assert found["tf/1"]["files"] == []
    assert found["own"]["suite"] == "other"
    assert len(_invoke("sets").stdout.splitlines()) == 2 + 28


def test_commands() -> None:
    group = typer.main.get_command(lm_gue.app)
    assert set(group.commands) == {"build", "run", "sets", "table"}  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_real_set(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mouse/2: k-mer regression as in docs/gue.md, and the CNN above half of what it can."""
    monkeypatch.chdir(tmp_path)
    gue_folder = str(shared / "data" / "dna" / "gue")
    _invoke("run", gue_folder, "-o", "out", "--sets", "mouse/2", "--threads", "1", "--json", "f.json")
    (row,) = json.loads(Path("f.json").read_text())["sets"]
    assert round(100 * row["scores"]["kmer"]["value"], 1) == 81.7
    assert [round(100 * end, 1) for end in row["scores"]["kmer"]["interval"]] == [75.5, 87.3]
    assert row["scores"]["cnn"]["value"] > 0.7
    assert row["published"] == 79.32
