"""A comparison of basecallers: what is checked before it, what it writes, its ratios."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.evaluate.reads import evaluate_file
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.model import open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.bench.basecallers import (
    BasecallersRequest,
    measure_basecallers,
    plan_basecallers,
    ratios,
)
from lexome.tasks.bench.basecallers_speed import RoundsConfig

ONCE = RoundsConfig(1, 0.0)


def request_of(folder: Path, *models: object, **more: Any) -> BasecallersRequest:
    values: dict[str, Any] = {"device": "cpu", "rounds": ONCE} | more
    return BasecallersRequest([str(model) for model in models], folder / "out", **values)


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    (tmp_path / "ref.fa").write_text(">g\n" + "ACGTTGCAAC" * 30 + "\n")
    return tmp_path / "ref.fa"


def test_without_reads_there_are_sizes_and_speeds(small_model: Path, tmp_path: Path) -> None:
    shown: list[str] = []

    @contextmanager
    def watch(doing: str, unit: str, total: float | None) -> Iterator[Callable[[float], None]]:
        shown.append(f"{doing}: {total} {unit}")
        yield lambda done: None

    figures = measure_basecallers(plan_basecallers(request_of(tmp_path, small_model, "bonito:8")), watch)
    assert json.loads((tmp_path / "out" / "basecallers.json").read_text()) == json.loads(json.dumps(figures))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["basecallers.json"]
    first, second = figures["models"]
    assert (first["is_trained"], second["is_trained"]) == (True, False)
    checkpoint = load(small_model)
    assert first["parameters"] == checkpoint.num_parameters
    assert first["weight_bytes"] == sum(weight.nbytes for weight in checkpoint.weights.values())
    by_hand = 5 * 8 + 9 * 8 * 24 / 5 + 2 * 4 * 24 * (24 + 24) / 5 + 24 * 4**2 * 4 / 5
    assert first["macs_per_sample"] == pytest.approx(by_hand, rel=0.05)
    assert first["speed"]["network"]["batch_size"] == 12
    assert first["speed"]["called"]["samples_per_cpu_s"] > 0
    assert (first["reads"], figures["data"]["reads"]) == (None, None)
    assert shown == ["timing in turn: 4 timings"]
    names = [row["name"] for row in figures["published"]["basecallers"]]
    assert "Bonito-CTC" in names
    assert not set(names) & {row["label"] for row in figures["ratios"]}


def test_only_trained_models_call(
    small_model: Path, mixed_pod5: Path, reference: Path, tmp_path: Path
) -> None:
    request = request_of(
        tmp_path, "bonito:8", f"a/b={small_model}", reads=[mixed_pod5], reference=reference, seed=5
    )
    figures = measure_basecallers(plan_basecallers(request))
    untrained, trained = figures["models"]
    assert untrained["reads"] is None
    assert (trained["reads"]["reads"], trained["reads"]["skipped"]) == (14, 4)
    assert trained["reads"]["identity_median"] is None  # nothing of it is on that reference
    assert figures["data"]["bootstrap"]["seed"] == 5
    (kept,) = (tmp_path / "out").glob("reads-*.json")
    with pytest.raises(UsageError, match="basecallers.json: holds results; --resume"):
        plan_basecallers(request)
    kept.write_text("{")
    with pytest.raises(BadInputError, match=f"^a/b: .*{kept.name}"):
        measure_basecallers(plan_basecallers(replace(request, resume=True)))
    only = replace(request, models=["bonito:8"], resume=True)
    assert plan_basecallers(only).notes == ["none of these networks is trained, so no read will be called"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reads": [Path("a.pod5")]}, "--reads and --reference belong together"),
        ({"reference": Path("a.fa")}, "--reads and --reference belong together"),
        ({"reads": [Path("a.pod5")], "reference": Path("none.fa")}, "none.fa: no such file"),
        ({"limit": 3}, "--limit is a number of reads"),
        ({"device": "tpu"}, "small: unknown device 'tpu'"),
    ],
)
def test_requests_that_cannot_be(small_model: Path, tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(LexomeError, match=said):
        plan_basecallers(request_of(tmp_path, small_model, **more))
    assert not (tmp_path / "out").exists()


def row_of(label: str, size: int, rate: float, reads: tuple[float, int] | None) -> dict[str, Any]:
    return {
        "label": label, "parameters": size, "weight_bytes": 4 * size, "macs_per_sample": None,
        "speed": {
            "network": {"samples_per_cpu_s": rate, "samples_per_s": 1.0},
            "called": {"samples_per_cpu_s": rate / 2, "samples_per_s": 1.0},
        },
        "reads": reads and {"identity_median": reads[0], "mapped_bases": reads[1]},
    }  # fmt: skip


def test_ratios_to_the_first() -> None:
    rows = [row_of("a", 100, 10, (0.9, 50)), row_of("b", 25, 30, (0.88, 60)), row_of("c", 1, 5, None)]
    a, b, c = ratios(rows, "samples_per_cpu_s")
    assert b == {
        "label": "b", "parameters": 0.25, "weight_bytes": 0.25, "macs_per_sample": None, "network": 3.0,
        "called": 3.0, "mapped_bases": 1.2, "identity_median_difference": pytest.approx(-0.02),
    }  # fmt: skip
    assert (a["parameters"], a["identity_median_difference"]) == (1.0, 0.0)
    assert (c["parameters"], c["mapped_bases"], c["identity_median_difference"]) == (0.01, None, None)
    backwards = ratios(rows[::-1], "samples_per_s")
    assert (backwards[2]["network"], backwards[2]["mapped_bases"]) == (1.0, None)


def test_real_reads_are_judged_as_by_the_two_commands(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "nanopore"
    reads, reference = folder / "zymo_rrna", folder / "references" / "zymo-ref-uniq_2019-03-15.fa"
    request = request_of(tmp_path, "r9.4.1_turbo", reads=[reads], reference=reference, limit=3)
    (row,) = measure_basecallers(plan_basecallers(request))["models"]
    calling = CallRequest([reads], tmp_path / "calls.fastq", max_reads=3)
    call_files(calling, plan_calls(calling), open_model("r9.4.1_turbo", device="cpu"))
    expected = evaluate_file(tmp_path / "calls.fastq", reference).figures.to_json()
    assert row["reads"].pop("skipped") == 0
    assert json.loads(json.dumps(row["reads"])) == json.loads(json.dumps(expected))
    assert 0.75 < row["reads"]["identity_median"] < 0.95
