"""Reads that choose a model and others that its figures are reported on; what a model loses on them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.core.read_ids import id_bytes
from lexome.core.records import Basecall, RawRead, Skipped
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.paired import mean_interval
from lexome.evaluate.reads import evaluate_reads
from lexome.features.signal import SignalConfig, chunk_spans, cut_chunks, normalise
from lexome.io.array_folder import SPLITS
from lexome.io.calls import CalledRead
from lexome.io.chunks import read_store
from lexome.io.signal_files import iter_reads
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.basecall.selection import Selection
from lexome.tasks.bench.accuracy import ReadsSource

FEWEST_READS = 4  # two to choose by, two to report
UNUSED = SPLITS.index("test")
CHUNKS_OF_READ = 4
NO_INTERVALS = BootstrapConfig(resamples=1)  # only the pairs of two models get intervals


@dataclass(frozen=True)
class Halves:
    """The reads by whose figures a model is chosen, and those its figures are reported on.

    Attributes:
        choosing: ids.
        reporting: ids; none is in `choosing`.
        trained_on: how many reads were left out because a store's chunks come from them.
    """

    choosing: tuple[str, ...]
    reporting: tuple[str, ...]
    trained_on: int


@dataclass(frozen=True)
class CalledReads:
    """What a model made of reads: identity of each by its id, None for one that does not map."""

    identity: dict[str, float | None]
    bases: int

    @property
    def mapped(self) -> list[float]:
        """The identities of those that map."""
        return [value for value in self.identity.values() if value is not None]

    @property
    def identity_mean(self) -> float | None:
        """Their mean, as `lexome evaluate reads` has it; None without any."""
        return float(np.mean(self.mapped)) if self.mapped else None

    @property
    def identity_median(self) -> float | None:
        """Their median."""
        return float(np.median(self.mapped)) if self.mapped else None


@dataclass(frozen=True)
class IdentityLoss:
    """How much less identity a model's reads have than another's, read by read.

    Attributes:
        mean: over the reads that the other one maps; one that is no longer mapped counts as of identity 0.
        interval: 95 % bootstrap interval over reads.
        reads: how many these are.
        unmapped: that are no longer mapped.
    """

    mean: float
    interval: tuple[float, float] | None
    reads: int
    unmapped: int


def split_reads(source: ReadsSource, stores: Sequence[Path], seed: int) -> Halves:
    """Draws the reads of both halves.

    Reads whose chunks a store has for training or validation are in neither: candidates know them.

    Args:
        source: the reads; `max_reads` of them are drawn.
        stores: of `lexome prepare`.
        seed: of the draw, which does not depend on the order of the files.

    Raises:
        UsageError: if too few reads are left.
        BadInputError: if no file can be read.
    """
    ids: dict[bytes, str] = {}

    def note(read_id: str) -> bool:
        ids.setdefault(id_bytes(read_id), read_id)
        return False  # no signal is decoded

    for _ in iter_reads(source.files, lambda skipped: None, note):
        raise AssertionError("no read is wanted here")
    known = {id_bytes(name) for store in stores for name in _reads_of(store)}
    free = sorted(read_id for key, read_id in ids.items() if key not in known)
    trained_on = len(ids) - len(free)
    if len(free) < FEWEST_READS:
        because = f" ({trained_on} more are in the chunks of the stores)" if trained_on else ""
        raise UsageError(
            f"there are {len(free)} reads to choose and to report by{because}, at least {FEWEST_READS} are "
            "needed: give more --reads, others than those of --store"
        )
    drawn = np.random.default_rng(seed).permutation(len(free))[: source.max_reads]
    chosen = [free[i] for i in drawn]
    middle = -(-len(chosen) // 2)
    return Halves(tuple(chosen[:middle]), tuple(chosen[middle:]), trained_on)


def _reads_of(store: Path) -> Iterator[str]:
    opened = read_store(store)
    used = opened.source_N["read"][opened.split_N != UNUSED]
    yield from (_text(name) for name in np.unique(used))


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name)


def raw_reads(source: ReadsSource, ids: Sequence[str]) -> Iterator[RawRead]:
    """The reads of some ids; those that cannot be read are passed over."""
    return iter_reads(source.files, lambda skipped: None, Selection(frozenset(ids)).wants)


def call_reads(
    model: BasecallModel,
    source: ReadsSource,
    ids: Sequence[str],
    aligner: ReadAligner,
    on_samples: Callable[[int], None] = lambda samples: None,
) -> CalledReads:
    """Calls reads and aligns them as `lexome evaluate reads` does.

    Args:
        model: the basecaller.
        source: where the reads are.
        ids: of the reads.
        aligner: with the index of their reference.
        on_samples: told how many raw samples are called.

    Raises:
        LexomeError: if no read could be called.
    """
    skipped: list[Skipped] = []
    samples = 0

    def calls() -> Iterator[CalledRead]:
        nonlocal samples
        for call in basecall_reads(raw_reads(source, ids), model, skipped.append):
            samples += call.info.num_samples
            on_samples(samples)
            yield _called(call)

    found = evaluate_reads(calls(), aligner, threads=model.engine.threads, bootstrap=NO_INTERVALS).per_read
    if not found.read_id:
        why = f"the first of {len(skipped)}: {skipped[0].reason}" if skipped else "there is none"
        raise LexomeError(f"model {model.name}: no read could be called ({why})")
    values = [None if np.isnan(value) else float(value) for value in found.identity]
    return CalledReads(dict(zip(found.read_id, values, strict=True)), int(found.length_bp.sum()))


def _called(call: Basecall) -> CalledRead:
    return CalledRead(call.info.read_id, call.sequence, call.qualities)


def identity_loss(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> IdentityLoss:
    """What a model loses against another one on the same reads.

    A read that only the second one maps is not counted: it cannot make up for what others lose.

    Args:
        before: identities of the other one's reads, by id.
        after: those of the model.

    Raises:
        LexomeError: if the other one maps no read.
    """
    paired = {name: value for name, value in before.items() if value is not None}
    if not paired:
        raise LexomeError("none of the model's own reads maps, so there is nothing to compare with")
    lost = [name for name in paired if after.get(name) is None]
    differences = np.array([value - (after.get(name) or 0.0) for name, value in paired.items()])
    return IdentityLoss(float(differences.mean()), mean_interval(differences), len(paired), len(lost))


def timed_reads(source: ReadsSource, ids: Sequence[str], samples: int) -> list[RawRead]:
    """Reads to time with, until there are so many samples, or all."""
    taken: list[RawRead] = []
    total = 0
    for read in raw_reads(source, ids):
        taken.append(read)
        total += len(read.raw)
        if total >= samples:
            break
    return taken


def signal_chunks(
    source: ReadsSource, ids: Sequence[str], signal: SignalConfig, multiple: int
) -> Iterator[np.ndarray]:
    """Chunks of reads as a network gets them, some of each read, float32 (samples).

    Args:
        source: where the reads are.
        ids: of the reads.
        signal: how they are scaled and cut.
        multiple: samples that a network's steps need.
    """
    for read in raw_reads(source, ids):
        try:
            normalised = normalise(read, signal).signal
        except BadInputError:
            continue  # it is skipped in calling, too, and told of there
        spans = chunk_spans(len(normalised), signal.chunk_size, signal.overlap, multiple)
        some = spans[:: max(1, len(spans) // CHUNKS_OF_READ)][:CHUNKS_OF_READ]
        yield from (chunk.signal for chunk in cut_chunks(normalised, some))
