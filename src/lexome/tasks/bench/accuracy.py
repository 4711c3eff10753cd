"""How accurate a basecaller is: on reads with a reference, or on labelled chunks."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.checkpoint.store import Checkpoint
from lexome.core.config import to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.core.records import Basecall, RawRead, Skipped
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig
from lexome.evaluate.reads import evaluate_reads
from lexome.io.calls import CalledRead
from lexome.io.chunks import read_store
from lexome.io.signal_files import find_signal_files, iter_reads, runs_of
from lexome.tasks.basecall.choose import check_fit, signal_config
from lexome.tasks.basecall.journal import file_digest, input_files
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.basecall.selection import Selection

SPLIT = "validation"


@dataclass(frozen=True)
class ReadsSource:
    """Raw reads and the sequence they come from; the first `max_reads` of the files in their order."""

    files: tuple[Path, ...]
    reference: Path
    max_reads: int | None = None

    def described(self) -> dict[str, Any]:
        """What tells these reads from others, as plain values."""
        return {
            "files": [to_dict(file) for file in input_files(self.files)],
            "max_reads": self.max_reads,
            "reference": self.reference.name,
            "reference_sha256": file_digest(self.reference),
        }


@dataclass(frozen=True)
class ReadsAccuracy:
    """Called reads against a reference; identities are of the mapped reads, None without any.

    Attributes:
        reads: that were called.
        mapped: that were found on the reference.
        skipped: that could not be called.
        bases: in all calls.
        identity_median: matches per alignment column, median of the mapped reads.
        identity_median_interval: resampling reads.
        identity_mean: their mean.
        samples_per_s: raw samples called and aligned per second: all of the work, reading included.
    """

    reads: int
    mapped: int
    skipped: int
    bases: int
    identity_median: float | None
    identity_median_interval: tuple[float, float] | None
    identity_mean: float | None
    samples_per_s: float


@dataclass(frozen=True)
class ChunksAccuracy:
    """Called chunks against their labels: mean identity, with an interval from resampling their reads."""

    chunks: int
    reads: int
    identity_mean: float
    identity_mean_interval: tuple[float, float] | None


def find_reads(
    inputs: Iterable[Path], reference: Path, *, recursive: bool, max_reads: int | None
) -> ReadsSource:
    """Looks up the files of reads and their reference.

    Raises:
        UsageError: if one of them is missing or of the wrong kind.
    """
    if not reference.is_file():
        raise UsageError(f"{reference}: no such file; --reference takes a FASTA file (plain or .gz)")
    return ReadsSource(tuple(find_signal_files(list(inputs), recursive)), reference, max_reads)


def check_models(checkpoints: Iterable[Checkpoint], source: ReadsSource) -> list[str]:
    """Compares models with the runs that the reads are of.

    Returns:
        What to tell the user, most often nothing.

    Raises:
        UsageError: if a model is for other reads.
    """
    runs, notes = runs_of(source.files), list[str]()
    for checkpoint in checkpoints:
        notes += check_fit(runs, checkpoint.name, signal_config(checkpoint), source.files, force=None)
    return notes


def judge_on_reads(
    model: BasecallModel,
    source: ReadsSource,
    aligner: ReadAligner,
    *,
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP,
    on_samples: Callable[[int], None] = lambda samples: None,
    now_s: Callable[[], float] = time.perf_counter,
) -> ReadsAccuracy:
    """Calls reads and scores them, as `lexome basecall` and `lexome evaluate reads` do; nothing is written.

    Args:
        model: the basecaller.
        source: the reads.
        aligner: with the index of their reference.
        bootstrap: how the interval is made.
        on_samples: told how many raw samples are called.
        now_s: the clock.

    Returns:
        The figures.

    Raises:
        LexomeError: if no read could be called.
    """
    skipped: list[Skipped] = []
    samples = 0

    def calls(reads: Iterator[RawRead]) -> Iterator[CalledRead]:
        nonlocal samples
        for call in basecall_reads(reads, model, skipped.append):
            samples += call.info.num_samples
            on_samples(samples)
            yield _called(call)

    selection = Selection(max_reads=source.max_reads)
    began_s = now_s()
    reads = selection.first(iter_reads(source.files, skipped.append, selection.wants))
    found = evaluate_reads(calls(reads), aligner, threads=model.engine.threads, bootstrap=bootstrap)
    figures = found.figures
    if not figures.reads:
        why = f"the first of {len(skipped)} skipped: {skipped[0].reason}" if skipped else "there is none"
        raise LexomeError(f"model {model.name}: no read could be called ({why})")
    return ReadsAccuracy(
        reads=figures.reads,
        mapped=figures.mapped,
        skipped=len(skipped),
        bases=figures.bases,
        identity_median=figures.identity_median,
        identity_median_interval=figures.intervals["identity_median"],
        identity_mean=figures.identity_mean,
        samples_per_s=samples / (now_s() - began_s),
    )


def _called(call: Basecall) -> CalledRead:
    return CalledRead(call.info.read_id, call.sequence, call.qualities)


def check_store(models: Sequence[str], store: Path) -> None:
    """Finds out whether models take the chunks of a store, and whether it has some for validation.

    Raises:
        UsageError: if not.
        BadInputError: if the store is damaged.
    """
    from lexome.tasks.compare.models import open_models

    if not len(read_store(store).indices(SPLIT)):
        raise UsageError(f"{store}: holds no chunk for {SPLIT}; prepare it with a validation interval")
    open_models(models, store, 1)


def describe_store(store: Path, chunks: int) -> dict[str, Any]:
    """What tells the chunks that are judged from others, as plain values."""
    return {
        "store": store.name,
        "meta_sha256": file_digest(store / "meta.json"),
        "labels_sha256": file_digest(store / "targets.npy"),
        "split": SPLIT,
        "chunks": chunks,
    }


def judge_on_chunks(
    model: str, store: Path, chunks: int, device: str, on_chunks: Callable[[int], None] = lambda chunks: None
) -> ChunksAccuracy:
    """Calls the validation chunks of a store and compares them with their labels.

    Args:
        model: bundled name or folder.
        store: made by `lexome prepare basecall`.
        chunks: how many at most, the first ones of a fixed shuffle, as in training.
        device: where the network runs, in torch.
        on_chunks: told how many are done.

    Raises:
        UsageError: if the store's chunks are none that the model takes.
    """
    from lexome.tasks.compare.basecalls import compare_basecalls  # torch, needed for stores only
    from lexome.tasks.compare.models import open_models

    found = compare_basecalls(open_models([model], store, chunks, device), SPLIT, on_items=on_chunks)
    (caller,) = found.callers
    return ChunksAccuracy(found.chunks, found.reads, caller.identity, caller.identity_interval)
