"""The layers of ONT's CRF basecallers, as their config.toml lists them, in our terms.

Source: the layout of the published models (bonito, dorado). Weights are paired with layers by name, through a
table made here, never by shape; a layer that is not understood is an error that names it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

Layout = Literal["bonito", "dorado"]

MAX_LAYERS = 100

KNOWN_KEYS: dict[str, frozenset[str]] = {
    "convolution": frozenset("type insize size winlen stride padding bias activation norm".split()),
    "clamp": frozenset("type min max".split()),
    "permute": frozenset("type dims".split()),
    "lstm": frozenset("type size insize bias reverse".split()),
    "linear": frozenset("type in_features out_features bias".split()),
    "linearcrfencoder": frozenset(
        "type insize n_base state_len bias scale activation blank_score expand_blanks".split()
    ),
}
FLAT_KEYS = frozenset(
    "stride winlen scale features rnn_type activation blank_score first_conv_size num_layers norm "
    "expand_blanks insize n_base".split()
)


@dataclass
class Layers:
    """What has been read: our configuration, and the table foreign weight name -> name of ours."""

    convs: list[dict[str, Any]] = field(default_factory=list)
    lstms: list[dict[str, Any]] = field(default_factory=list)
    linears: list[dict[str, Any]] = field(default_factory=list)
    scorer: dict[str, Any] = field(default_factory=dict)
    renames: dict[str, str] = field(default_factory=dict)

    @property
    def stride(self) -> int:
        """Samples per step."""
        return prod(conv["stride"] for conv in self.convs)


def sublayers_of_flat(encoder: Mapping[str, Any], state_len: int) -> list[dict[str, Any]]:
    """Spells out the flat style of models up to v3 as the list of sublayers that it stands for.

    Args:
        encoder: the section [encoder].
        state_len: bases in a CRF state.

    Returns:
        Sublayers in the style of v4: three convolutions, LSTMs of alternating direction with the last one in
        reverse, and the scores through a tanh.

    Raises:
        ValueError: for a key or value that is not supported.
    """
    _expect_known(encoder, FLAT_KEYS)
    rnn_type = encoder.get("rnn_type", "lstm")
    _expect(rnn_type == "lstm", f"rnn_type '{rnn_type}' is not supported, only 'lstm'")
    size, count = encoder.get("features", 768), encoder.get("num_layers", 5)
    _expect(0 < count <= MAX_LAYERS, f"num_layers {count} is not from 1 to {MAX_LAYERS}")
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
    lstms = [{"type": "lstm", "size": size, "insize": size, "reverse": (count - i) % 2} for i in range(count)]
    scores = {
        "type": "linearcrfencoder",
        "insize": size,
        "n_base": encoder.get("n_base", 4),
        "state_len": state_len,
        "activation": "tanh",
        "scale": encoder.get("scale", 5.0),
        "blank_score": encoder.get("blank_score"),
    }
    return [*convs, {"type": "permute", "dims": [2, 0, 1]}, *lstms, scores]


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
        try:
            _expect_known(sublayer, KNOWN_KEYS[kind])
            getattr(walk, kind)(sublayer)
        except KeyError as error:
            raise ValueError(f"{place}: key {error} is missing") from error
        except (TypeError, ValueError) as error:
            raise ValueError(f"{place}: {error}") from error
        walk.advance(kind)
    _expect(bool(walk.layers.scorer), "the list of sublayers ends without a linearcrfencoder")
    return walk.layers


class _Walk:
    """Goes through the sublayers; one method per type, named as the type."""

    def __init__(self, layout: Layout) -> None:
        self.layers = Layers()
        self.layout = layout
        self.width = 1  # features that reach the next sublayer
        self.number = 0  # of the next sublayer, in the names of its weights
        self.previous = ""

    def advance(self, kind: str) -> None:
        if kind != "clamp" or self.layout == "bonito":
            self.number += 1
        self.previous = kind

    def rename(self, theirs: str, ours: str, names: Sequence[str]) -> None:
        for name in names:
            self.layers.renames[f"{self.number}.{theirs}.{name}"] = f"{ours}.{name}"

    def convolution(self, sublayer: Mapping[str, Any]) -> None:
        _expect(self.previous in ("", "convolution", "clamp") and not self.layers.lstms, "stands too late")
        _expect(sublayer["insize"] == self.width, f"insize must be {self.width}")
        norm, activation = sublayer.get("norm"), sublayer.get("activation")
        _expect(norm in (None, "batchnorm"), f"norm '{norm}' is not supported")
        _expect(activation in (None, "swish", "tanh", "relu"), f"activation '{activation}' is not supported")
        folded = norm is not None and self.layout == "dorado"  # the bias is what is left of the normalisation
        bias = folded or bool(sublayer.get("bias", True))
        ours = f"encoder.convs.{len(self.layers.convs)}"
        self.rename("conv", f"{ours}.conv", ["weight", "bias"] if bias else ["weight"])
        if norm is not None and not folded:
            names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
            self.rename("norm.bn", f"{ours}.norm", names)
        self.width = int(sublayer["size"])
        self.layers.convs.append(
            {
                "size": self.width,
                "kernel": int(sublayer["winlen"]),
                "stride": int(sublayer.get("stride", 1)),
                "padding": int(sublayer.get("padding", 0)),
                "bias": bias,
                "activation": activation or "none",
                "batch_norm": norm is not None and not folded,
                "clamp": None,
            }
        )

    def clamp(self, sublayer: Mapping[str, Any]) -> None:
        bounds = [float(sublayer["min"]), float(sublayer["max"])]
        if self.previous == "convolution":
            self.layers.convs[-1]["clamp"] = bounds
        elif self.previous == "linearcrfencoder":
            self.layers.scorer["clamp"] = bounds
        else:
            raise ValueError("a clamp may only follow a convolution or the scores")

    def permute(self, sublayer: Mapping[str, Any]) -> None:
        _expect(list(sublayer["dims"]) == [2, 0, 1], "only dims [2, 0, 1] are supported")
        _expect(self.previous in ("convolution", "clamp"), "must follow the convolutions")

    def lstm(self, sublayer: Mapping[str, Any]) -> None:
        _expect(self.previous in ("permute", "lstm"), "must follow the permute or another lstm")
        _expect(sublayer["insize"] == self.width, f"insize must be {self.width}")
        bias = bool(sublayer.get("bias", True))
        names = ["weight_ih_l0", "weight_hh_l0"] + (["bias_ih_l0", "bias_hh_l0"] if bias else [])
        self.rename("rnn", f"encoder.lstms.{len(self.layers.lstms)}.rnn", names)
        self.width = int(sublayer["size"])
        reverse = bool(sublayer.get("reverse", False))
        self.layers.lstms.append({"size": self.width, "reverse": reverse, "bias": bias})

    def linear(self, sublayer: Mapping[str, Any]) -> None:
        _expect(self.previous in ("lstm", "linear"), "must follow an lstm or another linear layer")
        _expect(sublayer["in_features"] == self.width, f"in_features must be {self.width}")
        bias = bool(sublayer.get("bias", True))
        ours = f"encoder.linears.{len(self.layers.linears)}"
        self.rename("linear", ours, ["weight", "bias"] if bias else ["weight"])
        self.width = int(sublayer["out_features"])
        self.layers.linears.append({"size": self.width, "bias": bias})

    def linearcrfencoder(self, sublayer: Mapping[str, Any]) -> None:
        _expect(self.previous in ("lstm", "linear"), "must follow an lstm or a linear layer")
        _expect(sublayer["insize"] == self.width, f"insize must be {self.width}")
        _expect(sublayer.get("n_base", 4) == 4, "n_base must be 4")
        activation, scale, blank = (sublayer.get(key) for key in ("activation", "scale", "blank_score"))
        _expect(activation in (None, "tanh"), f"activation '{activation}' is not supported")
        bias = bool(sublayer.get("bias", True))
        self.rename("linear", "scorer.linear", ["weight", "bias"] if bias else ["weight"])
        self.layers.scorer = {
            "state_len": int(sublayer["state_len"]),
            "blank_score": None if blank is None else float(blank),
            "bias": bias,
            "activation": activation or "none",
            "scale": 1.0 if scale is None else float(scale),
            "clamp": None,
        }


def _expect(condition: bool, complaint: str) -> None:
    if not condition:
        raise ValueError(complaint)


def _expect_known(table: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(table) - known)
    _expect(
        not unknown, f"the keys {', '.join(unknown)} are not known, so the network cannot be rebuilt exactly"
    )
