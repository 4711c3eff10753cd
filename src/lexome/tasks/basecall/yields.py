"""What became of reads on their way to labelled chunks: counts with reasons, as lines and as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

TABLE_COLUMNS = ("what", "outcome", "count", "share", "samples", "bases")
KEPT = "kept for "  # chunks with an outcome that begins so are in the store
READS_IN_USE = "placed"


@dataclass
class LabelReport:
    """What became of the input: counts of reads, chunks and bases by outcome.

    Attributes:
        reads: how many had each outcome; "placed" ones were cut into chunks.
        chunks: how many had each outcome; those kept begin with "kept for".
        read_samples: samples of the reads, before trimming, by outcome.
        chunk_bp: bases of the labels by outcome; chunks overlap, so bases count more than once.
        methods: how the placed reads were placed.
        runs: placed reads by run id.
        aligned_bp: bases placed on signal.
        labelled_samples: samples of the kept chunks, overlaps counted more than once.
        covered_samples: samples that lie in any kept chunk.
        notes: further lines: what the rounds of self-labelling brought.
    """

    reads: Counter[str] = field(default_factory=Counter)
    chunks: Counter[str] = field(default_factory=Counter)
    read_samples: Counter[str] = field(default_factory=Counter)
    chunk_bp: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    aligned_bp: int = 0
    labelled_samples: int = 0
    covered_samples: int = 0
    notes: list[str] = field(default_factory=list)

    def add_read(self, outcome: str, samples: int) -> None:
        """Counts a read."""
        self.reads[outcome] += 1
        self.read_samples[outcome] += samples

    def add_chunk(self, outcome: str, bases: int) -> None:
        """Counts a chunk."""
        self.chunks[outcome] += 1
        self.chunk_bp[outcome] += bases

    @property
    def chunk_samples(self) -> int:
        """Samples in a chunk; 0 if none was kept."""
        kept = sum(count for outcome, count in self.chunks.items() if outcome.startswith(KEPT))
        return self.labelled_samples // kept if kept else 0

    def lines(self) -> list[str]:
        """The report as lines of text."""
        rows = [*self.notes, f"reads: {sum(self.reads.values())}", *_counts(self.reads)]
        if len(self.methods) > 1:
            rows += [f"    {name}: {count}" for name, count in self.methods.most_common()]
        rows += [
            f"bases placed on signal: {self.aligned_bp}",
            f"chunks: {sum(self.chunks.values())}",
            *_counts(self.chunks),
        ]
        total = sum(self.read_samples.values())
        if total:
            share = 100 * self.covered_samples / total
            rows.append(f"signal with labels: {self.covered_samples} of {total} samples ({share:.1f}%)")
        return rows

    def table(self) -> str:
        """The report as tab-separated text, one row per outcome of reads and chunks.

        Shares are of the reads or chunks that were looked at; `samples` of chunks count overlaps.
        """
        rows = ["\t".join(TABLE_COLUMNS)]
        total = sum(self.reads.values())
        for outcome, count in self.reads.most_common():
            bases = self.aligned_bp if outcome == READS_IN_USE else ""
            rows.append(_row("read", outcome, count, total, self.read_samples[outcome], bases))
        for method, count in self.methods.most_common():
            rows.append(_row("placed read", method, count, self.reads[READS_IN_USE], "", ""))
        total = sum(self.chunks.values())
        for outcome, count in self.chunks.most_common():
            samples = count * self.chunk_samples if self.chunk_samples else ""
            rows.append(_row("chunk", outcome, count, total, samples, self.chunk_bp[outcome]))
        return "\n".join(rows) + "\n"


def _row(what: str, outcome: str, count: int, total: int, *numbers: int | str) -> str:
    share = f"{count / max(1, total):.4f}"
    return "\t".join([what, outcome, str(count), share, *map(str, numbers)])


def _counts(counter: Counter[str]) -> Sequence[str]:
    total = max(1, sum(counter.values()))
    return [f"  {name}: {count} ({100 * count / total:.1f}%)" for name, count in counter.most_common()]
