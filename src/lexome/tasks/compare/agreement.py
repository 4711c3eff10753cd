"""Several read correctors on the same windows (`lexome evaluate agreement`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch

from lexome import __version__
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.decode.consensus import left_shift
from lexome.evaluate.agreement import Agreement, agreement
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig
from lexome.evaluate.groups import ratio_intervals
from lexome.evaluate.majority import majority_vote
from lexome.evaluate.windows import align_windows, exact_windows
from lexome.tasks.compare.models import ComparedModel, items_of, numbered, numbered_names
from lexome.tasks.correct.task import CorrectTask

BATCH_SIZE = 64
CCS, MAJORITY = "ccs", "majority vote"


@dataclass(frozen=True)
class Caller:
    """One of those compared, with its score alone."""

    name: str
    exact: float
    exact_interval: tuple[float, float] | None
    identity: float
    errors: int


@dataclass(frozen=True)
class Comparison:
    """Callers, the networks first, then those without a network, and every pair of them."""

    models: Sequence[ComparedModel]
    split: str
    windows: int
    reads: int
    callers: tuple[Caller, ...]
    pairs: dict[tuple[int, int], Agreement]
    bootstrap: BootstrapConfig

    def to_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        names = [caller.name for caller in self.callers]
        return {
            "lexome_version": __version__,
            "store": str(self.models[0].task.stores[0].path),
            "split": self.split,
            "windows": self.windows,
            "reads": self.reads,
            "models": [model.to_json() for model in self.models],
            "callers": [to_dict(caller) for caller in self.callers],
            "pairs": [{"a": names[i], "b": names[j], **to_dict(pair)} for (i, j), pair in self.pairs.items()],
            "bootstrap": to_dict(self.bootstrap),
        }


def compare_corrections(
    models: Sequence[ComparedModel],
    split: str,
    *,
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP,
    on_items: Callable[[int], None] = lambda items: None,
) -> Comparison:
    """Corrects the same windows with several models; compares their calls, the CCS reads and the majority's.

    Args:
        models: opened with the same store and number of items.
        split: "validation" or "test".
        bootstrap: how the intervals are made, over reads.
        on_items: told how many windows are done.

    Raises:
        UsageError: for models that are no read correctors.
    """
    task = models[0].task
    if not isinstance(task, CorrectTask):
        raise UsageError(f"{models[0].source} is no read corrector")
    labels, reads, calls = [], [], [[] for _ in range(len(models) + 2)]
    with torch.no_grad():
        for items in items_of(models[0], split, BATCH_SIZE, on_items):
            batch = items.batch
            for model, called in zip(models, calls, strict=False):
                called.append(model.network(batch.rows_NRL).argmax(dim=-1).to(torch.uint8).cpu().numpy())
            compact_NRL = batch.rows_NRL[:, : 4 * task.pileup.max_passes + 1].cpu().numpy().astype(np.uint8)
            calls[-2].append(batch.ccs_NL.cpu().numpy().astype(np.uint8))
            calls[-1].append(majority_vote(compact_NRL, task.pileup.max_passes))
            labels.append(batch.labels_NL.cpu().numpy().astype(np.uint8))
            reads.append(items.reads_N)
    labels_NL, reads_N = np.concatenate(labels), numbered(reads)
    names = numbered_names([*(model.label for model in models), CCS, MAJORITY])
    judged = [
        _judged(name, np.concatenate(called), labels_NL, reads_N, bootstrap)
        for name, called in zip(names, calls, strict=True)
    ]
    pairs = {
        (i, j): agreement(
            judged[i].exact_N, judged[j].exact_N,
            (judged[i].called_NL == judged[j].called_NL).all(axis=1),
            judged[i].identity_N, judged[j].identity_N, reads_N, bootstrap,
        )
        for i, j in combinations(range(len(judged)), 2)
    }  # fmt: skip
    callers = tuple(one.caller for one in judged)
    return Comparison(models, split, len(labels_NL), len(np.unique(reads_N)), callers, pairs, bootstrap)


@dataclass(frozen=True)
class _Judged:
    """A caller's calls, bases first, and how good each is."""

    caller: Caller
    called_NL: np.ndarray
    exact_N: np.ndarray
    identity_N: np.ndarray


def _judged(
    name: str,
    symbols_NL: np.ndarray,
    labels_NL: np.ndarray,
    reads_N: np.ndarray,
    bootstrap: BootstrapConfig,
) -> _Judged:
    exact_N, aligned = exact_windows(symbols_NL, labels_NL), align_windows(symbols_NL, labels_NL)
    spread = ratio_intervals(
        {"exact": exact_N.astype(np.float64)}, {"exact": np.ones(len(exact_N))}, reads_N, bootstrap
    )
    errors = int((aligned.columns - aligned.matches).sum())
    caller = Caller(name, float(exact_N.mean()), spread["exact"], aligned.identity, errors)
    return _Judged(caller, left_shift(symbols_NL)[0], exact_N, aligned.identities)
