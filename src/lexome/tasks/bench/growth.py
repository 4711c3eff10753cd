"""How time and memory of layers grow with length, width and batch, beside what is written about them.

Legend: L steps, H features, B batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from lexome.nn.conv import ConvBlock, ConvConfig
from lexome.nn.mamba import MambaLayerConfig
from lexome.nn.mamba2 import Mamba2
from lexome.nn.multihead import MultiHeadAttention
from lexome.nn.recurrent import Kind, RecurrentConfig, RecurrentLayer
from lexome.nn.s4 import S4Block, S4BlockConfig
from lexome.tasks.bench.layer_speed import Group, Series, SpeedRequest, Spot, Subject
from lexome.tasks.bench.module_cases import Mode, module_case

KERNEL, HEADS = 5, 4
LSTM = "LSTM"
AXES = ("length", "width", "batch")
MODES: tuple[Mode, ...] = ("inference", "training")
MIN_POINTS = 3  # for a slope


@dataclass(frozen=True)
class Ranges:
    """The sizes of every axis; where one axis varies, the others stand at `base`."""

    length: tuple[int, ...] = (128, 256, 512, 1024, 2048, 4096)
    width: tuple[int, ...] = (32, 64, 128, 256, 512)
    batch: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    base: tuple[int, int, int] = (256, 64, 4)


def _log(size: float) -> float:
    return size * float(np.log2(size))


Formula = Callable[[float, float, float], float]
# Table 2.1, rows "training" and "space"; L~ and H~ are L log L and H log H. Its convolution is as long as the
# sequence and done by Fourier transforms.
TABLE: dict[str, tuple[str, Formula, Formula]] = {
    f"convolution of {KERNEL}": (
        "convolution", lambda L, H, B: _log(L) * H * (B + H), lambda L, H, B: B * L * H
    ),
    LSTM: ("recurrence", lambda L, H, B: B * L * H**2, lambda L, H, B: B * L * H),
    "attention": (
        "attention", lambda L, H, B: B * (L**2 * H + L * H**2), lambda L, H, B: B * (L**2 + H * L)
    ),
    "S4": (
        "S4", lambda L, H, B: B * H * (_log(H) + _log(L)) + B * _log(L) * H, lambda L, H, B: B * L * H
    ),
}  # fmt: skip


class StepsFirst(nn.Module):
    """A convolution in the arrangement of the other layers: (B, L, H) -> (B, L, H)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x_BLH: Tensor) -> Tensor:
        """Applies it."""
        return self.inner(x_BLH.transpose(1, 2)).transpose(1, 2)


def _conv(width: int) -> nn.Module:
    return StepsFirst(ConvBlock(width, ConvConfig(width, KERNEL)))


def _recurrent(kind: Kind, width: int) -> nn.Module:
    return RecurrentLayer(width, RecurrentConfig(width, reverse=False, kind=kind))


LAYERS: dict[str, Callable[[int], nn.Module]] = {
    LSTM: partial(_recurrent, "lstm"),
    f"convolution of {KERNEL}": _conv,
    "attention": lambda width: MultiHeadAttention(width, HEADS),
    "S4": lambda width: S4Block(S4BlockConfig(width)),
    "Mamba-2": lambda width: Mamba2(MambaLayerConfig(width, version=2)),
    "minGRU": partial(_recurrent, "min_gru"),
}


def growth_subject(
    request: SpeedRequest,
    ranges: Ranges = Ranges(),
    layers: Mapping[str, Callable[[int], nn.Module]] = LAYERS,
) -> Subject:
    """Table 2.1."""
    groups = []
    for mode in MODES:
        for place, axis in enumerate(AXES):
            series = []
            for name, build in layers.items():
                spots = []
                for x in sizes_of(ranges, axis, request.max_batch):
                    length, width, batch = sizes = _at(ranges, place, x)
                    case = module_case(
                        partial(build, width),
                        (length, width),
                        request.device,
                        samples_per_item=length,
                        mode=mode,
                        with_memory=True,
                    )
                    spots.append(Spot(x, batch, case, float(np.prod(sizes))))
                series.append(Series(name, tuple(spots)))
            baseline = LSTM if LSTM in layers else ""
            groups.append(
                Group(_title(mode, axis), axis, "steps", tuple(series), baseline, shown=("wall_s",))
            )
    length, width, batch = ranges.base
    return Subject(
        "Growth with length, width and batch",
        f"One layer by itself, in inference and in training (forwards and backwards); where one size varies "
        f"the others are {length} steps, {width} features and {batch} items. Exponents are slopes of "
        "log time (or memory, or multiply-accumulates) over log size, over the larger half of the sizes. "
        "Memory is that of tensors alive at the same time, weights and input not included. Beside them stand "
        "the slopes, over the same sizes, of the thesis' formulas. Those of inference are left out: there "
        "the table counts one further step of a sequence, not a whole one; its convolution is as long as the "
        f"sequence and its S4 works by Fourier transforms, where these have {KERNEL} taps and kernels of 64 "
        "steps.",
        "table 2.1, section 2.2.4",
        tuple(groups),
        partial(exponents, ranges=ranges),
    )


def sizes_of(ranges: Ranges, axis: str, max_batch: int) -> list[int]:
    """The sizes of an axis; batches only as large as was asked for."""
    return [size for size in getattr(ranges, axis) if axis != "batch" or size <= max_batch]


def _at(ranges: Ranges, place: int, x: int) -> tuple[int, int, int]:
    sizes = list(ranges.base)
    sizes[place] = x
    length, width, batch = sizes
    return length, width, batch


def _title(mode: Mode, axis: str) -> str:
    return f"{mode.capitalize()}, {axis}"


def slope(x: Sequence[float], y: Sequence[float]) -> float | None:
    """The exponent a of y = c x^a by least squares of the logarithms, over the larger half of the points.

    Args:
        x: positive, ascending.
        y: positive.

    Returns:
        The exponent; None with fewer than three points.
    """
    if len(x) < MIN_POINTS:
        return None
    count = max(MIN_POINTS, -(-len(x) // 2))
    return float(np.polyfit(np.log(x[-count:]), np.log(y[-count:]), 1)[0])


def exponents(groups: Sequence[dict[str, Any]], ranges: Ranges) -> dict[str, Any]:
    """Fitted exponents of every layer, mode and axis, beside those of the table.

    Returns:
        `exponents`: rows of mode, axis, layer; slopes of `time`, `cpu_time`, `macs` and `memory`; and, in
        training, `table_time` and `table_memory`; None where something is missing.
    """
    rows = []
    for mode in MODES:
        for place, axis in enumerate(AXES):
            group = next(one for one in groups if one["title"] == _title(mode, axis))
            for one in group["series"]:
                points = one["points"]
                x = [p["x"] for p in points]
                row = {"mode": mode, "axis": axis, "layer": one["name"], "points": len(points)}
                for what, key in (
                    ("time", "wall_s"), ("cpu_time", "cpu_s"), ("macs", "macs"), ("memory", "peak_bytes")
                ):  # fmt: skip
                    y = [p[key] for p in points]
                    row[what] = slope(x, y) if all(y) else None
                name, time, space = TABLE.get(one["name"], ("", None, None))
                for what, formula in (("table_time", time), ("table_memory", space)):
                    told = formula is not None and mode == "training"
                    row[what] = slope(x, [formula(*_at(ranges, place, v)) for v in x]) if told else None  # pyright: ignore[reportOptionalCall]
                rows.append({**row, "table_row": name})
    return {"exponents": rows}
