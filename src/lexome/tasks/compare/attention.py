"""Where the attention of a network looks, on the items of a store (`lexome evaluate attention`).

Shapes: N items, H heads, T positions (columns, steps), D features.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from lexome import __version__
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.evaluate.attention_distance import (
    AttentionSums,
    HeadAttention,
    attention_sums,
    head_attention,
    joined,
)
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig
from lexome.tasks.compare.models import ComparedModel, items_of, numbered

BATCH_SIZE = 16
PAIRS_AT_ONCE = 1 << 21  # of positions, of one head
UNITS = {"correct": "columns", "basecall": "steps"}


@runtime_checkable
class Attends(Protocol):
    """A module that says how much each position looks at each, given what its `forward` takes.

    Neither queries nor keys have a bias: for features that are all zero it looks evenly at all it may see.
    """

    def weights(self, x_NTD: Tensor, /, *around: Any) -> Tensor: ...  # noqa: D102


@dataclass(frozen=True)
class LayerAttention:
    """The heads of one attention module, and attention spread evenly over what they may look at."""

    module: str
    offsets: tuple[int, ...]
    heads: tuple[HeadAttention, ...]
    even: HeadAttention


@dataclass(frozen=True)
class NetworkAttention:
    """The attention modules of a network in the order in which they run."""

    model: ComparedModel
    split: str
    items: int
    reads: int
    layers: tuple[LayerAttention, ...]
    bootstrap: BootstrapConfig

    def to_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        task = self.model.checkpoint.task
        return {
            "lexome_version": __version__,
            "store": str(self.model.task.stores[0].path),
            "split": self.split,
            self.model.noun: self.items,
            "reads": self.reads,
            "model": self.model.to_json(),
            "unit": UNITS[task],
            "layers": [to_dict(layer) for layer in self.layers],
            "bootstrap": to_dict(self.bootstrap),
        }


def attention_of(
    model: ComparedModel,
    split: str,
    *,
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP,
    on_items: Callable[[int], None] = lambda items: None,
) -> NetworkAttention:
    """Runs a network and looks at the weights of its attention modules.

    Args:
        model: the network.
        split: "validation" or "test".
        bootstrap: how the intervals are made, over reads.
        on_items: told how many items are done.

    Raises:
        UsageError: if the network has no attention.
    """
    parts: dict[str, nn.Module] = dict(model.network.named_modules())
    modules = [name for name, part in parts.items() if isinstance(part, Attends)]
    if not modules:
        raise UsageError(f"model {model.source} has no attention ({model.checkpoint.architecture.name})")
    heads: dict[str, list[AttentionSums]] = {}
    even: dict[str, list[AttentionSums]] = {}
    reads: list[np.ndarray] = []
    with torch.no_grad(), inputs_of({name: parts[name] for name in modules}) as inputs:
        for items in items_of(model, split, BATCH_SIZE, on_items):
            inputs.clear()
            model.task.outputs(model.network, items.batch)
            reads.append(items.reads_N)
            for name, (x_NTD, *around) in inputs.items():
                for weights_NHTT, even_TT, counted_NT in _weights(
                    parts[name], x_NTD, around, items.read_columns_NL
                ):
                    spread_NHTT = np.broadcast_to(even_TT, (len(weights_NHTT), 1, *even_TT.shape))
                    for found, weights in ((heads, weights_NHTT), (even, spread_NHTT)):
                        found.setdefault(name, []).append(attention_sums(weights, even_TT > 0, counted_NT))
    reads_N = numbered(reads)
    layers = tuple(
        LayerAttention(
            name,
            tuple(sums[0].offsets_O.tolist()),
            head_attention(joined(sums), reads_N, bootstrap),
            head_attention(joined(even[name]), reads_N, bootstrap)[0],
        )
        for name, sums in heads.items()
    )
    return NetworkAttention(model, split, len(reads_N), len(np.unique(reads_N)), layers, bootstrap)


@contextmanager
def inputs_of(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, tuple[Any, ...]]]:
    """Keeps what modules are called with, by name, in the order in which they run."""
    inputs: dict[str, tuple[Any, ...]] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        return lambda module, arguments: inputs.update({name: arguments})

    handles = [module.register_forward_pre_hook(keep(name)) for name, module in modules.items()]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


def _weights(
    module: nn.Module, x_NTD: Tensor, around: list[Any], read_columns_NT: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of some items at a time: their weights, those of even attention, and the positions that count."""
    assert isinstance(module, Attends)
    even_TT = module.weights(torch.zeros_like(x_NTD[:1]), *around)[0, 0].cpu().numpy()
    num_items, num_positions = x_NTD.shape[:2]
    counted_NT = np.ones((num_items, num_positions), bool)
    if read_columns_NT is not None:
        assert read_columns_NT.shape == counted_NT.shape  # attention of a corrector runs over its columns
        counted_NT = read_columns_NT
    step = max(1, PAIRS_AT_ONCE // num_positions**2)
    for start in range(0, num_items, step):
        some = slice(start, start + step)
        yield module.weights(x_NTD[some], *around).cpu().numpy(), even_TT, counted_NT[some]
