"""Requests to quantise: recipes, stores of other signal, what runs in integers."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from safetensors.numpy import load_file

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Component, load, save
from lexome.compress.quantize_config import QuantizeConfig
from lexome.core.errors import UsageError
from lexome.engine.onnx import export_graph
from lexome.models.registry import new_network
from lexome.tasks.shrink.quantize import (
    QuantizeRequest,
    check_signal,
    float_basecaller,
    for_int8,
    quantize_recipe,
    quantize_task,
    with_layers_of,
    without_training,
)
from lexome.tasks.shrink.quantize_figures import described
from lexome.train.card import model_card


def test_a_model_is_quantised_without_training(small_model: Path, tiny_store: Path, tmp_path: Path) -> None:
    base = float_basecaller(str(small_model))
    request = QuantizeRequest(str(small_model), [tiny_store], QuantizeConfig(bits=(4, 8)))
    recipe = quantize_recipe(request, base)
    assert recipe.data["task"]["start_from"] == str(small_model.resolve())
    assert not request.trains
    made = without_training(quantize_task(recipe), base, "9")
    assert made.provenance["quantized_from"] == "small"
    save(tmp_path / "m", made, model_card(made))
    assert load(tmp_path / "m").quantization == made.quantization
    with pytest.raises(UsageError, match="quantised already"):
        float_basecaller(str(tmp_path / "m"))


def test_training_has_its_variations_and_its_time(small_model: Path, tiny_store: Path) -> None:
    base = float_basecaller(str(small_model))
    plain, trained = (
        quantize_recipe(
            QuantizeRequest(str(small_model), [tiny_store], QuantizeConfig(), minutes=minutes), base
        )
        for minutes in (0.0, 2.5)
    )
    assert plain.data["task"]["augment"]["noise_sd"] == 0
    assert trained.data["task"]["augment"]["noise_sd"] > 0
    assert (plain.loop.minutes, trained.loop.minutes) == (0.0, 2.5)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("chemistry", "r10.4.1", r"another chemistry \(r10\.4\.1\) than model small takes \(r9\.4\.1\)"),
        ("sample_rate_hz", 5000, r"another sample rate \(5000\) than model small takes \(4000\)"),
        (
            "scaling",
            {"method": "quantile"},
            r"another scaling \(quantile\) than model small takes \(med_mad\)",
        ),
    ],
)
def test_a_store_of_other_signal_is_refused(
    small_model: Path, tiny_store: Path, tmp_path: Path, key: str, value: Any, said: str
) -> None:
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    meta = json.loads((store / "meta.json").read_text())
    (store / "meta.json").write_text(json.dumps({**meta, key: value}))
    base = float_basecaller(str(small_model))
    base.features["chemistry"] = "r9.4.1"
    with pytest.raises(UsageError, match=said) as caught:
        check_signal(base, [store])
    assert "\n" not in str(caught.value)
    check_signal(base, [tiny_store])


def test_no_store_and_no_basecaller_are_refused(small_model: Path) -> None:
    base = float_basecaller(str(small_model))
    with pytest.raises(UsageError, match="name chunks to calibrate with"):
        quantize_recipe(QuantizeRequest(str(small_model), [], QuantizeConfig()), base)
    with pytest.raises(UsageError, match="no model 'nothing'"):
        float_basecaller("nothing")


def test_what_runs_in_integers(small_model: Path) -> None:
    base = float_basecaller(str(small_model))
    config = for_int8(base, QuantizeConfig(layers={"encoder.lstms.1.rnn": [4, 8]}), None)
    assert (config.engine, config.bits) == ("int8", (8, 32))
    assert config.layers == {"encoder.lstms.1.rnn": [4, 8], "encoder.lstms.0.rnn": [7, 8]}
    assert for_int8(base, QuantizeConfig(), (6, 6)).bits == (6, 6)
    gru = {**base.architecture.config, "lstms": [{"size": 24, "reverse": True, "kind": "gru"}]}
    base.architecture.config.update(gru)
    for name in [name for name in base.weights if ".lstms." in name]:
        weight = base.weights.pop(name)
        if "lstms.0" in name:
            base.weights[name] = weight[: 3 * 24]
    with pytest.raises(UsageError, match="has no LSTM and no linear layer in its encoder"):
        for_int8(base, QuantizeConfig(), None)


def test_the_linear_layers_of_a_transformer_run_in_integers(
    small_model: Path, tiny_store: Path, tmp_path: Path
) -> None:
    like = float_basecaller(str(small_model))
    config = {
        "convs": [{"size": 4, "kernel": 5}, {"size": 16, "kernel": 9, "stride": 5}],
        "attention": {"num_heads": 2, "window": [7, 8]}, "feed_forwards": [24, 24],
    }  # fmt: skip
    torch.manual_seed(0)
    network = new_network(
        {"name": "transformer", "config": config}, {"name": "crf", "config": like.head.config}
    )
    base = replace(like, architecture=Component("transformer", config), weights=weights_of(network))
    save(tmp_path / "transformer", base, "random")
    chosen = for_int8(base, QuantizeConfig(), None)
    parts = ("attention.qkv", "attention.out", "feed_forward.into", "feed_forward.out")
    names = [f"encoder.layers.{i}.{part}" for i in (0, 1) for part in parts]
    assert chosen.layers == dict.fromkeys(names, [7, 8])  # that of the scores is not among them
    request = QuantizeRequest(str(tmp_path / "transformer"), [tiny_store], chosen)
    made = without_training(quantize_task(quantize_recipe(request, base)), base, "9")
    save(tmp_path / "made", made, model_card(made))
    made = load(tmp_path / "made")
    graph = onnx.load_model_from_string(export_graph(made)).graph
    assert sum(node.op_type == "MatMulIntegerToFloat" for node in graph.node) == len(names)
    stored = load_file(tmp_path / "made" / "model.safetensors")
    size = stored[f"{names[0]}.weight"].nbytes
    assert size == math.ceil(16 * 48 * 7 / 8)  # the bits that are used, in the file
    assert "LSTMs and linear layers" in described(made)


def test_bits_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "bits.toml"
    path.write_text('bits = [6, 8]\nlast = [8, 16]\n[layers]\n"encoder.lstms.*" = [4, 8]\n')
    config = with_layers_of(path, QuantizeConfig(ranges="max"))
    assert config == QuantizeConfig((6, 8), {"encoder.lstms.*": [4, 8]}, None, (8, 16), "max")
    for text, said in (("bit = [6, 8]", "unknown key 'bit'"), ("bits = [1, 8]", "bits are two numbers")):
        path.write_text(text)
        with pytest.raises(UsageError, match=said):
            with_layers_of(path, QuantizeConfig())
