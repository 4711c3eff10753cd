"""Corrected and CCS reads and a majority vote against the truth: the work of `lexome evaluate correction`."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lexome import __version__
from lexome.core.alphabet import encode
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.core.zmw import UnusableZmwError, ZmwReads
from lexome.decode.consensus import MAX_QUALITY, spell
from lexome.evaluate.align import map_in_order
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig
from lexome.evaluate.correction import (
    EditRatio,
    JudgedReads,
    SetFigures,
    edit_ratio,
    set_figures,
    yield_ratios,
)
from lexome.evaluate.kmer_qv import KmerTally, TrueKmers, true_kmers
from lexome.evaluate.majority import majority_vote
from lexome.evaluate.true_reads import TrueRead, TrueReads, open_true_reads
from lexome.evaluate.truth_alignment import Judged, TooUnlikeError, judge
from lexome.features.pileup import PileupConfig
from lexome.features.pileup_windows import windows_of
from lexome.io.calls import CalledRead, read_calls
from lexome.io.subreads import read_zmws
from lexome.tasks.correct.stitch import mean_quality

CORRECTED, CCS, MAJORITY = "corrected", "ccs", "majority"
_PILEUP = PileupConfig()


@dataclass(frozen=True)
class EvaluationRequest:
    """What to judge.

    Attributes:
        corrected: SAM, BAM, CRAM, FASTQ or FASTA.
        truth: BAM (aligned to the CCS reads) or FASTA.
        ccs: the CCS reads, to be judged beside.
        subreads: aligned to them, for the majority vote.
        min_quality: lowest predicted quality of reads that count for the yields.
        threads: that align.
        bootstrap: how intervals are made.
    """

    corrected: Path
    truth: Path
    ccs: Path | None = None
    subreads: Path | None = None
    min_quality: float = 20.0
    threads: int = 1
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP

    def check(self) -> None:
        """Finds out before any work whether this makes sense.

        Raises:
            UsageError: if not.
        """
        for path in (self.corrected, self.truth, self.ccs, self.subreads):
            if path is not None and not path.is_file():
                raise UsageError(f"{path}: no such file")
        if self.subreads is not None and self.ccs is None:
            raise UsageError("--subreads needs --ccs: they are aligned to the CCS reads")


@dataclass(frozen=True)
class CorrectionEvaluation:
    """The figures of every set, and of the corrected reads against the others."""

    request: EvaluationRequest
    molecules: int
    truth_bases: int
    kmer_size: int
    kmers_one_in: int
    sets: dict[str, SetFigures]
    edit_ratios: dict[str, EditRatio]
    yield_ratios: dict[str, dict[str, float | None]]
    judged: dict[str, JudgedReads] = field(repr=False)

    def to_json(self) -> dict:
        """What `--json` writes, always in the same order."""
        request = self.request
        return {
            "corrected": str(request.corrected),
            "truth": str(request.truth),
            "ccs": None if request.ccs is None else str(request.ccs),
            "subreads": None if request.subreads is None else str(request.subreads),
            "lexome_version": __version__,
            "min_quality": request.min_quality,
            "bootstrap": to_dict(request.bootstrap),
            "molecules": self.molecules,
            "truth_bases": self.truth_bases,
            "kmer_size": self.kmer_size,
            "kmers_one_in": self.kmers_one_in,
            "sets": {name: figures.to_json() for name, figures in self.sets.items()},
            "edit_ratios": {name: to_dict(ratio) for name, ratio in self.edit_ratios.items()},
            "yield_ratios": self.yield_ratios,
        }


def evaluate_correction(
    request: EvaluationRequest, on_progress: Callable[[int], None] = lambda reads: None
) -> CorrectionEvaluation:
    """Judges every set of reads of the request.

    The result does not depend on the number of threads.

    Args:
        request: what was asked for.
        on_progress: told how many reads, of all sets, are done.

    Raises:
        UsageError: as `EvaluationRequest.check`.
        BadInputError: if a file is damaged, or no corrected read has a truth.
    """
    request.check()
    with open_true_reads(request.truth) as truths:
        codes = (truths.of(number).codes for number in range(len(truths.names)))
        kmers = true_kmers(codes, truths.bases)
        judge_set = _Judge(truths, kmers, request.threads, on_progress)
        judged = {CORRECTED: judge_set(_predicted(read_calls(request.corrected)))}
        _check_any(judged[CORRECTED], request)
        if request.ccs is not None:
            judged[CCS] = judge_set(_predicted(read_calls(request.ccs), by_tag=True))
        if request.ccs is not None and request.subreads is not None:
            judged[MAJORITY] = judge_set(_votes(request.subreads, request.ccs, truths))
        molecules, truth_bases = len(truths.names), truths.bases
    sets = {name: set_figures(reads, request.min_quality) for name, reads in judged.items()}
    others = [name for name in judged if name != CORRECTED]
    ratios = {name: edit_ratio(judged[CORRECTED], judged[name], request.bootstrap) for name in others}
    yields = {name: yield_ratios(sets[CORRECTED], sets[name]) for name in others}
    return CorrectionEvaluation(
        request, molecules, truth_bases, kmers.k, kmers.one_in, sets, ratios, yields, judged
    )


def _check_any(corrected: JudgedReads, request: EvaluationRequest) -> None:
    if (corrected.found_N | corrected.too_unlike_N).any():
        return
    if not corrected.without_truth:
        raise BadInputError(f"{request.corrected}: no reads in this file, so there is nothing to evaluate")
    raise BadInputError(
        f"{request.truth}: has the truth of none of the {corrected.without_truth} reads of "
        f"{request.corrected}; both must name the CCS reads (<movie>/<hole>/ccs)"
    )


@dataclass(frozen=True)
class _Predicted:
    """A read of any set, and its quality as predicted (NaN: not)."""

    name: str
    sequence: str
    qualities: np.ndarray | None
    quality: float


def _predicted(reads: Iterator[CalledRead], by_tag: bool = False) -> Iterator[_Predicted]:
    """With the mean quality of the bases; `by_tag`: with that of rq, by which `ccs` filters its reads."""
    for read in reads:
        quality = math.nan if read.qualities is None else mean_quality(read.qualities)
        accuracy = read.tags.get("rq")
        if by_tag and isinstance(accuracy, int | float):
            quality = quality_of_accuracy(float(accuracy))
        yield _Predicted(read.read_id, read.sequence, read.qualities, quality)


def quality_of_accuracy(accuracy: float) -> float:
    """The Phred quality of a predicted accuracy (tag rq), 0 to 93; 0 for the -1 of rejects.

    >>> round(quality_of_accuracy(0.99), 6), quality_of_accuracy(-1.0), quality_of_accuracy(1.0)
    (20.0, 0.0, 93.0)
    """
    if not accuracy < 1:
        return float(MAX_QUALITY)
    return min(float(MAX_QUALITY), max(0.0, -10.0 * math.log10(1.0 - accuracy)))


def _votes(subreads: Path, ccs: Path, truths: TrueReads) -> Iterator[_Predicted]:
    """The majority vote of the subreads of every molecule whose truth is known; it predicts no quality."""
    for zmw in read_zmws(subreads, ccs, lambda report: None):  # what gives no vote is counted as missing
        if truths.number_of(zmw.name) < 0:
            continue
        try:
            yield _Predicted(zmw.name, majority_read(zmw), None, math.nan)
        except UnusableZmwError:
            continue


def majority_read(zmw: ZmwReads) -> str:
    """The bases that most passes have, column by column (`evaluate.majority`), over the whole molecule.

    Raises:
        UnusableZmwError: if no windows can be made of it.
    """
    rows_NRL = np.stack([window.rows_RL for window in windows_of(zmw, _PILEUP)])
    called_NL = majority_vote(rows_NRL, _PILEUP.max_passes)
    return spell(called_NL.reshape(-1), np.zeros(called_NL.size, np.uint8))[0]


class _Judge:
    """Judges sets of reads one after the other, and counts the reads of all."""

    def __init__(
        self, truths: TrueReads, kmers: TrueKmers, threads: int, on_progress: Callable[[int], None]
    ) -> None:
        self._truths, self._kmers, self._threads, self._on_progress = truths, kmers, threads, on_progress
        self._done = 0

    def __call__(self, reads: Iterator[_Predicted]) -> JudgedReads:
        result = JudgedReads(len(self._truths.names), KmerTally(self._kmers))
        items = self._with_truth(reads, result)
        for number, read, judged, kmers in map_in_order(self._work, items, self._threads):
            result.kmers.add(*kmers)
            result.add(number, len(read.sequence), read.quality, judged)
            self._done += 1
            self._on_progress(self._done)
        return result

    def _with_truth(
        self, reads: Iterator[_Predicted], result: JudgedReads
    ) -> Iterator[tuple[int, _Predicted, TrueRead]]:
        seen = np.zeros(len(self._truths.names), bool)
        for read in reads:
            number = self._truths.number_of(read.name)
            if number < 0:
                result.without_truth += 1
            elif seen[number]:
                result.repeated += 1
            else:
                seen[number] = True
                yield number, read, self._truths.of(number)

    def _work(
        self, item: tuple[int, _Predicted, TrueRead]
    ) -> tuple[int, _Predicted, Judged | None, tuple[int, np.ndarray]]:
        number, read, truth = item
        codes = encode(read.sequence)
        try:
            judged = judge(codes, read.qualities, truth)
        except TooUnlikeError:
            judged = None
        return number, read, judged, self._kmers.lookup(codes)
