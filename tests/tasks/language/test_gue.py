"""Running benchmarks: every result whole or not at all, nothing done twice, nothing lost, failures told."""

import dataclasses
import fcntl
import functools
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.classification import figure_intervals, figures_of
from lexome.tasks.language import gue_results
from lexome.tasks.language.finetune import Listener
from lexome.tasks.language.gue import GueRequest, Ran, run_gue
from lexome.tasks.language.gue_answer import Answer, Role
from lexome.tasks.language.gue_contenders import Majority
from lexome.tasks.language.gue_sets import BenchmarkSet
from lexome.tasks.language.gue_splits import Trial


@dataclasses.dataclass
class Guesser:
    """Draws its predictions, in no time, and remembers what it was asked."""

    name: str = "guesser"
    role: Role = "model"
    is_drawn: bool = True
    epochs: int = 3
    fails_on: str = ""
    stops_at: int = -1  # the call at which Ctrl-C comes
    asked: list[Any] = dataclasses.field(default_factory=list)

    def settings(self, described: BenchmarkSet) -> dict[str, Any]:
        return {"epochs": self.epochs, "widths": (3, 5)}

    def answer(
        self, described: BenchmarkSet, trial: Trial, seed: int, folder: Path, listener: Listener
    ) -> Answer:
        assert folder.is_dir()
        (folder / "half").write_text("")
        self.asked.append((described.name, trial, seed, folder))
        if self.stops_at == len(self.asked) - 1:
            raise KeyboardInterrupt
        if described.name == self.fails_on:
            raise BadInputError("no")
        listener.log({"step": 1})
        rng = np.random.default_rng(seed)
        predictions = rng.dirichlet(np.ones(trial.training.target.num_outputs), len(trial.tested))
        return Answer(predictions, 1.5, 100, 50, 2.0, 7, 5)


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    few = functools.partial(figure_intervals, config=BootstrapConfig(resamples=20))
    monkeypatch.setattr(gue_results, "figure_intervals", few)


@pytest.fixture
def folder(tmp_path: Path, toy: ModuleType) -> Path:
    """Four sets: complete, without training set, of one file, and one with a class that training lacks."""
    for name, splits in (
        ("tf/0", ("train", "dev", "test")),
        ("EMP/H3", ("dev", "test")),
        ("own", ("train",)),
    ):
        (tmp_path / "sets" / name).mkdir(parents=True)
        for number, split in enumerate(splits):
            toy.write_table(tmp_path / "sets" / name / f"{split}.csv", toy.motif_set(60, seed=number))
    return tmp_path / "sets"


def _lacking(folder: Path, toy: ModuleType) -> None:
    """Adds a set whose test has a class that training has not."""
    broken = folder / "broken"
    broken.mkdir()
    for split in ("train", "dev", "test"):
        toy.write_table(broken / f"{split}.csv", toy.motif_set(40))
    text = (broken / "test.csv").read_text().splitlines()
    (broken / "test.csv").write_text("\n".join([*text[:-1], text[-1].split(",")[0] + ",third"]))


def _run(folder: Path, *contenders: Any, resume: bool = False, **more: Any) -> tuple[Ran, list[str]]:
    told: list[str] = []
    request = GueRequest(folder, folder.parent / "out", contenders, **more)
    return run_gue(request, "the command", resume=resume, listener=Listener(told.append)), told


def _result(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder.parent / "out" / "results" / name).read_text())


def test_every_set_contender_and_seed(folder: Path) -> None:
    guesser = Guesser()
    ran, told = _run(folder, Majority(), guesser, seeds=(0, 4), folds=3)
    assert (ran.done, ran.skipped, ran.failures) == (9, 0, [])
    out = folder.parent / "out"
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert names == sorted(
        f"results/{set_name}/{contender}.{kind}"
        for set_name in ("tf/0", "EMP/H3", "own")
        for contender in ("majority-seed0", "guesser-seed0", "guesser-seed4")
        for kind in ("json", "npz")
    )
    assert not (out / "work").exists()
    assert sum("guesser seed 4" in line for line in told) == 3
    assert told[0].startswith("[1 of 9] EMP/H3 majority: mcc 0.0000")
    assert [seed for name, _, seed, _ in guesser.asked if name == "own"] == [0, 0, 0, 4, 4, 4]


def test_what_a_result_holds(folder: Path) -> None:
    guesser = Guesser()
    _run(folder, guesser, sets=("tf/0",), seeds=(2,))
    made = _result(folder, "tf/0/guesser-seed2.json")
    _, trial, _, _ = guesser.asked[0]
    with np.load(folder.parent / "out/results/tf/0/guesser-seed2.npz") as arrays:
        predictions, truth = arrays["predictions"], arrays["truth"]
    assert np.array_equal(predictions, np.random.default_rng(2).dirichlet(np.ones(2), 60))
    assert np.array_equal(truth, trial.tested.truth)
    assert made["figures"] == figures_of("classes", predictions, truth)
    low, high = made["intervals"]["mcc"]
    assert low < made["figures"]["mcc"] < high
    assert made["set"]["name"] == "tf/0"
    assert made["set"]["published"] == 71.99
    assert made["protocol"]["name"] == "COMPLETE"
    assert made["sizes"] == {"training": [60], "stopping": [60], "tested": 60}
    assert made["leakage"]["lines"] == ["0 of 60 tested sequences are in training too"]
    assert made["cost"]["cpu_s"] == 1.5
    assert made["training"] == [{"steps": 7, "best_step": 5}]
    assert (made["seed"], made["command"]) == (2, "the command")
    assert {"python", "lexome", "torch", "numpy"} <= set(made["versions"])


def test_folds_score_every_sequence_once(folder: Path) -> None:
    guesser = Guesser()
    _run(folder, guesser, sets=("own",), folds=3)
    made = _result(folder, "own/guesser-seed0.json")
    assert made["protocol"]["folds"] == 3
    assert made["sizes"]["tested"] == 60
    assert made["cost"]["cpu_s"] == 4.5
    with np.load(folder.parent / "out/results/own/guesser-seed0.npz") as arrays:
        assert np.array_equal(
            arrays["truth"], np.concatenate([trial.tested.truth for _, trial, _, _ in guesser.asked])
        )
    assert sorted(name for _, trial, _, _ in guesser.asked for name in trial.tested.names) == sorted(
        str(n) for n in range(1, 61)
    )


def test_nothing_is_overwritten(folder: Path) -> None:
    _run(folder, Guesser(), sets=("tf/0",))
    with pytest.raises(UsageError, match=r"tf/0/guesser-seed0.json is there already; add --resume"):
        _run(folder, Guesser())
    assert not (folder.parent / "out/results/EMP").exists()


def test_resume_does_nothing_twice(folder: Path) -> None:
    _run(folder, Guesser(), sets=("tf/0",))
    before = (folder.parent / "out/results/tf/0/guesser-seed0.json").read_bytes()
    again = Guesser()
    ran, _ = _run(folder, again, resume=True, sets=("tf/0", "EMP"))
    assert (ran.done, ran.skipped) == (1, 1)
    assert [name for name, *_ in again.asked] == ["EMP/H3"]
    assert (folder.parent / "out/results/tf/0/guesser-seed0.json").read_bytes() == before
    assert not (folder.parent / "out" / "work").exists()


def test_other_settings_are_told(folder: Path) -> None:
    _run(folder, Guesser(), sets=("tf/0",))
    other = Guesser(epochs=4)
    ran, told = _run(folder, other, resume=True, sets=("tf/0", "EMP/H3"))
    assert ran.done == 1
    assert len(ran.failures) == 1
    assert "other settings (different: epochs)" in ran.failures[0]
    assert any("failed: tf/0 guesser seed 0" in line for line in told)


def test_other_sequences_are_told(folder: Path, toy: ModuleType) -> None:
    _run(folder, Guesser(), sets=("tf/0",))
    toy.write_table(folder / "tf/0/test.csv", toy.motif_set(60, seed=9))
    ran, _ = _run(folder, Guesser(), resume=True, sets=("tf/0",))
    assert "different: data_sha256" in ran.failures[0]


def test_a_stopped_run_goes_on(folder: Path) -> None:
    stopped = Guesser(stops_at=2)
    with pytest.raises(KeyboardInterrupt):
        _run(folder, stopped, sets=("EMP/H3", "own"), folds=3)
    out = folder.parent / "out"
    assert [path.name for path in out.rglob("*.json") if "results" in path.parts] == ["guesser-seed0.json"]
    with pytest.raises(UsageError, match="EMP/H3/guesser-seed0.json is there already"):
        _run(folder, Guesser(), sets=("EMP/H3", "own"), folds=3)
    with pytest.raises(UsageError, match="own/guesser-seed0 holds a training that was stopped"):
        _run(folder, Guesser(), sets=("own",), folds=3)
    ran, _ = _run(folder, Guesser(epochs=5), resume=True, sets=("own",), folds=3)
    assert "work/own/guesser-seed0: was made with other settings" in ran.failures[0]
    again = Guesser()
    ran, _ = _run(folder, again, resume=True, sets=("EMP/H3", "own"), folds=3)
    assert (ran.done, ran.skipped, ran.failures) == (1, 1, [])
    assert again.asked[1][3] == stopped.asked[2][3]  # the same folder: a training goes on in it
    assert not (out / "work").exists()


def test_what_fails_does_not_stop_the_rest(folder: Path, toy: ModuleType) -> None:
    _lacking(folder, toy)
    ran, told = _run(folder, Guesser(fails_on="EMP/H3"), Majority(), folds=3)
    assert ran.done == 5
    assert len(ran.failures) == 2
    assert any("broken" in failure and "third" in failure for failure in ran.failures)
    assert "EMP/H3 guesser seed 0: no" in ran.failures
    assert told[-1].startswith("[8 of 8] own majority")
    assert not (folder.parent / "out/results/EMP/H3/guesser-seed0.json").exists()


def test_two_runs_share_the_work(folder: Path) -> None:
    work = folder.parent / "out" / "work" / "tf"
    (work / "0").mkdir(parents=True)
    with (work / "0" / "guesser-seed0.claim").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        ran, told = _run(folder, Guesser(), sets=("tf/0", "EMP/H3"))
    assert (ran.done, ran.elsewhere, ran.failures) == (1, 1, [])
    assert any("tf/0 guesser seed 0: another run is at it" in line for line in told)
    ran, _ = _run(folder, Guesser(), sets=("tf/0",))
    assert ran.done == 1
    assert not work.exists()


def test_kept_models(folder: Path) -> None:
    _run(folder, Guesser(), sets=("tf/0",), keep_models=True)
    assert (folder.parent / "out" / "work" / "tf/0/guesser-seed0/trial-1/half").exists()


def test_rows_of_the_log_say_whose_they_are(folder: Path) -> None:
    rows: list[dict[str, Any]] = []
    request = GueRequest(folder, folder.parent / "out", [Guesser()], ("own",), folds=3)
    run_gue(request, "", listener=Listener(log=rows.append))
    assert [row["label"] for row in rows] == [f"own guesser seed 0, fold {n} of 3" for n in (1, 2, 3)]
