"""Points of exact receptive fields: made once, gone on with, never mixed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.errors import BadInputError, UsageError
from lexome.models.registry import new_network
from lexome.tasks.bench import synthetic
from lexome.tasks.bench.synthetic import (
    Experiment,
    architecture_of,
    figures_of,
    kernels_of,
    run_experiment,
    source_of,
)


@given(st.integers(0, 75).map(lambda n: 2 * n + 1))
def test_kernels_are_odd_alike_and_add_up(receptive_field: int) -> None:
    first, second = kernels_of(receptive_field)
    assert first + second - 1 == receptive_field
    assert first % 2 == second % 2 == 1
    assert 0 <= first - second <= 2
    with pytest.raises(ValueError, match="odd number"):
        kernels_of(receptive_field + 1)


@pytest.mark.parametrize("receptive_field", [1, 5, 9, 15, 21, 31])
def test_a_network_sees_exactly_its_receptive_field(receptive_field: int) -> None:
    """By changing one sample at a time and looking whether the score in the middle changes."""
    torch.manual_seed(0)
    head = {"name": "classes", "config": {"classes": 3}}
    network = new_network(architecture_of(receptive_field, 6), head).eval()
    signal = torch.randn(1, 1, 61)
    changed = signal.repeat(61, 1, 1)
    changed[torch.arange(61), 0, torch.arange(61)] += 3.0
    with torch.no_grad():
        differs = (network(changed)[:, 30] - network(signal)[0, 30]).abs().amax(dim=1) > 1e-6
    half = receptive_field // 2
    assert np.flatnonzero(differs.numpy()).tolist() == list(range(30 - half, 30 + half + 1))


def small(**changes: object) -> Experiment:
    fields = {"seeds": 2, "steps": 3, "batch_size": 2, "width": 4, "judged_signals": 3, **changes}
    return Experiment(source_of("borders"), (3, 21), **fields)  # pyright: ignore[reportArgumentType]


def test_what_is_finished_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    figures = run_experiment(small(), tmp_path, on_point=lambda one: told.append(str(one["seed"])))
    assert told == ["0", "1", "0", "1"]
    assert [point["receptive_field"] for point in figures["points"]] == [3, 21]
    assert figures["knee"]["below"][0] == 3
    assert figures["metric"] == "border_f1"
    json.dumps(figures, allow_nan=False)
    monkeypatch.setattr(synthetic, "train", None)  # calling it would fail
    assert run_experiment(small(), tmp_path) == figures
    with pytest.raises(UsageError, match="other settings"):
        run_experiment(small(steps=4), tmp_path)
    (tmp_path / "rf003_seed0" / "result.json").write_text("{")
    with pytest.raises(BadInputError, match="no result that can be read"):
        run_experiment(small(), tmp_path)


def test_a_stopped_training_goes_on_and_ends_alike(tmp_path: Path) -> None:
    whole = run_experiment(small(seeds=1, steps=8), tmp_path / "whole")

    class StoppedError(Exception):
        pass

    def stop(point: str, row: dict) -> None:
        if row["step"] >= 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        run_experiment(small(seeds=1, steps=8), tmp_path / "cut", on_log=stop)
    assert (tmp_path / "cut" / "rf003_seed0" / "training.json").exists()
    assert not (tmp_path / "cut" / "rf003_seed0" / "result.json").exists()
    with pytest.raises(UsageError, match="was begun with other settings"):
        run_experiment(small(seeds=1, steps=9), tmp_path / "cut")
    rows: list[tuple[str, int]] = []
    found = run_experiment(
        small(seeds=1, steps=8), tmp_path / "cut", on_log=lambda point, row: rows.append((point, row["step"]))
    )
    assert rows[0] == ("rf003_seed0", 4)  # it was saved after the validation at step 2
    for one, two in zip(found["trainings"], whole["trainings"], strict=True):
        assert one["metrics"] == two["metrics"]


def test_figures_are_means_over_seeds() -> None:
    experiment = Experiment(source_of("bases"), (21, 5), seeds=2)
    results = [
        {
            "receptive_field": field, "seed": seed, "kernels": [1, 1], "parameters": 7, "seconds": 2.0,
            "settings": {},
            "metrics": {"accuracy": value, "majority_accuracy": 0.26, "samples": 50.0},
        }
        for field, seed, value in ((21, 0, 0.8), (21, 1, 0.6), (5, 0, 0.3), (5, 1, 0.5))
    ]  # fmt: skip
    figures = figures_of(experiment, results)
    assert [(p["mean"], p["least"], p["most"]) for p in figures["points"]] == [
        (pytest.approx(0.4), 0.3, 0.5), (pytest.approx(0.7), 0.6, 0.8),
    ]  # fmt: skip
    assert figures["knee"] == {"below": [5, pytest.approx(0.4)], "from": [21, pytest.approx(0.7)]}
    assert figures["baseline"] == 0.26


@pytest.mark.parametrize("fields", [(), (4,), (5, 5), (153,), (-1,)])
def test_receptive_fields_that_cannot_be(fields: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="receptive field"):
        Experiment(source_of("bases"), fields)
