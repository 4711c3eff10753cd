"""How much better one basecaller is than another on the held-out chunks of a store."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lexome.checkpoint.store import Checkpoint
from lexome.decode.heads import find_head
from lexome.dp.kernels.edit import matches_and_edits
from lexome.engine.engine import open_engine
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, intervals
from lexome.io.chunks import ChunkStore
from lexome.tasks.basecall.intervals import Interval


@dataclass(frozen=True)
class Gain:
    """Mean label identities of two models on the same chunks, and their difference.

    `low` and `high` are the ends of its 95% bootstrap interval over reads, None with fewer than two reads.
    """

    base_identity: float
    tuned_identity: float
    gain: float
    low: float | None
    high: float | None
    chunks: int
    reads: int

    def text(self) -> str:
        """The difference with its interval, in points of a percent."""
        text = f"{100 * self.gain:+.2f} points"
        if self.low is None or self.high is None:
            return text
        return f"{text} (95% {100 * self.low:+.2f} to {100 * self.high:+.2f})"


def measure_gain(base: Checkpoint, tuned: Checkpoint, store: ChunkStore, split: str = "test") -> Gain:
    """Compares two models on the chunks of a split.

    Args:
        base: the one.
        tuned: the other, for the same signal.
        store: labelled chunks.
        split: which of them.

    Returns:
        The difference, tuned less base, with an interval over reads: the chunks of one read go together.
    """
    rows = store.indices(split)
    first, second = (label_identities(model, store, rows) for model in (base, tuned))
    names, read_N = np.unique(store.source_N["read"][rows], return_inverse=True)
    count = np.bincount(read_N)
    total = np.bincount(read_N, second - first)

    def statistics(drawn: np.ndarray) -> dict[str, float]:
        return {"gain": float(total[drawn].sum() / count[drawn].sum())}

    interval = intervals(statistics, len(names), DEFAULT_BOOTSTRAP)["gain"]
    low, high = interval if interval is not None else (None, None)
    return Gain(
        float(first.mean()), float(second.mean()), float((second - first).mean()), low, high, len(rows),
        len(names),
    )  # fmt: skip


def label_identities(model: Checkpoint, store: ChunkStore, rows: np.ndarray) -> np.ndarray:
    """Matches / alignment columns of the call and the label of each of these chunks, float64."""
    engine = open_engine(model, device="cpu")
    decoder = find_head(model.head.name).decoder(model.head.config)
    found: dict[int, float] = {}
    items = ((int(row), store.signal_NS[row].astype(np.float32)) for row in rows)
    for row, decoded in engine.run(items, decoder):
        target = store.targets_NL[row, : store.lengths_N[row]].astype(np.int64) - 1
        matches, edits = matches_and_edits(decoded.bases.astype(np.int64), target)
        found[row] = matches / (matches + edits)
    return np.array([found[int(row)] for row in rows])


def gain_section(gain: Gain, base: str, halves: tuple[Sequence[Interval], Sequence[Interval]]) -> str:
    """The part of the card that says what fine-tuning brought."""
    chose, judged = (", ".join(map(str, half)) for half in halves)
    lines = [
        f"## Gain over {base}",
        "",
        "Label identity: matches / alignment columns of a chunk's call and its label, mean over the chunks "
        f"of {judged}, which nothing was trained on or chosen by; {chose} chose the network and "
        "calibrated it.",
        "",
        "| model | label identity |",
        "|---|---|",
        f"| {base} | {gain.base_identity:.4f} |",
        f"| this one | {gain.tuned_identity:.4f} |",
        "",
        f"Difference {gain.text()}; {gain.chunks} chunks of {gain.reads} reads, 95% bootstrap over reads. It "
        "holds for reads like these; how the model does on other runs and other sequence was not measured.",
    ]
    return "\n".join(lines)
