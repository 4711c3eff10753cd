"""Networks in bonito's terms."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.export_bonito import bonito_form, write_bonito_weights
from lexome.checkpoint.exporting import export_model
from lexome.checkpoint.store import Checkpoint, load
from lexome.core.errors import UsageError


def test_names_are_those_of_bonitos_modules(checkpoint: Checkpoint) -> None:
    form = bonito_form(checkpoint)
    # conv 0 with its normalisation, conv 1, its clamp (2), permute (3), LSTMs 4 and 5, linear 6, scores 7
    assert list(form.foreign) == [
        *(f"encoder.0.conv.{name}" for name in ("weight", "bias")),
        *(
            f"encoder.0.norm.bn.{name}"
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        ),
        *(f"encoder.1.conv.{name}" for name in ("weight", "bias")),
        *(f"encoder.4.rnn.{w}_l0" for w in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
        *(f"encoder.5.rnn.{w}_l0" for w in ("weight_ih", "weight_hh")),
        *(f"encoder.6.linear.{name}" for name in ("weight", "bias")),
        *(f"encoder.7.linear.{name}" for name in ("weight", "bias")),
    ]
    assert form.sections["global_norm"] == {"state_len": 2}
    assert form.sections["encoder"]["sublayers"][2] == {"type": "clamp", "min": -0.5, "max": 3.5}


def test_a_transformers_names_stand_in_bonitos_order(styles: dict[str, Any], random_model: Any) -> None:
    name, architecture, head = styles["transformer"]
    form = bonito_form(random_model(name, {**architecture, "deepnorm_alpha": 1.5}, head))
    # bonito pairs weights with layers by shape and order: norm1 before norm2
    layer = [
        "deepnorm_alpha",
        "self_attn.Wqkv.weight",
        "self_attn.out_proj.weight",
        "self_attn.out_proj.bias",
        "ff.fc1.weight",
        "ff.fc2.weight",
        "norm1.weight",
        "norm2.weight",
    ]
    assert [n for n in form.foreign if ".conv." not in n] == [
        *(f"encoder.transformer_encoder.{i}.{own}" for i in (0, 1) for own in layer),
        "encoder.upsample.linear.weight",
        "encoder.upsample.linear.bias",
        "encoder.crf.linear.weight",
    ]
    alpha = form.foreign["encoder.transformer_encoder.1.deepnorm_alpha"]
    assert (alpha.shape, alpha.dtype, float(alpha)) == ((), np.float32, 1.5)
    assert form.chunk_multiple == 6


@pytest.mark.parametrize(
    ("style", "layers", "head", "named"),
    [
        ("plain", {"lstms": [{"size": 8, "reverse": True, "kind": "gru"}]}, {}, "of the kind gru"),
        ("plain", {"lstms": [{"size": 8, "reverse": True, "kind": "elman"}]}, {}, "of the kind elman"),
        ("plain", {"lstms": [{"size": 8, "reverse": True, "splits": 2}]}, {}, "run in split sequences"),
        ("plain", {"convs": [{"size": 8, "kernel": 5, "activation": "gelu"}]}, {}, "followed by gelu"),
        ("plain", {"lstms": [{"size": 8, "reverse": True, "layer_norm": True}]}, {}, "a sum or a norm"),
        ("transformer", {"attention": {"num_heads": 2, "window": None}}, {}, "attention without a window"),
        ("transformer", {"feed_forwards": [24, 16]}, {}, "feed-forward blocks of several widths"),
        ("transformer", {}, {"clamp": [-5.0, 5.0]}, "a transformer with clamps"),
    ],
)
def test_what_bonito_does_not_have_is_named(
    styles: dict[str, Any], random_model: Any, style: str, layers: dict, head: dict, named: str
) -> None:
    name, architecture, own_head = styles[style]
    model = random_model(name, {**architecture, **layers}, {**own_head, **head})
    with pytest.raises(UsageError, match=f"model random cannot be written for bonito, .*{named}"):
        bonito_form(model)


def test_weights_are_plain_tensors(tmp_path: Path) -> None:
    foreign = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(7, np.int64)}
    write_bonito_weights(tmp_path, foreign)
    state = torch.load(tmp_path / "weights_1.tar", weights_only=True)
    assert list(state) == ["a", "n"]
    assert [type(tensor) for tensor in state.values()] == [torch.Tensor] * 2
    assert all(np.array_equal(state[name].numpy(), w) for name, w in foreign.items())
    assert state["n"].dtype == torch.int64


def test_the_bundled_model_has_one_bias_for_the_gpu(tmp_path: Path) -> None:
    model = load("r9.4.1_fast")
    notes = export_model(model, "bonito", tmp_path / "out")
    assert any("recurrent biases" in note for note in notes)
    assert any("median and MAD" in note for note in notes)
    back = load(tmp_path / "out")
    assert not any(w.any() for name, w in back.weights.items() if name.endswith("bias_hh_l0"))
    changed = {name for name, w in model.weights.items() if not np.array_equal(back.weights[name], w)}
    assert {name.split(".")[-1] for name in changed} == {"bias_ih_l0", "bias_hh_l0"}
    signal = torch.randn(2, 1, 3000, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = build_network(model)(signal)
        found = build_network(back)(signal)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_an_original_that_contradicts_itself_is_not_used(checkpoint: Checkpoint) -> None:
    encoder = {**bonito_form(checkpoint).sections["encoder"], "mark": "original"}
    found = {}
    for state_len in (2, 3):  # of the network: 2
        config = {"encoder": encoder, "global_norm": {"state_len": state_len}}
        origin = {"imported_from": {"layout": "bonito", "config": config}}
        found[state_len] = bonito_form(dataclasses.replace(checkpoint, provenance=origin)).sections
    assert "mark" in found[2]["encoder"]
    assert "mark" not in found[3]["encoder"]
    assert found[3]["global_norm"] == {"state_len": 2}


@pytest.mark.parametrize(
    "remembered",
    [
        "nothing",
        {"encoder": 3},
        {"encoder": {"sublayers": [{"type": "lstm"}]}},
        {"encoder": {"sublayers": None}},
        {"encoder": {"stride": 5}, "global_norm": {}},
        {"encoder": {"stride": 5, "features": 6, "num_layers": 2}, "global_norm": {"state_len": 2}},
    ],
)
def test_an_original_that_is_not_the_network_is_not_used(checkpoint: Checkpoint, remembered: Any) -> None:
    expected = bonito_form(checkpoint).sections["encoder"]
    config = {} if remembered == "nothing" else remembered
    origin = {"imported_from": {"layout": "bonito", "config": config}}
    form = bonito_form(dataclasses.replace(checkpoint, provenance=origin))
    assert form.sections["encoder"] == expected
