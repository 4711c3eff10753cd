"""What the operations of a search space cost: latency from a measured table, or products or bytes counted.

Costs are per sample of signal (bytes: in all), so that those of operations behind a stride add up with those
before it. A table is a JSON file: what was measured, how, on which machine; a name stands for each operation.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from lexome.core.config import from_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.models.registry import build_encoder
from lexome.nn.costs import counted

FORMAT_VERSION = 1
LISTED = 5
FLOAT_BITS = 32
COUNTED_STEPS = 2520  # every stride to 10 divides it
UNITS = {"latency_ns": "ns per sample", "macs": "MAC per sample", "bytes": "bytes"}
Measure = Literal["latency_ns", "macs", "bytes"]


@dataclass(frozen=True)
class Operation:
    """Something that a network may be made of, with its name in tables.

    Attributes:
        key: its name: kind, sizes, and at how many samples per step it runs.
        architecture: registered name of the encoder that it is by itself.
        config: the configuration of that encoder.
        in_channels: what it takes.
        samples_per_step: samples of signal for each step that goes in.
        weight_bits: of its matrices and kernels in a file; 32 is float.
    """

    key: str
    architecture: str
    config: Mapping[str, Any]
    in_channels: int = 1
    samples_per_step: int = 1
    weight_bits: int = FLOAT_BITS

    def module(self) -> nn.Module:
        """The operation with new weights, in evaluation mode: (N, in_channels, T) -> (N, T', D)."""
        return build_encoder(self.architecture, self.config).eval()


@dataclass(frozen=True)
class OperationCost:
    """What one operation costs.

    Attributes:
        latency_ns: nanoseconds per sample of signal.
        macs: multiply-accumulates per sample of signal.
        bytes: of its weights in a file.
    """

    latency_ns: float
    macs: float
    bytes: float

    def __post_init__(self) -> None:
        if not all(isfinite(value) and value >= 0 for value in (self.latency_ns, self.macs, self.bytes)):
            raise ValueError("costs must be finite and not negative")


@dataclass(frozen=True)
class CostTable:
    """Costs of operations by name.

    Attributes:
        operations: by key.
        measured: how the latencies were measured, in words and numbers.
        machine: on what.
    """

    operations: Mapping[str, OperationCost]
    measured: Mapping[str, Any]
    machine: Mapping[str, str]

    def record(self) -> dict[str, Any]:
        """Plain values, as they stand in the file."""
        return {
            "format_version": FORMAT_VERSION,
            "units": UNITS,
            "measured": dict(self.measured),
            "machine": dict(self.machine),
            "operations": {key: vars(cost) for key, cost in self.operations.items()},
        }


@torch.no_grad()
def counted_costs(operation: Operation) -> tuple[float, float]:
    """Multiply-accumulates per sample of signal, and bytes of the weights.

    Matrices and kernels count with their bits, all else (biases, normalisations) with four bytes a number.
    Nothing is allocated for convolutions: they are made without storage.
    """
    with torch.device("meta"):
        module = operation.module()
    device = "meta"
    if any(isinstance(part, nn.RNNBase) for part in module.modules()):
        module, device = operation.module(), "cpu"  # without storage torch goes step by step
    found = counted(module, torch.zeros(1, operation.in_channels, COUNTED_STEPS, device=device))
    size = 0.0
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            size += tensor.numel() * (operation.weight_bits if tensor.dim() > 1 else FLOAT_BITS) / 8
    return found.macs / (COUNTED_STEPS * operation.samples_per_step), size


def plain_costs(operations: Mapping[str, Operation], measure: Measure) -> dict[str, float]:
    """Products or bytes of operations, by key; no table is needed for them."""
    column = {"macs": 0, "bytes": 1}[measure]
    return {key: counted_costs(operation)[column] for key, operation in operations.items()}


def read_cost_table(path: Path) -> CostTable:
    """Reads a table as `lexome compress measure` writes it.

    Raises:
        BadInputError: if it cannot be read or is none.
    """
    what = "not a table of costs; make one with lexome compress measure"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BadInputError(f"{path}: {what} ({error})") from error
    if not isinstance(data, dict) or not isinstance(data.get("operations"), dict):
        raise BadInputError(f"{path}: {what}")
    if data.get("format_version") != FORMAT_VERSION:
        raise BadInputError(f"{path}: format_version {data.get('format_version')!r} is not {FORMAT_VERSION}")
    operations = {
        key: from_dict(OperationCost, cost, f"{path}, operation '{key}'")
        for key, cost in data["operations"].items()
    }
    return CostTable(operations, data.get("measured") or {}, data.get("machine") or {})


def table_costs(table: CostTable, needed: Iterable[str], where: str) -> dict[str, float]:
    """The latencies of the operations that are needed, by key.

    Raises:
        BadInputError: if some are missing, naming them.
    """
    needed = list(dict.fromkeys(needed))
    missing = [key for key in needed if key not in table.operations]
    if missing:
        more = f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
        raise BadInputError(
            f"{where}: no cost of {len(missing)} of {len(needed)} operations: {'; '.join(missing[:LISTED])}"
            f"{more}; measure this space with lexome compress measure"
        )
    return {key: table.operations[key].latency_ns for key in needed}


def check_target(target: float, least: float, unit: str) -> None:
    """Refuses a target that no network reaches.

    Args:
        target: what a network may cost.
        least: what the cheapest one costs.
        unit: of both, in words.

    Raises:
        UsageError: if the target is less.
    """
    if not target >= least:
        raise UsageError(
            f"no network of this space costs {target:,.6g} {unit} or less: the least possible is "
            f"{least:,.6g}; raise --target, or give the space smaller options"
        )
