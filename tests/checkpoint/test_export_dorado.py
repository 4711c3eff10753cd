"""Networks in dorado's terms: named and shaped as its own."""

import copy
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.dorado import read_tensor
from lexome.checkpoint.export_dorado import dorado_form, write_dorado_weights
from lexome.checkpoint.exporting import export_model
from lexome.checkpoint.importing import import_model
from lexome.checkpoint.store import Checkpoint, load

Styles = dict[str, tuple[str, dict[str, Any], dict[str, Any]]]
Make = Callable[[str, dict[str, Any], dict[str, Any]], Checkpoint]


def jit_parameters(path: Path) -> dict[str, torch.nn.Parameter]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return dict(torch.jit.load(path).named_parameters())


@pytest.mark.parametrize("name", ["lstm_v3", "lstm_v4", "transformer_v5"])
def test_files_are_those_of_bonitos_own_export(shared: Path, tmp_path: Path, name: str) -> None:
    source = shared / "golden" / "bonito" / name
    export_model(load(source), "dorado", tmp_path / "dna_out")
    original = {p.name: read_tensor(p) for p in (source / "tensors").glob("*.tensor")}
    written = {p.name: p for p in (tmp_path / "dna_out").glob("*.tensor")}
    assert written.keys() == original.keys()
    for file, path in written.items():
        ((key, parameter),) = jit_parameters(path).items()
        assert (key, parameter.dtype, parameter.requires_grad) == ("0", torch.float32, False)
        expected = original[file]
        if "bias_ih" in file:
            expected = expected + original[file.replace("bias_ih", "bias_hh")]
        elif "bias_hh" in file:
            expected = np.zeros_like(expected)
        np.testing.assert_allclose(parameter.numpy(), expected, rtol=0, atol=1e-6)
        assert np.array_equal(read_tensor(path), parameter.numpy())


def test_an_archive_holds_one_parameter_of_any_shape(tmp_path: Path) -> None:
    weights = {
        "0.conv.weight": np.random.default_rng(0).standard_normal((4, 3, 2), dtype=np.float32),
        "a.bias": np.zeros(3, np.float32),
    }
    write_dorado_weights(tmp_path, weights)
    assert {p.name for p in tmp_path.iterdir()} == {"0.conv.weight.tensor", "a.bias.tensor"}
    for name, weight in weights.items():
        path = tmp_path / f"{name}.tensor"
        assert np.array_equal(read_tensor(path), weight)
        ((key, parameter),) = jit_parameters(path).items()
        assert (key, tuple(parameter.shape)) == ("0", weight.shape)


@pytest.mark.parametrize("style", ["plain", "flat", "bottleneck"])
def test_every_style_comes_back(tmp_path: Path, styles: Styles, random_model: Make, style: str) -> None:
    model = random_model(*styles[style])
    export_model(model, "dorado", tmp_path / "out")
    back = import_model(tmp_path / "out", tmp_path / "back")
    assert all(
        np.array_equal(back.weights[name], w) for name, w in model.weights.items() if "bias_" not in name
    )
    names = {path.name for path in (tmp_path / "out").glob("*.tensor")}
    assert {"2.conv.bias.tensor", "4.rnn.bias_hh_l0.tensor", "8.rnn.bias_hh_l0.tensor"} <= names
    scores = {
        "plain": {"9.linear.weight.tensor"},
        "flat": {"9.linear.weight.tensor", "9.linear.bias.tensor"},
        "bottleneck": {"9.linear.weight.tensor", "9.linear.bias.tensor", "10.linear.weight.tensor"},
    }
    assert {name for name in names if ".linear." in name} == scores[style]
    assert ("sublayers" in (tmp_path / "out" / "config.toml").read_text()) == (style != "flat")


def test_a_transformer_comes_back(tmp_path: Path, styles: Styles, random_model: Make) -> None:
    model = random_model(*styles["transformer"])
    export_model(model, "dorado", tmp_path / "out")
    back = import_model(tmp_path / "out", tmp_path / "back")
    same = [name for name in back.weights if ".convs." not in name]
    assert len(same) == 2 * 7 + 2 + 1
    assert all(np.array_equal(back.weights[name], model.weights[name]) for name in same)
    convs = {name: w for name, w in back.weights.items() if ".convs." in name}
    assert sorted(convs) == [f"encoder.convs.{i}.conv.{kind}" for i in (0, 1) for kind in ("bias", "weight")]
    assert not convs["encoder.convs.1.conv.bias"].any()
    weights = {key.removeprefix("encoder.convs.0."): w for key, w in model.weights.items() if ".0." in key}
    gain = weights["norm.weight"] / np.sqrt(weights["norm.running_var"] + 1e-5)
    bias = (weights["conv.bias"] - weights["norm.running_mean"]) * gain + weights["norm.bias"]
    np.testing.assert_allclose(convs["encoder.convs.0.conv.bias"], bias, rtol=1e-5, atol=1e-6)
    # dorado looks for these numbers and fails without them
    crf = tomllib.loads((tmp_path / "out" / "config.toml").read_text())["model"]["encoder"]["crf"]
    assert (crf["scale"], crf["blank_score"], crf["expand_blanks"], crf["permute"]) == (
        5.0,
        2.0,
        True,
        [1, 0, 2],
    )


def test_missing_biases_become_zeros(styles: Styles, random_model: Make) -> None:
    name, architecture, head = copy.deepcopy(styles["flat"])
    architecture["convs"][1]["bias"] = architecture["lstms"][2]["bias"] = False
    foreign = dorado_form(random_model(name, architecture, {**head, "bias": False})).foreign
    for weight in ("1.conv.bias", "6.rnn.bias_ih_l0", "6.rnn.bias_hh_l0", "9.linear.bias"):
        assert foreign[weight].dtype == np.float32
        assert not foreign[weight].any()
    assert foreign["6.rnn.bias_ih_l0"].shape == (32,)
    assert foreign["9.linear.bias"].shape == (256,)
    assert foreign["5.rnn.bias_ih_l0"].min() > 0.2
