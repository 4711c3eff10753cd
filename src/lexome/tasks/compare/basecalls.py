"""Several basecallers on the same chunks (`lexome evaluate agreement`); they may have different strides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch

from lexome import __version__
from lexome.core.config import to_dict
from lexome.decode.heads import find_head
from lexome.dp.kernels.edit import matches_and_edits
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig
from lexome.evaluate.call_agreement import CallAgreement, call_agreement
from lexome.evaluate.groups import ratio_intervals
from lexome.tasks.compare.models import ComparedModel, items_of, numbered

BATCH_SIZE = 32


@dataclass(frozen=True)
class ChunkCaller:
    """A basecaller with its score alone: mean identity of its chunks with their labels."""

    name: str
    identity: float
    identity_interval: tuple[float, float] | None


@dataclass(frozen=True)
class CallComparison:
    """Basecallers and every pair of them."""

    models: Sequence[ComparedModel]
    split: str
    chunks: int
    reads: int
    callers: tuple[ChunkCaller, ...]
    pairs: dict[tuple[int, int], CallAgreement]
    bootstrap: BootstrapConfig

    def to_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        names = [caller.name for caller in self.callers]
        return {
            "lexome_version": __version__,
            "store": str(self.models[0].task.stores[0].path),
            "split": self.split,
            "chunks": self.chunks,
            "reads": self.reads,
            "models": [model.to_json() for model in self.models],
            "callers": [to_dict(caller) for caller in self.callers],
            "pairs": [{"a": names[i], "b": names[j], **to_dict(pair)} for (i, j), pair in self.pairs.items()],
            "bootstrap": to_dict(self.bootstrap),
        }


def compare_basecalls(
    models: Sequence[ComparedModel],
    split: str,
    *,
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP,
    on_items: Callable[[int], None] = lambda items: None,
) -> CallComparison:
    """Calls the same chunks with several models; compares the calls with the labels and with each other.

    Args:
        models: basecallers, opened with the same store and number of items.
        split: "validation" or "test".
        bootstrap: how the intervals are made, over reads.
        on_items: told how many chunks are done.
    """
    decoders = [find_head(m.checkpoint.head.name).decoder(m.checkpoint.head.config) for m in models]
    labels: list[np.ndarray] = []
    reads: list[np.ndarray] = []
    calls: list[list[np.ndarray]] = [[] for _ in models]
    with torch.no_grad():
        for items in items_of(models[0], split, BATCH_SIZE, on_items):
            batch = items.batch
            for model, decoder, called in zip(models, decoders, calls, strict=True):
                scores_NTK = model.network(batch.signal_NCS).cpu().numpy()
                called += [decoder(scores_TK).bases.astype(np.int64) for scores_TK in scores_NTK]
            lengths = batch.lengths_N.tolist()
            labels += [row[:n] - 1 for row, n in zip(batch.targets_NL.cpu().numpy(), lengths, strict=True)]
            reads.append(items.reads_N)
    reads_N = numbered(reads)
    identities = [_identities(called, labels) for called in calls]
    callers = []
    for model, identity_N in zip(models, identities, strict=True):
        ones_N = np.ones(len(identity_N))
        spread = ratio_intervals({"identity": identity_N}, {"identity": ones_N}, reads_N, bootstrap)
        callers.append(ChunkCaller(model.label, float(identity_N.mean()), spread["identity"]))
    pairs = {}
    for i, j in combinations(range(len(models)), 2):
        same_N = np.array([np.array_equal(a, b) for a, b in zip(calls[i], calls[j], strict=True)])
        between_N = _identities(calls[i], calls[j])
        pairs[i, j] = call_agreement(same_N, identities[i], identities[j], between_N, reads_N, bootstrap)
    number = len(np.unique(reads_N))
    return CallComparison(models, split, len(labels), number, tuple(callers), pairs, bootstrap)


def _identities(called: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> np.ndarray:
    """Matches per column of the alignment of every call; 1 where there is nothing to align."""
    identities = []
    for bases, truth in zip(called, truths, strict=True):
        matches, edits = matches_and_edits(bases, truth)
        identities.append(matches / (matches + edits) if matches + edits else 1.0)
    return np.array(identities)
