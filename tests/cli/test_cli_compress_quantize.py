"""`lexome compress quantize` as it is typed: files, tables, calling with the result, errors in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.cli.compress_quantize import bits_of
from lexome.core.errors import UsageError
from lexome.tasks.basecall.model import open_model

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    lexome: Run, small_model: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *options: lexome("compress", "quantize", small_model, "--store", tiny_store, *options)


def test_a_model_with_fewer_bits(run: Run, lexome: Run) -> None:
    code, out, err = run("--bits", "4,8", "-o", "out")
    assert code == 0, err
    figures = json.loads(Path("out/quantize.json").read_text())
    assert f"label identity{' ' * 12}" in out
    assert f"{figures['before']['identity']:.4f}" in out
    assert {(layer["weight_bits"], layer["activation_bits"]) for layer in figures["layers"]} == {(4, 8)}
    assert "Simulated" in err
    model = load("out/model")
    assert model.quantization is not None
    assert model.quantization["engine"] == "float"
    for name in ("encoder.lstms.1.rnn.weight_hh_l0", "scorer.linear.weight"):
        assert max(len(np.unique(row)) for row in model.weights[name]) <= 15
    card = Path("out/model/README.md").read_text()
    assert "## Quantisation" in card
    assert "the products are float32" in card
    assert "<svg" in Path("out/quantize.html").read_text()
    code, _, err = run("--bits", "4", "-o", "out")
    assert (code, err.count("\n")) == (2, 1)
    assert "out exists already" in err
    assert lexome("models", "show", "out/model")[0] == 0


def test_a_model_in_integers_calls(run: Run) -> None:
    code, _, err = run("--int8", "-o", "out")
    assert code == 0, err
    model = open_model("out/model", device="cpu")
    signal = np.random.default_rng(0).standard_normal((3, 1, 1000)).astype(np.float32)
    scores = model.engine.scores(signal)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(model.engine.scores(signal[1:2])[0], scores[1])  # type: ignore[attr-defined]
    assert load("out/model").quantization["engine"] == "int8"  # type: ignore[index]


def test_training_and_bits_of_a_file(run: Run) -> None:
    Path("bits.toml").write_text('bits = [6, 8]\n[layers]\n"scorer.*" = [3, 8]\n')
    options = ("--per-layer", "bits.toml", "--ranges", "learned", "--distill", "0.5", "-o", "out")
    code, _, err = run(*options, "--steps", "3")
    assert code == 0, err
    assert "distillation" in err
    model = load("out/model")
    assert model.quantization is not None
    bits = {name: layer["weight_bits"] for name, layer in model.quantization["layers"].items()}
    assert bits["scorer.linear"] == 3
    assert set(bits.values()) == {3, 6}
    before = model.weights
    code, _, err = run(*options, "--steps", "3", "--resume")
    assert code == 0, err
    for name, weight in load("out/model").weights.items():
        np.testing.assert_array_equal(weight, before[name])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--bits", "1"), "--bits 1: 8 or 4,8, say"),
        (("--bits", "4,x"), "--bits 4,x: 8 or 4,8, say"),
        (("--ranges", "mean"), "'mean' is not allowed"),
        (("--ranges", "learned"), "--ranges learned needs training"),
        (("--distill", "1"), "--distill is for training"),
        (("--resume",), "--resume goes on with a training"),
        (("--per-layer", "no.toml"), "no.toml: no such file"),
    ],
)
def test_wrong_use_is_told_in_a_line(run: Run, options: tuple[str, ...], said: str) -> None:
    code, out, err = run(*options, "-o", "out")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not Path("out").exists()


def test_bits_are_one_number_or_two() -> None:
    assert (bits_of("8"), bits_of("4,16"), bits_of("32,8")) == ((8, 8), (4, 16), (32, 8))
    with pytest.raises(UsageError, match="--bits 1,2,3"):
        bits_of("1,2,3")
