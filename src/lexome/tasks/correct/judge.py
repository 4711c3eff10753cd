"""How many errors a corrector leaves in windows with known truth, beside CCS reads and a majority vote.

Legend: N windows, L columns, M molecules.
"""

from dataclasses import dataclass

import numpy as np

from lexome.checkpoint.store import Checkpoint
from lexome.decode.consensus import call_columns, probabilities
from lexome.engine.windows import WindowEngine
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, intervals
from lexome.evaluate.majority import majority_vote
from lexome.evaluate.windows import align_windows, exact_windows
from lexome.features.pileup_windows import clip_ratios, expanded_rows
from lexome.io.windows import WindowStore
from lexome.tasks.correct.model import pileup_config
from lexome.train.shuffling import fixed_choice

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Errors:
    """Errors (mismatches, insertions, deletions) of every window, and which windows have none."""

    errors_N: np.ndarray
    exact_N: np.ndarray

    @property
    def total(self) -> int:
        """Of all windows."""
        return int(self.errors_N.sum())

    @property
    def exact(self) -> float:
        """The share of windows without an error."""
        return float(self.exact_N.mean())


@dataclass(frozen=True)
class Ratio:
    """Errors of one per error of another, with the ends of its 95% bootstrap interval over molecules."""

    value: float
    interval: Interval

    def text(self) -> str:
        """The ratio with its interval."""
        if self.interval is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} (95% {self.interval[0]:.3f} to {self.interval[1]:.3f})"


class JudgedWindows:
    """Some labelled windows of a store.

    Args:
        store: of `lexome prepare correct`.
        split: which of its windows.
        limit: take only so many of them, drawn at random once and for all; None: all.

    Attributes:
        rows: the numbers of the windows in the store, int64[N].
        molecules: how many CCS reads they are of, M.
    """

    def __init__(self, store: WindowStore, split: str, limit: int | None = None) -> None:
        rows = store.indices(split)
        if limit is not None:
            rows = rows[fixed_choice(len(rows), limit)]
        self.store, self.rows = store, rows
        self._molecule_N = np.unique(store.source_N["ccs"][rows], return_inverse=True)[1]
        self.molecules = int(self._molecule_N.max()) + 1 if len(rows) else 0

    def model(self, checkpoint: Checkpoint) -> Errors:
        """What a model makes of them; it takes the rows that the store has."""
        config = pileup_config(checkpoint)
        engine = WindowEngine(checkpoint, columns=config.width)
        called = []
        for start in range(0, len(self.rows), 64):
            part = self.rows[start : start + 64]
            rows_NRL = expanded_rows(self.store.rows_NRL[part], self.store.snr_N4[part], config)
            scores_NLK = engine.scores(clip_ratios(rows_NRL))
            called.append(call_columns(probabilities(scores_NLK), None, 93)[0])
        return self.errors(np.concatenate(called))

    def ccs(self, passes: int) -> Errors:
        """What the CCS reads have there; the store has rows for so many passes."""
        return self.errors(self.store.rows_NRL[self.rows, 4 * passes])

    def majority(self, passes: int) -> Errors:
        """What a majority vote of the passes has there."""
        return self.errors(majority_vote(self.store.rows_NRL[self.rows], passes))

    def errors(self, called_NL: np.ndarray) -> Errors:
        """Errors of given symbols."""
        labels_NL = self.store.labels_NL[self.rows]
        found = align_windows(called_NL, labels_NL)
        return Errors(
            found.mismatches + found.insertions + found.deletions, exact_windows(called_NL, labels_NL)
        )

    def ratio(self, one: Errors, other: Errors) -> Ratio:
        """Errors of one per error of another; the windows of a molecule go together."""
        counts = [np.bincount(self._molecule_N, e.errors_N, self.molecules) for e in (one, other)]

        def statistics(drawn: np.ndarray) -> dict[str, float]:
            above, below = (float(count[drawn].sum()) for count in counts)
            return {"ratio": above / below if below else float("nan")}  # a draw without any error

        everything = statistics(np.arange(self.molecules))["ratio"]
        return Ratio(everything, intervals(statistics, self.molecules, DEFAULT_BOOTSTRAP)["ratio"])
