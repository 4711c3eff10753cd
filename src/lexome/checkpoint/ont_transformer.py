"""The transformer of ONT's sup basecallers from version 5 on, as its config.toml describes it, in our terms.

Source: the layout of the published models (bonito, dorado). As in `ont_layers`, weights are paired with
layers by name, and what is not understood is an error that names it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from lexome.checkpoint.ont_sublayers import (
    CONVOLUTION_KEYS,
    SCORES_KEYS,
    Layout,
    convolution,
    expect,
    expect_known,
    expect_type,
    reading,
    scores,
)

MAX_LAYERS = 100
PARTS = ("conv", "transformer_encoder", "upsample", "crf")  # in the order in which they run
LAYER_KEYS = frozenset("type d_model nhead dim_feedforward deepnorm_alpha deepnorm_beta attn_window".split())
LAYER_NAMES = {
    "self_attn.Wqkv.weight": "attention.qkv.weight",
    "self_attn.out_proj.weight": "attention.out.weight",
    "self_attn.out_proj.bias": "attention.out.bias",
    "norm1.weight": "attention_norm.weight",
    "ff.fc1.weight": "feed_forward.into.weight",
    "ff.fc2.weight": "feed_forward.out.weight",
    "norm2.weight": "feed_forward_norm.weight",
}
NO_WINDOW = (-1, -1)
ALPHA = re.compile(r"transformer_encoder\.(\d+)\.deepnorm_alpha")


@dataclass(frozen=True)
class TransformerLayers:
    """What has been read: our configuration, and the table foreign weight name -> name of ours."""

    architecture: ClassVar[str] = "transformer"

    encoder: dict[str, Any]
    scorer: dict[str, Any]
    renames: dict[str, str]

    @property
    def chunk_multiple(self) -> int:
        """Samples that the length of a chunk must be a multiple of: the stride before the upsampling."""
        return prod(conv["stride"] for conv in self.encoder["convs"])

    @property
    def stride(self) -> int:
        """Samples per step."""
        return self.chunk_multiple // self.encoder["upsample"]


def read_transformer(model: Mapping[str, Any], layout: Layout) -> TransformerLayers:
    """Reads the section [model] of a transformer.

    Args:
        model: the section.
        layout: whose weights they are; dorado has batch normalisation folded into the convolutions.

    Returns:
        The layers.

    Raises:
        ValueError: for a key, value or order that is not supported; the message says where.
    """
    with reading("[model]"):
        expect_known(model, frozenset("type package seqdist encoder".split()))
        expect_type(model, "seqdistmodel")
    with reading("[model.seqdist]"):
        expect_known(model["seqdist"], frozenset("state_len alphabet".split()))
        alphabet = model["seqdist"].get("alphabet", list("NACGT"))
        expect(alphabet == list("NACGT"), f"the alphabet must be N, A, C, G, T, not {alphabet}")
    encoder = model["encoder"]
    with reading("[model.encoder]"):
        expect_known(encoder, frozenset(("type", *PARTS)))
        expect_type(encoder, "namedserial")
        given = [part for part in encoder if part != "type"]
        expected = [part for part in PARTS if part != "upsample" or part in encoder]
        expect(
            given == expected,
            f"its parts must be {', '.join(expected)}, in this order, not {', '.join(given)}",
        )
    renames: dict[str, str] = {}
    convs = _convolutions(encoder["conv"], layout, renames)
    width = convs[-1]["size"]
    with reading("[model.encoder.transformer_encoder]"):
        layers = _stack(encoder["transformer_encoder"], width, renames)
    factor = 1
    if "upsample" in encoder:
        with reading("[model.encoder.upsample]"):
            factor = _upsample(encoder["upsample"], width, renames)
    with reading("[model.encoder.crf]"):
        crf = encoder["crf"]
        expect_known(crf, SCORES_KEYS | {"permute"})
        expect_type(crf, "linearcrfencoder")
        permute = crf.get("permute", [1, 0, 2])  # steps first: a matter of the other program's layout only
        expect(list(permute) == [1, 0, 2], f"permute must be [1, 0, 2], not {permute}")
        scorer, names = scores(crf, width)
        renames |= {f"crf.{theirs}": f"scorer.{ours}" for theirs, ours in names.items()}
        state_len = model["seqdist"]["state_len"]
        expect(scorer["state_len"] == state_len, f"state_len is {state_len} in [model.seqdist]")
    return TransformerLayers(
        {"convs": convs, **layers, "upsample": factor, "in_channels": 1}, scorer, renames
    )


def without_constants(foreign: Mapping[str, np.ndarray], encoder: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Drops the numbers that bonito keeps among the weights although config.toml gives them.

    Args:
        foreign: weights under bonito's names.
        encoder: our configuration of the encoder.

    Returns:
        The weights alone.

    Raises:
        ValueError: if such a number is another than in the configuration, or belongs to no layer.
    """
    weights = dict(foreign)
    for name, value in foreign.items():
        match = ALPHA.fullmatch(name)
        if match is None:
            continue
        alpha = encoder["deepnorm_alpha"]
        expect(int(match[1]) < len(encoder["feed_forwards"]), f"{name} belongs to no layer of config.toml")
        expect(
            value.shape == () and abs(float(value) - alpha) <= 1e-5 * abs(alpha),
            f"{name} is {value}, but {alpha} in config.toml",
        )
        del weights[name]
    return weights


def _convolutions(part: Mapping[str, Any], layout: Layout, renames: dict[str, str]) -> list[dict[str, Any]]:
    with reading("[model.encoder.conv]"):
        expect_known(part, frozenset(("type", "sublayers")))
        expect_type(part, "serial")
        *sublayers, permute = part["sublayers"]
        expect(bool(sublayers), "there must be at least one convolution")
    convs: list[dict[str, Any]] = []
    width = 1
    for position, sublayer in enumerate(sublayers):
        with reading(f"[model.encoder.conv], sublayer {position} ({sublayer.get('type')})"):
            expect_type(sublayer, "convolution")
            expect_known(sublayer, CONVOLUTION_KEYS)
            config, names = convolution(sublayer, width, layout)
        renames |= {
            f"conv.{position}.{theirs}": f"encoder.convs.{position}.{ours}" for theirs, ours in names.items()
        }
        convs.append(config)
        width = config["size"]
    with reading(f"[model.encoder.conv], sublayer {len(sublayers)} ({permute.get('type')})"):
        expect_type(permute, "permute")
        expect_known(permute, frozenset(("type", "dims")))
        expect(list(permute["dims"]) == [0, 2, 1], "only dims [0, 2, 1] are supported")
    return convs


def _stack(part: Mapping[str, Any], width: int, renames: dict[str, str]) -> dict[str, Any]:
    expect_known(part, frozenset(("type", "depth", "layer")))
    expect_type(part, "stack")
    depth, layer = int(part["depth"]), part["layer"]
    expect(0 < depth <= MAX_LAYERS, f"depth {depth} is not from 1 to {MAX_LAYERS}")
    expect_type(layer, "transformerencoderlayer")
    expect_known(layer, LAYER_KEYS)
    expect(layer["d_model"] == width, f"d_model must be {width}")
    for i in range(depth):
        renames |= {
            f"transformer_encoder.{i}.{theirs}": f"encoder.layers.{i}.{ours}"
            for theirs, ours in LAYER_NAMES.items()
        }
    window = tuple(layer.get("attn_window") or NO_WINDOW)
    expect(
        window == NO_WINDOW or (len(window) == 2 and min(window) >= 0),
        f"attn_window {list(window)} is not supported: two lengths, or [-1, -1] for none",
    )
    return {
        "attention": {
            "num_heads": int(layer["nhead"]),
            "window": None if window == NO_WINDOW else [int(reach) for reach in window],
        },
        "feed_forwards": [int(layer["dim_feedforward"])] * depth,
        "deepnorm_alpha": float(layer["deepnorm_alpha"]),
        "deepnorm_beta": float(layer["deepnorm_beta"]),
    }


def _upsample(part: Mapping[str, Any], width: int, renames: dict[str, str]) -> int:
    expect_known(part, frozenset("type d_model scale_factor batch_first".split()))
    expect_type(part, "linearupsample")
    expect(part["d_model"] == width, f"d_model must be {width}")
    expect(part.get("batch_first", True) is True, "only batch_first is supported")
    renames |= {f"upsample.linear.{name}": f"encoder.upsample.linear.{name}" for name in ("weight", "bias")}
    return int(part["scale_factor"])
