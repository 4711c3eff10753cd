"""Called reads against a reference: align each, walk its CIGAR once, add everything up.

Shapes: N reads, L bases of a read.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from itertools import chain
from pathlib import Path

import numpy as np

from lexome import __version__
from lexome.core.alphabet import encode
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError
from lexome.evaluate.align import Alignment, ReadAligner, map_in_order
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig
from lexome.evaluate.cigar import Columns, ReadErrors, count, expand
from lexome.evaluate.figures import PerRead, ReadsFigures, figures
from lexome.evaluate.homopolymers import MIN_RUN, CalledRuns, called_runs, in_homopolymer
from lexome.evaluate.profile import ErrorProfile
from lexome.io.calls import CalledRead, read_calls
from lexome.io.hts import mean_qscore


@dataclass(frozen=True)
class ReadsEvaluation:
    """The figures of a set of calls and, for plots, one row per read."""

    figures: ReadsFigures
    per_read: PerRead


@dataclass(frozen=True)
class FileEvaluation:
    """The evaluation of one file of calls, with what it was made from."""

    calls: str
    reference: str
    aligner: str
    bootstrap: BootstrapConfig
    figures: ReadsFigures
    per_read: PerRead

    def to_json(self) -> dict:
        """What `--json` writes: the files and versions, then the figures, always in the same order."""
        return {
            "calls": self.calls,
            "reference": self.reference,
            "lexome_version": __version__,
            "aligner": self.aligner,
            "bootstrap": to_dict(self.bootstrap),
            **self.figures.to_json(),
        }


def evaluate_file(
    calls: Path,
    reference: Path,
    *,
    threads: int = 1,
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP,
    progress: Callable[[int], None] | None = None,
) -> FileEvaluation:
    """Scores a file of called reads against a reference; see `evaluate_reads`.

    Args:
        calls: SAM, BAM, CRAM, FASTQ or FASTA; alignments in it are ignored, every read is aligned anew.
        reference: FASTA, may be gzip-compressed.
        threads: threads that index and align.
        bootstrap: how the intervals are made.
        progress: called with the number of reads done so far.

    Raises:
        UsageError: if a file is missing or the ending of `calls` is unknown.
        BadInputError: if a file is damaged, the reference is no FASTA, or one of them holds nothing.
    """
    reads = read_calls(calls)
    first = next(reads, None)  # before the reference is indexed, which may take minutes
    if first is None:
        raise BadInputError(f"{calls}: no reads in this file, so there is nothing to evaluate")
    aligner = ReadAligner(reference, threads=threads)
    result = evaluate_reads(
        chain([first], reads), aligner, threads=threads, bootstrap=bootstrap, progress=progress
    )
    return FileEvaluation(
        str(calls), str(reference), aligner.version(), bootstrap, result.figures, result.per_read
    )


@dataclass(frozen=True)
class _Walked:
    """One alignment after its walk: what the pooled tables need."""

    errors: ReadErrors
    columns: Columns
    runs: CalledRuns
    alignment: Alignment
    query: np.ndarray


def evaluate_reads(
    calls: Iterable[CalledRead],
    aligner: ReadAligner,
    *,
    threads: int = 1,
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP,
    progress: Callable[[int], None] | None = None,
) -> ReadsEvaluation:
    """Scores called reads against a reference.

    The result does not depend on `threads`.

    Args:
        calls: the called reads.
        aligner: minimap2 with the reference's index.
        threads: threads that align.
        bootstrap: how the intervals are made.
        progress: called with the number of reads done so far, after each read.

    Returns:
        The figures and the per-read rows.
    """
    profile = ErrorProfile()
    rows: list[tuple[str, int, int, bool, float]] = []
    nothing = (0,) * len(fields(ReadErrors))
    errors: list[tuple[int, ...]] = []
    for call, walked in _walk_all(calls, aligner, threads):
        mapped = walked is not None
        aligned_bp = len(walked.query) if walked else 0
        rows.append((call.read_id, len(call.sequence), aligned_bp, mapped, _mean_q(call.qualities)))
        errors.append(astuple(walked.errors) if walked else nothing)
        if walked:
            _add(profile, walked, call.qualities)
        if progress:
            progress(len(rows))
    per_read = PerRead(
        read_id=tuple(row[0] for row in rows),
        length_bp=np.array([row[1] for row in rows], np.int64),
        aligned_bp=np.array([row[2] for row in rows], np.int64),
        mapped=np.array([row[3] for row in rows], bool),
        mean_q=np.array([row[4] for row in rows], np.float64),
        errors=np.array(errors, np.int64).reshape(-1, len(nothing)),
    )
    return ReadsEvaluation(figures(per_read, profile, bootstrap), per_read)


def _walk_all(
    calls: Iterable[CalledRead], aligner: ReadAligner, threads: int
) -> Iterator[tuple[CalledRead, _Walked | None]]:
    def work(call: CalledRead) -> tuple[CalledRead, _Walked | None]:
        alignment = aligner.align(call.sequence)
        walked = None if alignment is None else _walk(alignment, call.sequence)
        return call, walked if walked and walked.errors.columns else None

    return map_in_order(work, calls, threads)


def _walk(alignment: Alignment, sequence: str) -> _Walked:
    query = encode(sequence[alignment.query_start : alignment.query_end])
    columns = expand(alignment.cigar, query, alignment.reference)
    before, after = alignment.flanks
    wide = np.concatenate((before, alignment.reference, after))
    in_run = in_homopolymer(wide, MIN_RUN)[len(before) : len(wide) - len(after)]
    errors = count(columns, query, alignment.reference, in_run)
    return _Walked(errors, columns, called_runs(columns, query, alignment.reference), alignment, query)


def _add(profile: ErrorProfile, walked: _Walked, qualities: np.ndarray | None) -> None:
    alignment = walked.alignment
    if qualities is not None:
        profile.add_qualities(walked.columns, qualities[alignment.query_start : alignment.query_end])
    profile.add_runs(walked.runs)
    profile.add_contexts(walked.columns, walked.query, alignment.reference, alignment.flanks)


def _mean_q(qualities: np.ndarray | None) -> float:
    return float("nan") if qualities is None or not len(qualities) else mean_qscore(qualities)
