"""`lexome evaluate receptive-field | layers` as they are typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.io.pod5 import write_pod5
from lexome.simulate.genome import random_genome
from lexome.simulate.levels import bundled_levels
from lexome.simulate.pore import PoreConfig, simulate_reads

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Two reads of about 3000 samples, and their ids."""
    path = tmp_path_factory.mktemp("reads") / "reads.pod5"
    config = PoreConfig(mean_length_bp=350.0, min_length_bp=300, adapter=False)
    made = [one.read for one in simulate_reads({"g": random_genome(5000, 1)}, bundled_levels(), config, 2, 1)]
    write_pod5(path, iter(made))
    return path, [read.read_id for read in made]


def test_receptive_field(
    lexome: Call, small_model: Path, reads: tuple[Path, list[str]], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    files = [tmp_path / name for name in ("f.json", "f.html", "f.png")]
    code, out, err = lexome(
        "evaluate", "receptive-field", small_model, reads[0], "--reach", 200, "--steps", 3, "--device", "cpu",
        "--json", files[0], "--report", files[1], "--png", files[2],
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "Gradients of the scores of small" in out
    figures = json.loads(files[0].read_text())
    assert (figures["reads"], figures["windows"], figures["window_samples"]) == (2, 6, 400)
    assert [layer["input_of"] for layer in figures["layers"]] == [
        "signal", "encoder.convs.0", "encoder.convs.1", "encoder.lstms.0", "encoder.lstms.1", "scorer",
    ]  # fmt: skip
    own = [layer["own"]["reached"] for layer in figures["layers"][1:]]
    assert own[:2] == [[-2, 2], [-4, 4]]
    assert "What each layer looks at" in files[1].read_text("utf-8")
    assert files[2].read_bytes().startswith(b"\x89PNG")


def test_layers(lexome: Call, small_model: Path, reads: tuple[Path, list[str]], tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("l.json", "l.html")]
    code, out, err = lexome(
        "evaluate", "layers", small_model, reads[0], "--read-id", reads[1][1], "--start", 500,
        "--samples", 150, "--components", 2, "--device", "cpu", "--json", files[0], "--report", files[1],
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "fitted on" in out
    figures = json.loads(files[0].read_text())
    assert (figures["read_id"], figures["start"], len(figures["signal"])) == (reads[1][1], 500, 150)
    assert len(figures["layers"][-1]["components"]) == 2
    assert "Along the read" in files[1].read_text("utf-8")


def test_a_read_that_is_not_there(lexome: Call, small_model: Path, reads: tuple[Path, list[str]]) -> None:
    code, out, err = lexome("evaluate", "layers", small_model, reads[0], "--read-id", "x")
    assert (code, out) == (2, "")
    assert "no read 'x' in these files" in err


def test_reads_that_are_too_short(lexome: Call, small_model: Path, reads: tuple[Path, list[str]]) -> None:
    code, out, err = lexome("evaluate", "receptive-field", small_model, reads[0], "--reach", 50_000)
    assert (code, out) == (2, "")
    assert "take a smaller --reach" in err
