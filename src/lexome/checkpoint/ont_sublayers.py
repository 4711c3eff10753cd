"""Sublayers that all of ONT's basecallers have, as their config.toml writes them, in our terms.

Source: the layout of the published models (bonito, dorado). A key or value that is not understood is an error
that names it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

Layout = Literal["bonito", "dorado"]

CONVOLUTION_KEYS = frozenset("type insize size winlen stride padding bias activation norm".split())
SCORES_KEYS = frozenset(
    "type insize n_base state_len bias scale activation blank_score expand_blanks".split()
)
BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def convolution(
    sublayer: Mapping[str, Any], width: int, layout: Layout
) -> tuple[dict[str, Any], dict[str, str]]:
    """A convolution: configuration of a `nn.conv.ConvBlock`.

    Args:
        sublayer: as config.toml has it.
        width: features that reach it.
        layout: dorado has batch normalisation folded into the convolution.

    Returns:
        The configuration, and the table foreign weight name -> name in the block, both without the place.

    Raises:
        ValueError: for what is not supported.
    """
    expect(sublayer["insize"] == width, f"insize must be {width}")
    stride = int(sublayer.get("stride", 1))
    expect(stride > 0, f"stride {stride} is not positive")
    norm, activation = sublayer.get("norm"), sublayer.get("activation")
    expect(norm in (None, "batchnorm"), f"norm '{norm}' is not supported")
    expect(activation in (None, "swish", "tanh", "relu"), f"activation '{activation}' is not supported")
    folded = norm is not None and layout == "dorado"  # the bias is what is left of the normalisation
    bias = folded or bool(sublayer.get("bias", True))
    names = {f"conv.{name}": f"conv.{name}" for name in (("weight", "bias") if bias else ("weight",))}
    if norm is not None and not folded:
        names |= {f"norm.bn.{name}": f"norm.{name}" for name in BATCH_NORM}
    config = {
        "size": int(sublayer["size"]),
        "kernel": int(sublayer["winlen"]),
        "stride": stride,
        "padding": int(sublayer.get("padding", 0)),
        "bias": bias,
        "activation": activation or "none",
        "batch_norm": norm is not None and not folded,
        "clamp": None,
    }
    return config, names


def scores(sublayer: Mapping[str, Any], width: int) -> tuple[dict[str, Any], dict[str, str]]:
    """The last layer: configuration of a `nn.scorer.CrfScorer`.

    Args:
        sublayer: as config.toml has it.
        width: features that reach it.

    Returns:
        The configuration, and the table foreign weight name -> name in the scorer, both without the place.

    Raises:
        ValueError: for what is not supported.
    """
    expect(sublayer["insize"] == width, f"insize must be {width}")
    expect(sublayer.get("n_base", 4) == 4, "n_base must be 4")
    activation, scale, blank = (sublayer.get(key) for key in ("activation", "scale", "blank_score"))
    expect(activation in (None, "tanh"), f"activation '{activation}' is not supported")
    bias = bool(sublayer.get("bias", True))
    config = {
        "state_len": int(sublayer["state_len"]),
        "blank_score": None if blank is None else float(blank),
        "bias": bias,
        "activation": activation or "none",
        "scale": 1.0 if scale is None else float(scale),
        "clamp": None,
    }
    names = ("linear.weight", "linear.bias") if bias else ("linear.weight",)
    return config, {name: name for name in names}


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Names the place in the complaints of what is read inside.

    Raises:
        ValueError: for a missing key, or a key or value that is not supported.
    """
    try:
        yield
    except KeyError as error:
        raise ValueError(f"{place}: key {error} is missing") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{place}: {error}") from error


def expect(condition: bool, complaint: str) -> None:
    """Raises a ValueError with the complaint unless the condition holds."""
    if not condition:
        raise ValueError(complaint)


def expect_type(table: Mapping[str, Any], kind: str) -> None:
    """Raises a ValueError unless a table is of the one type that may stand here."""
    expect(table.get("type") == kind, f"type '{table.get('type')}' is not supported here, only '{kind}'")


def expect_known(table: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raises a ValueError that names the keys of a table that are not known."""
    unknown = sorted(set(table) - known)
    expect(
        not unknown, f"the keys {', '.join(unknown)} are not known, so the network cannot be rebuilt exactly"
    )
