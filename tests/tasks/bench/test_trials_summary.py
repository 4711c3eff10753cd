"""What is said of finished trials: means over seeds, intervals, and the order beside that of the thesis."""

from pathlib import Path

import numpy as np
import pytest

from lexome.tasks.bench.sets import CTC, trials_of
from lexome.tasks.bench.trials import IDENTITIES, RESULT, Result, Settings, _write, read_result
from lexome.tasks.bench.trials_summary import ordering, summary

SETTINGS = Settings((Path("real"),), {"others": Path("kp")})


def made(folder: Path, experiment: str, identity: dict[str, float], seeds: int = 1, **choice: object) -> list:
    """Results as of trainings, 50 chunks each, for the architectures that `identity` names."""
    rng = np.random.default_rng(0)
    trials = trials_of(experiment, seeds=seeds, only=tuple(identity), **choice)  # type: ignore[arg-type]
    for trial in trials:
        values = identity[str(trial.labels["architecture"])] + 0.01 * trial.seed + rng.normal(0, 0.01, 50)
        figures = {
            store: {"loss": 1.0, "label_identity_mean": values.mean()} for store in ("validation", "others")
        }
        _write(
            folder / trial.name, Result(trial.name, dict(trial.labels), trial.seed, 123, figures),
            {"validation": values, "others": values - 0.1},
        )  # fmt: skip
    return trials


def test_a_row_is_all_seeds_of_a_network(tmp_path: Path) -> None:
    trials = made(tmp_path, "kan", {"bonito": 0.8, "bonito_kan_conv1": 0.7}, seeds=2)
    (tmp_path / trials[-1].name / RESULT).unlink()
    found = summary("kan", trials, SETTINGS, tmp_path)
    first, second = found["rows"]
    assert (first["seeds"], second["seeds"]) == ([0, 1], [0])
    assert found["missing"] == [trials[-1].name]
    validation = first["figures"]["validation"]
    assert validation["by_seed"] == pytest.approx([0.8, 0.81], abs=0.005)
    assert validation["identity"] == pytest.approx(np.mean(validation["by_seed"]))
    assert validation["low"] < validation["identity"] < validation["high"]
    assert validation["high"] - validation["low"] < 0.008  # the seeds' means are averaged, then drawn
    assert first["figures"]["others"]["identity"] == pytest.approx(validation["identity"] - 0.1)
    assert first["thesis"] == {"what": "validation accuracy", "value": 0.905}
    assert found["settings"]["stores"] == ["real"]


def test_the_order_of_the_thesis(tmp_path: Path) -> None:
    """Bonito .905, KAN in the first convolution .901, in the second .907 there."""
    trials = made(tmp_path, "kan", {"bonito": 0.80, "bonito_kan_conv1": 0.75, "bonito_kan_conv2": 0.70})
    found = summary("kan", trials, SETTINGS, tmp_path)["ordering"]
    assert found["pairs"] == 3
    names = lambda key: {(p["first"]["architecture"], p["second"]["architecture"]) for p in found[key]}  # noqa: E731
    assert names("agree") == {("bonito", "bonito_kan_conv1")}
    assert names("disagree") == {("bonito", "bonito_kan_conv2"), ("bonito_kan_conv1", "bonito_kan_conv2")}


def test_what_is_too_close_is_not_counted_for_either(tmp_path: Path) -> None:
    trials = made(tmp_path, "kan", {"bonito": 0.8, "bonito_kan_conv1": 0.8})
    found = summary("kan", trials, SETTINGS, tmp_path)["ordering"]
    assert (len(found["agree"]), len(found["disagree"]), len(found["unclear"])) == (0, 0, 1)


def test_widths_are_not_compared_with_each_other(tmp_path: Path) -> None:
    trials = made(tmp_path, "architectures", {"bonito": 0.8}, widths=(64, 128))
    assert ordering(summary("architectures", trials, SETTINGS, tmp_path)["rows"], tmp_path) is None


def test_a_failure_is_a_row(tmp_path: Path) -> None:
    (trial,) = trials_of("experts", [16], 1, ["sacall"])
    assert trial.head == CTC
    _write(tmp_path / trial.name, Result(trial.name, dict(trial.labels), 0, 0, {}, "not finite"), {})
    (row,) = summary("experts", [trial], SETTINGS, tmp_path)["rows"]
    assert row["failures"] == ["seed 0: not finite"]
    assert row["figures"] == {}
    assert read_result(tmp_path / trial.name) is not None
    assert (tmp_path / trial.name / IDENTITIES).exists()
