"""The whole of `lexome compress auto`: from a model and reads to a chosen model, going on, no choice."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.tasks.shrink import auto
from lexome.tasks.shrink.auto import check_chosen, compress_auto
from lexome.tasks.shrink.auto_choice import Bounds
from lexome.tasks.shrink.auto_plan import AutoRequest, Bench
from lexome.tasks.shrink.auto_speed import CallingSpeed, RoundsConfig

Make = Callable[..., AutoRequest]
# of calling; what the tests say of speed must not depend on the machine
SPEEDUPS = {"": 1.0, "int8": 1.5}


@pytest.fixture
def request_of(own_reads: tuple[Path, Path], small_model: Path, tmp_path: Path) -> Make:
    reads, reference = own_reads
    rounds = RoundsConfig(1, 0.0)
    return lambda **options: replace(
        AutoRequest(str(small_model), tmp_path / "out", (reads,), reference, rounds=rounds), **options
    )


@pytest.fixture
def fixed_speeds(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Speeds that are given; tells which reads were timed."""
    timed: list[tuple[str, ...]] = []

    def speeds(self: Bench, models: dict[str, Any], ids: tuple[str, ...]) -> dict[str, CallingSpeed]:
        timed.append(ids)
        ratios = {name: SPEEDUPS.get(name, 3.0) for name in models}
        return {name: CallingSpeed(1e6 * r, 2e6 * r, r, (r, r), r) for name, r in ratios.items()}

    monkeypatch.setattr(Bench, "speeds", speeds)
    return timed


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """Who called which reads."""
    calls: list[tuple[str, tuple[str, ...]]] = []
    call = Bench.call

    def noted(self: Bench, model: Any, ids: tuple[str, ...], name: str) -> Any:
        calls.append((name, ids))
        return call(self, model, ids, name)

    monkeypatch.setattr(Bench, "call", noted)
    return calls


def test_from_a_model_to_a_faster_one(
    request_of: Make, fixed_speeds: list, called: list, tmp_path: Path
) -> None:
    notes: list[str] = []
    request = request_of(bounds=Bounds(2.0, 0.2))
    figures = compress_auto(request, "0", on_note=notes.append)
    rows = {row["name"]: row for row in figures["candidates"]}
    assert figures["model"]["identity_mean"] == 1.0
    assert 0 < rows["int8"]["loss"]["mean"] < 0.2
    assert rows["int8"]["loss"]["mean"] == pytest.approx(1 - rows["int8"]["identity_mean"])
    assert rows["int8"]["weight_bytes"] < figures["model"]["weight_bytes"]
    assert rows["low-rank-12"]["macs_per_sample"] < figures["model"]["macs_per_sample"]
    # a random network whose units are taken out calls other bases
    pruned = [name for name in rows if name.startswith("prune")]
    assert all(rows[name]["loss"]["mean"] > 0.2 and not rows[name]["within_loss"] for name in pruned)
    not_tried = {one["name"]: one["reason"] for one in figures["not_tried"]}
    assert "clearly loses more" in not_tried[f"{pruned[0]}+int8"]
    assert "--store" in not_tried["student"]

    # int8 is within the loss and not fast enough: kept, and said
    assert figures["chosen"] == "int8"
    assert figures["lines"][0].startswith("TARGET NOT REACHED")
    made = load(tmp_path / "out/model")
    assert made.name == "small_int8"
    assert made.provenance["compress_auto"]["report"] == figures["report"]
    assert json.loads((tmp_path / "out/auto.json").read_text()) == figures
    check_chosen(figures)

    # the choice saw half of the reads, the report is of the others
    choosing, reporting = called[0][1], called[-1][1]
    assert len({*choosing, *reporting}) == 12
    assert [ids for _, ids in called] == [choosing] * (len(rows) + 1) + [reporting] * 2
    assert [name for name, _ in called[-2:]] == ["small", "int8"]
    assert fixed_speeds == [choosing, reporting]
    assert figures["report"]["model"]["identity_mean"] == 1.0
    assert 0 < figures["report"]["loss"]["mean"] != rows["int8"]["loss"]["mean"]
    assert any("without training" in note for note in notes)


def test_going_on_calls_and_makes_nothing_again(
    request_of: Make, fixed_speeds: list, called: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compress_auto(request_of(bounds=Bounds(1.2, 0.2), only=("int8",)), "0")
    assert first["lines"][0].startswith("chosen: int8")
    called.clear()
    with pytest.raises(UsageError, match="holds something already"):
        compress_auto(request_of(), "0")
    with pytest.raises(UsageError, match="different: reads"):
        compress_auto(request_of(resume=True, seed=7), "0")
    assert load(tmp_path / "out/model").name == "small_int8"

    with monkeypatch.context() as patch:
        patch.setattr("lexome.tasks.shrink.auto_build.calibrated", pytest.fail)
        again = compress_auto(request_of(bounds=Bounds(1.2, 0.2), only=("int8",), resume=True), "0")
    assert again == first
    assert [name for name, _ in called] == ["small", "int8"]  # of the report alone

    # a bound that none keeps to leaves no model, not even that of before
    none = compress_auto(request_of(bounds=Bounds(1.2, 0.0), only=("int8", "prune"), resume=True), "0")
    assert none["chosen"] is None
    assert none["report"] is None
    assert not (tmp_path / "out/model").exists()
    assert (tmp_path / "out/candidates/int8/model").exists()
    with pytest.raises(LexomeError, match="no model is written"):
        check_chosen(none)

    (tmp_path / "out/candidates/int8/reads.json").write_text("{}")
    with pytest.raises(BadInputError, match=r"reads.json: damaged"):
        compress_auto(request_of(only=("int8",), resume=True), "0")


def test_with_a_store_and_steps(
    request_of: Make, fixed_speeds: list, tiny_store: Path, tmp_path: Path
) -> None:
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    request = request_of(bounds=Bounds(2.0, 0.9), stores=(tiny_store,), steps=1, only=("low-rank", "student"))
    figures = compress_auto(request, "0", on_note=notes.append, on_log=rows.append)
    names = [row["name"] for row in figures["candidates"]]
    assert names[:2] == ["low-rank-12", "low-rank-6"]
    assert names[2].startswith("student")
    trained = figures["candidates"][0]
    assert set(trained["training"]) == {"label_identity_before", "label_identity_after"}
    assert "1 steps each" in figures["training"]
    assert any("distillation" in row for row in rows)


def test_a_wrong_reference_and_nothing_to_try_are_told_before_the_work(
    request_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.fa"
    other.write_text(">x\n" + "ACGTTGCAAC" * 50 + "\n")
    with pytest.raises(LexomeError, match="right reference"):
        compress_auto(request_of(reference=other), "0")
    assert not (tmp_path / "out/candidates/int8").exists()
    with pytest.raises(UsageError, match="nothing to try"):
        compress_auto(request_of(only=("student",), output=tmp_path / "new"), "0")
    assert not (tmp_path / "new").exists()
    assert auto.FIGURES == "auto.json"


@pytest.mark.slow
def test_on_real_reads_with_real_speeds(shared: Path, tmp_path: Path) -> None:
    nanopore = shared / "data/nanopore"
    request = AutoRequest(
        "r9.4.1_turbo",
        tmp_path / "out",
        (nanopore / "kpneumoniae_deepnano",),
        nanopore / "references/K_pneumoniae_MGH78578_GCF_000016305.1.fna.gz",
        Bounds(1.0, 0.01),
        only=("int8", "low-rank"),
        max_reads=8,
        rounds=RoundsConfig(2),
        timed_samples=50_000,
    )
    figures = compress_auto(request, "0")
    rows = {row["name"]: row for row in figures["candidates"]}
    assert 0.75 < figures["model"]["identity_mean"] < 0.95
    assert abs(rows["int8"]["loss"]["mean"]) < 0.01
    assert rows["low-rank-16"]["loss"]["mean"] > 0.02
    assert all(row["speed"]["samples_per_cpu_s"] > 0 for row in rows.values())
