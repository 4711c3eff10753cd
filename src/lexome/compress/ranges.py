"""From numbers to the steps of their grids: calibration.

Source: Nagel et al. 2021, A White Paper on Neural Network Quantization, section 3.1 (ranges by the extremes,
or those whose squared error is least), with percentiles as in Wu et al. 2020. What differs: the two ends of
an input's range are chosen one by one, over candidates that are parts of the extremes.

Shapes: C output channels, R numbers of a channel, V sampled numbers.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from lexome.nn.fake_quant import input_grid, largest, rounded_input, rounded_weight

Ranges = Literal["max", "percentile", "mse", "learned"]
CANDIDATES = tuple(0.2 + 0.02 * i for i in range(41))  # parts of the extremes, up to all of it
SAMPLED = 1 << 16  # numbers that stand for a layer's input


@dataclass
class Seen:
    """What went into a layer: its extremes, and some of its numbers at even distances.

    Attributes:
        low: the least.
        high: the largest.
        sample: parts of each batch.
        per_batch: numbers that are taken of a batch.
    """

    per_batch: int
    low: float = float("inf")
    high: float = float("-inf")
    sample: list[Tensor] = field(default_factory=list)

    def add(self, x: Tensor) -> None:
        """Looks at what goes in."""
        flat = x.detach().reshape(-1).float().cpu()
        if not flat.numel():
            return
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        # an odd distance: an even one may meet the same few features at every step
        distance = max(1, flat.numel() // self.per_batch) | 1
        self.sample.append(flat[::distance].clone())


def weight_steps(weight_CR: Tensor, bits: int, ranges: Ranges, percentile: float) -> Tensor:
    """A step for every channel of a weight, float32.

    Args:
        weight_CR: a channel in each row.
        bits: 2 to 16.
        ranges: "max": the largest number is on the grid; "percentile": that percentile of a channel's sizes
            is; "mse" and "learned": of parts of the largest, the one with the least squared error.
        percentile: 0 to 100.

    Returns:
        The steps; 1 for a channel of zeros.
    """
    size_CR = weight_CR.detach().float().abs()
    end_C = size_CR.amax(dim=1)
    top = largest(bits)
    if ranges == "percentile":
        end_C = torch.quantile(size_CR, percentile / 100, dim=1)
    elif ranges != "max":
        parts = torch.tensor(CANDIDATES).to(end_C)
        errors = torch.stack([
            (rounded_weight(weight_CR.detach().float(), _above_0(end_C * part / top), bits) - weight_CR)
            .square().sum(dim=1)
            for part in parts
        ])  # fmt: skip
        end_C = end_C * parts[errors.argmin(dim=0)]
    return _above_0(end_C / top)


def _above_0(step_C: Tensor) -> Tensor:
    return torch.where(step_C > torch.finfo(torch.float32).tiny, step_C, torch.ones_like(step_C))


def input_steps(seen: Seen, bits: int, ranges: Ranges, percentile: float) -> tuple[float, float]:
    """Step and zero for what goes into a layer.

    Args:
        seen: what went in.
        bits: 2 to 16.
        ranges: as in `weight_steps`; the percentile is cut off at both ends.
        percentile: 0 to 100.
    """
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    values_V = torch.cat(seen.sample)[:: max(1, sum(map(len, seen.sample)) // SAMPLED)]
    if ranges == "percentile":
        ends = torch.quantile(values_V, torch.tensor([1 - percentile / 100, percentile / 100]))
        return input_grid(float(ends[0]), float(ends[1]), bits)
    if ranges == "max":
        return input_grid(low, high, bits)

    def error(low: float, high: float) -> float:
        step, zero = (torch.tensor(value) for value in input_grid(low, high, bits))
        return float((rounded_input(values_V, step, zero, bits) - values_V).square().sum())

    high = min((high * part for part in reversed(CANDIDATES)), key=lambda end: error(low, end))
    low = min((low * part for part in reversed(CANDIDATES)), key=lambda end: error(end, high))
    return input_grid(low, high, bits)
