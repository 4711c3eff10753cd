"""Requests to quantise: recipes, stores of other signal, what runs in integers."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lexome.checkpoint.store import load, save
from lexome.compress.quantize_config import QuantizeConfig
from lexome.core.errors import UsageError
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
    with pytest.raises(UsageError, match="has no LSTM, and nothing else runs faster in integers"):
        for_int8(base, QuantizeConfig(), None)


def test_bits_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "bits.toml"
    path.write_text('bits = [6, 8]\nlast = [8, 16]\n[layers]\n"encoder.lstms.*" = [4, 8]\n')
    config = with_layers_of(path, QuantizeConfig(ranges="max"))
    assert config == QuantizeConfig((6, 8), {"encoder.lstms.*": [4, 8]}, None, (8, 16), "max")
    for text, said in (("bit = [6, 8]", "unknown key 'bit'"), ("bits = [1, 8]", "bits are two numbers")):
        path.write_text(text)
        with pytest.raises(UsageError, match=said):
            with_layers_of(path, QuantizeConfig())
