"""How many bits a network needs: all layers at each width, and each layer alone.

Source: RUBICON, the poster's second observation (a sweep over uniform widths, and bits that differ by layer).
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch

from lexome.checkpoint.store import Checkpoint
from lexome.compress.quantize_config import QuantizeConfig
from lexome.compress.quantize_task import QuantizeTask
from lexome.core.config import to_dict
from lexome.tasks.shrink.quantize_figures import bits_per_layer, operations_of, weight_bytes

Bits = tuple[int, int]
PARTS: dict[str, Callable[[int], Bits]] = {
    "both": lambda width: (width, width),
    "weights": lambda width: (width, 32),
    "activations": lambda width: (32, width),
}
MAX_LOSS = 0.002  # of identity, that the suggestion spends on each layer's width at most
NOT_QUANTISED: Bits = (32, 32)


def sensitivity(
    task: QuantizeTask,
    base: Checkpoint,
    *,
    widths: Sequence[int],
    parts: Sequence[str] = ("both",),
    alone: bool = True,
    on_done: Callable[[int, int, str], None] = lambda done, all_, what: None,
) -> dict[str, Any]:
    """Label identity for every width: of all layers together, and of each layer alone, without training.

    Args:
        task: of `tasks.shrink.quantize.quantize_task`; its configuration says how ranges are chosen.
        base: the float model.
        widths: bits, 2 to 16.
        parts: what gets the width: "both", "weights" or "activations".
        alone: also each layer by itself.
        on_done: told how many networks are judged, of how many, and which was.

    Returns:
        Plain values: "float", identity of the model as it is; "uniform" and "layers", rows of part, bits and
        identity, a layer's with its name; "suggested": for each layer the least width of "both" that loses
        at most `max_loss` when it is alone.
    """
    torch.manual_seed(0)
    network, found = task.calibrated()
    names = list(found.order)
    single: list[str | None] = [*([None, *names] if alone else [None])]
    plan = [(name, part, width) for name in single for part in parts for width in widths]
    samples = next(iter(task.inner.batches("validation", batch_size=1, seed=0, rank=0, world=1, skip=0)))
    float_identity = _identity(task, network, found, QuantizeConfig(bits=NOT_QUANTISED))[0]
    rows: dict[str, list[dict[str, Any]]] = {"uniform": [], "layers": []}
    for done, (name, part, width) in enumerate(plan, 1):
        bits = PARTS[part](width)
        config = dataclasses.replace(task.config, bits=bits, layers={}, first=None, last=None)
        if name is not None:
            config = dataclasses.replace(config, bits=NOT_QUANTISED, layers={name: list(bits)})
        identity, checkpoint = _identity(task, network, found, config)
        row: dict[str, Any] = {"part": part, "bits": width, "identity": identity}
        if name is None:
            operations = operations_of(checkpoint, samples.signal_NCS.shape[-1])[1]
            row |= {"weight_bytes": weight_bytes(checkpoint), "bit_operations_per_sample": operations}
            rows["uniform"].append(row)
        else:
            rows["layers"].append({"layer": name, **row})
        on_done(done, len(plan), f"{name or 'all layers'}, {part}, {width} bits: {identity:.4f}")
    layers = bits_per_layer(base, samples.signal_NCS.shape[-1])
    return {
        "model": base.name, "ranges": task.config.ranges, "float": float_identity,
        "float_bytes": weight_bytes(base), "names": names, **rows,
        "costs": [to_dict(layer) for layer in layers], "max_loss": MAX_LOSS,
        "suggested": suggested(rows["layers"], float_identity, max(widths)),
    }  # fmt: skip


def suggested(rows: Sequence[dict[str, Any]], float_identity: float, widest: int) -> dict[str, int]:
    """For each layer the least width that loses little by itself; the widest if none does."""
    result: dict[str, int] = {}
    for row in rows:
        if row["part"] == "both":
            fits = row["identity"] >= float_identity - MAX_LOSS
            known = result.setdefault(row["layer"], widest)
            result[row["layer"]] = min(known, row["bits"]) if fits else known
    return result


def _identity(
    task: QuantizeTask, network: torch.nn.Module, found: Any, config: QuantizeConfig
) -> tuple[float, Checkpoint]:
    """Label identity of a calibrated network with other bits, and what its checkpoint would be."""
    other = QuantizeTask(config, task.inner)
    model = other.quantised(network, found)
    metrics = other.evaluate(model.eval(), "validation")
    return metrics[other.primary_metric], other.checkpoint(model, {})
