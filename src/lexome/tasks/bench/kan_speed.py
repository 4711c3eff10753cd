"""Kolmogorov-Arnold layers beside convolutions and perceptrons."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import nn

from lexome.nn.conv import ConvBlock, ConvConfig
from lexome.nn.feed_forward import DenseConfig, DenseFeedForward
from lexome.nn.kan import Basis, KanConv, KanConvConfig, SineLayer, SplineLayer
from lexome.tasks.bench.layer_speed import Group, SpeedRequest, Subject, batch_series, find_points
from lexome.tasks.bench.module_cases import module_case

BATCHES = (1, 16, 64, 256)
KERNEL, CHANNELS_IN, CHANNELS_OUT, SAMPLES = 5, 4, 16, 100
FEATURES, GRID, DEGREE, REACH = 64, 8, 3, 3.0
CONV, MLP = "convolution", "two-layer MLP"
BASES: tuple[Basis, ...] = ("spline", "sine")
CONVS, LAYERS = "Convolutions", "Layers"
# Table 4.3: sequences or vectors per second of the plain network and of the KAN (of sines), by batch size.
PAPER = {
    CONVS: {1: (13917.09, 1626.53), 16: (219266.50, 25467.84), 64: (835149.76, 30892.11),
            256: (1150916.88, 31310.66)},
    LAYERS: {1: (9387.37, 2081.21), 16: (47959.33, 8580.51), 64: (52188.53, 8749.77),
             256: (53755.35, 8794.13)},
}  # fmt: skip


def kan_subject(request: SpeedRequest, samples: int = SAMPLES) -> Subject:
    """Table 4.3."""
    sizes = [size for size in BATCHES if size <= request.max_batch]
    conv = partial(module_case, shape=(CHANNELS_IN, samples), device=request.device, samples_per_item=1)
    layer = partial(module_case, shape=(1, FEATURES), device=request.device, samples_per_item=1)
    convs = [batch_series(CONV, conv(_conv), sizes)]
    layers = [batch_series(MLP, layer(_mlp), sizes)]
    for basis in BASES:
        convs.append(batch_series(_name(basis), conv(partial(_kan_conv, basis)), sizes))
        layers.append(batch_series(_name(basis), layer(partial(_kan_layers, basis)), sizes))
    return Subject(
        "Kolmogorov-Arnold networks",
        f"A convolution (kernel {KERNEL}, {CHANNELS_IN} channels in, {CHANNELS_OUT} out, with its "
        f"activation) on {samples} samples beside one whose product and activation are two Kolmogorov-Arnold "
        f"layers, and a perceptron of two layers of {FEATURES} beside two such layers, in inference. The "
        "thesis does not tell the length of its sequences, nor the size of its grids (here "
        f"{GRID} intervals or sines); its layers are of sines.",
        "table 4.3, section 4.2.5",
        (
            Group(CONVS, "batch size", "sequences", tuple(convs), CONV),
            Group(LAYERS, "batch size", "vectors", tuple(layers), MLP),
        ),
        paper_ratios,
    )


def paper_ratios(groups: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many times faster the plain network is, here and in the thesis, by batch size.

    Returns:
        `paper`: rows of group, size, the ratio of the thesis and those measured here by basis (None if not
        measured).
    """
    rows = []
    for title, published in PAPER.items():
        for size, (plain, kan) in published.items():
            row: dict[str, Any] = {"group": title, "x": size, "thesis": plain / kan}
            for basis in BASES:
                at = [p for p in find_points(groups, title, _name(basis)) if p["x"] == size]
                ratio = at[0]["ratio"] if at else None
                per_cpu = at[0]["ratio_per_cpu_s"] if at else None
                row[basis] = None if ratio is None else 1 / ratio
                row[f"{basis} per CPU-s"] = None if per_cpu is None else 1 / per_cpu
            rows.append(row)
    return {"paper": rows}


def _name(basis: Basis) -> str:
    return f"KAN of {basis}s"


def _conv() -> nn.Module:
    return ConvBlock(CHANNELS_IN, ConvConfig(CHANNELS_OUT, KERNEL))


def _kan_conv(basis: Basis) -> nn.Module:
    return KanConv(CHANNELS_IN, KanConvConfig(CHANNELS_OUT, KERNEL, basis, CHANNELS_OUT, grid=GRID))


def _mlp() -> nn.Module:
    return DenseFeedForward(FEATURES, DenseConfig(FEATURES))


def _kan_layers(basis: Basis) -> nn.Module:
    if basis == "sine":
        return nn.Sequential(*(SineLayer(FEATURES, FEATURES, GRID) for _ in range(2)))
    return nn.Sequential(*(SplineLayer(FEATURES, FEATURES, GRID, DEGREE, REACH) for _ in range(2)))
