"""A check passes for a sound model and names what is wrong with another."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.exporting import export_model
from lexome.checkpoint.store import Checkpoint, load, save
from lexome.core.errors import LexomeError, UsageError
from lexome.core.records import Skipped
from lexome.decode.crf import CrfDecoder, Decoded
from lexome.engine.onnx import OnnxEngine
from lexome.tasks.basecall import check
from lexome.tasks.basecall.check import CheckLine, check_model
from lexome.tasks.basecall.check_reads import TrialReads

BOTH_ENGINES = ["engines", "engines' bases", "batch size 1", "two threads"]


@pytest.fixture
def few_reads(monkeypatch: pytest.MonkeyPatch, raw_read: Callable) -> Callable:
    """Replaces the simulated reads by short ones, which take no time."""

    def use(fits: bool = True) -> None:
        reads = [raw_read(number, 1500) for number in (1, 2)]
        trial = TrialReads(reads, ["ACGT" * 30] * 2, [], fits)
        monkeypatch.setattr(check, "simulated_reads", lambda checkpoint, signal: trial)

    use()
    return use


def results(lines: list[CheckLine]) -> dict[str, str]:
    return {line.check: line.result for line in lines}


def finding(lines: list[CheckLine], check: str) -> str:
    (line,) = [line for line in lines if line.check == check]
    return line.finding


def changed(model: Path, folder: Path, **weights: Callable[[np.ndarray], np.ndarray]) -> Path:
    """A copy of a model with some weights changed; underscores stand for points."""
    checkpoint = load(model)
    table = {name.replace(".", "_"): name for name in checkpoint.weights}
    new = {table[key]: change(checkpoint.weights[table[key]]) for key, change in weights.items()}
    save(folder, dataclasses.replace(checkpoint, weights={**checkpoint.weights, **new}), "card")
    return folder


def test_a_sound_model_passes(small_model: Path) -> None:
    lines = check_model(small_model)
    found = results(lines)
    assert [found[name] for name in ("files", "weights", *BOTH_ENGINES)] == ["pass"] * 6
    assert "FAIL" not in found.values()
    assert "basecaller small: bonito with a crf head, 13,000 parameters, stride 5" in finding(lines, "files")
    assert "chemistry not stated, 4000 Hz, scaling med_mad, chunks of 1000 samples" in finding(lines, "input")
    assert "6 reads, 97,216 samples, simulated: r9.4.1 at 4000 Hz" in finding(lines, "reads")
    assert "the same in 6 of 6 chunks" in finding(lines, "engines' bases")
    assert "6 of 6 reads" in finding(lines, "two threads")


def test_the_bundled_model_reads_the_simulated_bases(graph_cache: Path) -> None:
    lines = check_model("r9.4.1_fast")
    assert set(results(lines).values()) == {"pass", "info"}
    identity = float(finding(lines, "truth").split()[1])
    assert 0.75 < identity < 1


def test_a_model_of_bonito_is_checked_as_it_is(small_model: Path, few_reads: Any, tmp_path: Path) -> None:
    export_model(load(small_model), "bonito", tmp_path / "bonito")
    found = results(check_model(tmp_path / "bonito"))
    assert found["files"] == "pass"
    assert [found[name] for name in BOTH_ENGINES] == ["pass"] * 4


def test_weights_that_are_no_numbers_fail(small_model: Path, few_reads: Any, tmp_path: Path) -> None:
    export_model(load(small_model), "bonito", tmp_path / "out")
    path = tmp_path / "out" / "weights_1.tar"
    state = torch.load(path, weights_only=True)
    state["encoder.5.linear.bias"][3] = float("nan")
    torch.save(state, path)
    lines = check_model(tmp_path / "out")
    assert results(lines) == {"files": "pass", "weights": "FAIL", "input": "info"}
    assert finding(lines, "weights") == "not finite: scorer.linear.bias"


def test_a_missing_weight_fails(small_model: Path, tmp_path: Path) -> None:
    checkpoint = load(small_model)
    weights = {name: w for name, w in checkpoint.weights.items() if name != "scorer.linear.bias"}
    save(tmp_path / "model", dataclasses.replace(checkpoint, weights=weights), "card")
    lines = check_model(tmp_path / "model")
    assert results(lines) == {"files": "FAIL"}
    assert "are missing: scorer.linear.bias" in finding(lines, "files")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"task": "correct"}, "is for the task 'correct'"),
        ({"features": {"chunk_size": 1000, "shift": 1}}, "unknown key 'shift'"),
    ],
)
def test_a_configuration_that_is_not_understood_fails(
    small_model: Path, tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    save(tmp_path / "model", dataclasses.replace(load(small_model), **changes), "card")
    (line,) = check_model(tmp_path / "model")
    assert (line.check, line.result) == ("files", "FAIL")
    assert named in line.finding


def test_a_model_that_is_not_there_is_no_check() -> None:
    with pytest.raises(UsageError, match="no model 'nosuch'"):
        check_model("nosuch")


def test_engines_that_differ_fail(small_model: Path, few_reads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    right = OnnxEngine.scores
    monkeypatch.setattr(OnnxEngine, "scores", lambda self, signal: right(self, signal) + np.float32(0.01))
    lines = check_model(small_model)
    assert results(lines)["engines"] == "FAIL"
    assert "differ by up to 0.01 (allowed 0.001)" in finding(lines, "engines")
    assert "engines' bases" not in results(lines)


@pytest.mark.parametrize(
    ("attribute", "failing"), [("batch_size", "batch size 1"), ("threads", "two threads")]
)
def test_bases_that_depend_on_the_batch_or_the_threads_fail(
    small_model: Path, few_reads: Any, monkeypatch: pytest.MonkeyPatch, attribute: str, failing: str
) -> None:
    right = OnnxEngine.scores
    usual = {"batch_size": 12, "threads": 1}[attribute]

    def scores(self: OnnxEngine, signal: np.ndarray) -> np.ndarray:
        found = right(self, signal)
        return found if getattr(self, attribute) == usual else found[..., ::-1].copy()

    monkeypatch.setattr(OnnxEngine, "scores", scores)
    found = results(check_model(small_model))
    assert [name for name, result in found.items() if result == "FAIL"] == [failing]


def test_qualities_count_too(small_model: Path, few_reads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(1000))
    right = CrfDecoder.__call__

    def shaky(self: CrfDecoder, scores_TK: np.ndarray) -> Decoded:
        decoded = right(self, scores_TK)
        return dataclasses.replace(decoded, qualities=decoded.qualities + np.uint8(next(calls) % 7))

    monkeypatch.setattr(CrfDecoder, "__call__", shaky)
    found = results(check_model(small_model))
    assert (found["engines' bases"], found["batch size 1"]) == ("pass", "FAIL")


def test_a_model_that_calls_nothing_is_noticed(small_model: Path, few_reads: Any, tmp_path: Path) -> None:
    silent = changed(small_model, tmp_path / "m", scorer_linear_bias=lambda b: b - 50)
    lines = check_model(silent)
    assert results(lines)["bases"] == "warn"
    assert finding(lines, "bases") == "no base in any read: the model calls nothing"


def test_too_many_bases_are_noticed(
    small_model: Path, few_reads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "PLAUSIBLE_BASES_PER_S", (0.1, 0.2))
    lines = check_model(small_model)
    assert results(lines)["bases"] == "warn"
    assert "DNA has 0.1 to 0.2" in finding(lines, "bases")


def test_simulated_reads_of_another_kind_prove_little(small_model: Path, few_reads: Callable) -> None:
    few_reads(fits=False)
    lines = check_model(small_model)
    assert results(lines)["reads"] == "warn"
    assert results(lines)["bases"] == "info"
    assert "truth" not in results(lines)


def test_reads_of_the_user_are_taken(small_model: Path, mixed_pod5: Path) -> None:
    lines = check_model(small_model, [mixed_pod5])
    assert results(lines)["reads"] == "warn"
    assert finding(lines, "reads").startswith("8 reads, ")
    assert "left out; the first: " in finding(lines, "reads")
    assert "truth" not in results(lines)
    assert [results(lines)[name] for name in BOTH_ENGINES] == ["pass"] * 4


def test_reads_that_the_model_is_not_for_are_noticed(
    small_model: Path, raw_read: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = load(small_model)
    save(
        tmp_path / "m",
        dataclasses.replace(model, features={**model.features, "sample_rate_hz": 5000}),
        "card",
    )
    trial = TrialReads([raw_read(1, 1500)], [], [], True)
    monkeypatch.setattr(check, "first_reads", lambda paths, signal: trial)
    lines = check_model(tmp_path / "m", [Path("any")])
    assert results(lines)["reads"] == "warn"
    assert "is for an unstated chemistry at 5000 Hz" in finding(lines, "reads")


def test_no_usable_read_fails(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = TrialReads([], [], [Skipped("a", "the signal is constant")], True)
    monkeypatch.setattr(check, "first_reads", lambda paths, signal: trial)
    lines = check_model(small_model, [Path("any")])
    assert (lines[-1].check, lines[-1].result) == ("reads", "FAIL")
    assert "the signal is constant" in lines[-1].finding


def test_a_failure_while_calling_is_a_line(
    small_model: Path, few_reads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: CrfDecoder, scores_TK: np.ndarray) -> Decoded:
        raise LexomeError("scores that are not finite")

    monkeypatch.setattr(CrfDecoder, "__call__", broken)
    lines = check_model(small_model)
    assert (lines[-1].check, lines[-1].result) == ("calling", "FAIL")
    assert "not finite" in lines[-1].finding


def test_the_model_is_not_changed(small_model: Path, few_reads: Any) -> None:
    before = {path: path.read_bytes() for path in small_model.iterdir()}
    check_model(small_model)
    assert {path: path.read_bytes() for path in small_model.iterdir()} == before
    assert isinstance(load(small_model), Checkpoint)
