"""The layers of ONT's CRF basecallers, as their config.toml lists them, in our terms.

Source: the layout of the published models (bonito, dorado). Weights are paired with layers by name, through a
table made here, never by shape; a layer that is not understood is an error that names it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar

from lexome.checkpoint.ont_sublayers import (
    CONVOLUTION_KEYS,
    SCORES_KEYS,
    Layout,
    convolution,
    expect,
    expect_known,
    reading,
    scores,
)

MAX_LAYERS = 100
RNN_TYPES = ("lstm", "gru")  # not 'rnn', which does not say which activation it has

KNOWN_KEYS: dict[str, frozenset[str]] = {
    "convolution": CONVOLUTION_KEYS,
    "clamp": frozenset("type min max".split()),
    "permute": frozenset("type dims".split()),
    "lstm": frozenset("type size insize bias reverse".split()),
    "gru": frozenset("type size insize bias reverse".split()),
    "linear": frozenset("type in_features out_features bias".split()),
    "linearcrfencoder": SCORES_KEYS,
}
FLAT_KEYS = frozenset(
    "stride winlen scale features rnn_type activation blank_score first_conv_size num_layers norm "
    "expand_blanks insize n_base".split()
)


@dataclass
class Layers:
    """What has been read: our configuration, and the table foreign weight name -> name of ours."""

    architecture: ClassVar[str] = "bonito"

    convs: list[dict[str, Any]] = field(default_factory=list)
    lstms: list[dict[str, Any]] = field(default_factory=list)
    linears: list[dict[str, Any]] = field(default_factory=list)
    scorer: dict[str, Any] = field(default_factory=dict)
    renames: dict[str, str] = field(default_factory=dict)

    @property
    def stride(self) -> int:
        """Samples per step."""
        return prod(conv["stride"] for conv in self.convs)

    @property
    def chunk_multiple(self) -> int:
        """Samples that the length of a chunk must be a multiple of."""
        return self.stride

    @property
    def encoder(self) -> dict[str, Any]:
        """The encoder's configuration."""
        return {"convs": self.convs, "lstms": self.lstms, "linears": self.linears, "in_channels": 1}


def sublayers_of_flat(encoder: Mapping[str, Any], state_len: int) -> list[dict[str, Any]]:
    """Spells out the flat style of models up to v3 as the list of sublayers that it stands for.

    Args:
        encoder: the section [encoder].
        state_len: bases in a CRF state.

    Returns:
        Sublayers in the style of v4: three convolutions, recurrent layers of alternating direction with the
        last one in reverse, and the scores through a tanh.

    Raises:
        ValueError: for a key or value that is not supported.
    """
    expect_known(encoder, FLAT_KEYS)
    rnn_type = encoder.get("rnn_type", "lstm")
    expect(
        rnn_type in RNN_TYPES, f"rnn_type '{rnn_type}' is not supported (supported: {', '.join(RNN_TYPES)})"
    )
    size, count = encoder.get("features", 768), encoder.get("num_layers", 5)
    expect(0 < count <= MAX_LAYERS, f"num_layers {count} is not from 1 to {MAX_LAYERS}")
    shapes = [
        (encoder.get("insize", 1), encoder.get("first_conv_size", 4), 5, 1),
        (encoder.get("first_conv_size", 4), 16, 5, 1),
        (16, size, encoder.get("winlen", 19), encoder.get("stride", 5)),
    ]
    convs = [
        {
            "type": "convolution",
            "insize": insize,
            "size": outsize,
            "winlen": kernel,
            "stride": stride,
            "padding": kernel // 2,
            "activation": encoder.get("activation", "swish"),
            "norm": encoder.get("norm"),
        }
        for insize, outsize, kernel, stride in shapes
    ]
    recurrent = [
        {"type": rnn_type, "size": size, "insize": size, "reverse": (count - i) % 2} for i in range(count)
    ]
    last = {
        "type": "linearcrfencoder",
        "insize": size,
        "n_base": encoder.get("n_base", 4),
        "state_len": state_len,
        "activation": "tanh",
        "scale": encoder.get("scale", 5.0),
        "blank_score": encoder.get("blank_score"),
    }
    return [*convs, {"type": "permute", "dims": [2, 0, 1]}, *recurrent, last]


def read_sublayers(sublayers: Sequence[Mapping[str, Any]], layout: Layout) -> Layers:
    """Reads the list of sublayers of an encoder.

    Args:
        sublayers: `[[encoder.sublayers]]`.
        layout: how the weights are named and numbered: bonito counts all sublayers; dorado leaves out the
            clamps and has batch normalisation folded into the convolutions.

    Returns:
        The layers.

    Raises:
        ValueError: for a sublayer, key, value or order that is not supported; the message says where.
    """
    walk = _Walk(layout)
    for position, sublayer in enumerate(sublayers):
        kind = str(sublayer.get("type"))
        place = f"sublayer {position} ({kind})"
        if kind not in KNOWN_KEYS:
            raise ValueError(f"{place}: this type is not supported (supported: {', '.join(KNOWN_KEYS)})")
        with reading(place):
            expect_known(sublayer, KNOWN_KEYS[kind])
            getattr(walk, kind)(sublayer)
        walk.advance(kind)
    expect(bool(walk.layers.scorer), "the list of sublayers ends without a linearcrfencoder")
    return walk.layers


class _Walk:
    """Goes through the sublayers; one method per type, named as the type."""

    def __init__(self, layout: Layout) -> None:
        self.layers = Layers()
        self.layout: Layout = layout
        self.width = 1  # features that reach the next sublayer
        self.number = 0  # of the next sublayer, in the names of its weights
        self.previous = ""

    def advance(self, kind: str) -> None:
        if kind != "clamp" or self.layout == "bonito":
            self.number += 1
        self.previous = kind

    def rename(self, ours: str, names: Mapping[str, str]) -> None:
        for theirs, own in names.items():
            self.layers.renames[f"{self.number}.{theirs}"] = f"{ours}.{own}"

    def convolution(self, sublayer: Mapping[str, Any]) -> None:
        expect(self.previous in ("", "convolution", "clamp") and not self.layers.lstms, "stands too late")
        config, names = convolution(sublayer, self.width, self.layout)
        self.rename(f"encoder.convs.{len(self.layers.convs)}", names)
        self.width = config["size"]
        self.layers.convs.append(config)

    def clamp(self, sublayer: Mapping[str, Any]) -> None:
        bounds = [float(sublayer["min"]), float(sublayer["max"])]
        if self.previous == "convolution":
            self.layers.convs[-1]["clamp"] = bounds
        elif self.previous == "linearcrfencoder":
            self.layers.scorer["clamp"] = bounds
        else:
            raise ValueError("a clamp may only follow a convolution or the scores")

    def permute(self, sublayer: Mapping[str, Any]) -> None:
        expect(list(sublayer["dims"]) == [2, 0, 1], "only dims [2, 0, 1] are supported")
        expect(self.previous in ("convolution", "clamp"), "must follow the convolutions")

    def lstm(self, sublayer: Mapping[str, Any]) -> None:
        expect(self.previous in ("permute", *RNN_TYPES), "must follow the permute or another recurrent layer")
        expect(sublayer["insize"] == self.width, f"insize must be {self.width}")
        bias = bool(sublayer.get("bias", True))
        names = ["weight_ih_l0", "weight_hh_l0"] + (["bias_ih_l0", "bias_hh_l0"] if bias else [])
        ours = f"encoder.lstms.{len(self.layers.lstms)}"
        self.rename(ours, {f"rnn.{name}": f"rnn.{name}" for name in names})
        self.width = int(sublayer["size"])
        reverse = bool(sublayer.get("reverse", False))
        self.layers.lstms.append({"size": self.width, "reverse": reverse, "bias": bias})

    def gru(self, sublayer: Mapping[str, Any]) -> None:
        expect(self.layout == "bonito", "dorado has no such layer, so what its weights mean is not known")
        self.lstm(sublayer)
        self.layers.lstms[-1]["kind"] = "gru"

    def linear(self, sublayer: Mapping[str, Any]) -> None:
        expect(self.previous in (*RNN_TYPES, "linear"), "must follow a recurrent or another linear layer")
        expect(sublayer["in_features"] == self.width, f"in_features must be {self.width}")
        bias = bool(sublayer.get("bias", True))
        ours = f"encoder.linears.{len(self.layers.linears)}"
        self.rename(ours, {f"linear.{name}": name for name in (["weight", "bias"] if bias else ["weight"])})
        self.width = int(sublayer["out_features"])
        self.layers.linears.append({"size": self.width, "bias": bias})

    def linearcrfencoder(self, sublayer: Mapping[str, Any]) -> None:
        expect(self.previous in (*RNN_TYPES, "linear"), "must follow a recurrent or a linear layer")
        self.layers.scorer, names = scores(sublayer, self.width)
        self.rename("scorer", names)
