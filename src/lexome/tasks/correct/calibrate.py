"""Base qualities of corrected reads against the truth, and their correction: the work of `lexome calibrate`.

Source: `calibrate` of DeepConsensus 1.2 for the table. Differs: every base counts once (that counts those on
the border of two intervals twice); reads are held against their own molecule, not against a genome; what it
leaves to the reader, the fit of threshold, w and b, is done.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome import __version__
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.alphabet import encode
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.core.read_ids import id_bytes
from lexome.decode.consensus import Calibration
from lexome.evaluate.align import map_in_order
from lexome.evaluate.quality_calibration import (
    as_text,
    calibration_error,
    fit_calibration,
    quality_rows,
)
from lexome.evaluate.true_reads import TrueRead, TrueReads, open_true_reads
from lexome.evaluate.truth_alignment import NUM_QUALITIES, TooUnlikeError, judge
from lexome.io.calls import CalledRead, read_calls
from lexome.io.subreads import hole_of
from lexome.io.truth import read_places
from lexome.tasks.correct.regions import Region


@dataclass(frozen=True)
class CalibrateRequest:
    """What to measure.

    Attributes:
        corrected: reads with qualities: SAM, BAM, CRAM or FASTQ.
        truth: BAM (aligned to the CCS reads) or FASTA.
        places: BED file that says where on a genome each molecule comes from (name in the fourth column).
        regions: use only molecules that lie in one of these; needs `places`.
        deletions: a right base behind lost ones counts as wrong.
        threads: that align.
    """

    corrected: Path
    truth: Path
    places: Path | None = None
    regions: tuple[Region, ...] = ()
    deletions: bool = True
    threads: int = 1

    def check(self) -> None:
        """Finds out before any work whether this makes sense.

        Raises:
            UsageError: if not.
        """
        for path in (self.corrected, self.truth, self.places):
            if path is not None and not path.is_file():
                raise UsageError(f"{path}: no such file")
        if self.regions and self.places is None:
            raise UsageError("--regions needs --bed: a file that says where each molecule comes from")


@dataclass(frozen=True)
class Measured:
    """Bases by quality and kind (as `truth_alignment.Judged`), of two halves of the molecules.

    The halves are told apart by the name of the hole, so both strands of a molecule are in the same.
    """

    fitted_Q3: np.ndarray
    held_out_Q3: np.ndarray
    molecules: int
    molecules_held_out: int
    without_truth: int
    outside: int
    too_unlike: int

    @property
    def counts(self) -> np.ndarray:
        """Of all molecules."""
        return self.fitted_Q3 + self.held_out_Q3


@dataclass(frozen=True)
class Fitted:
    """A correction fitted on one half, and the error of predictions on the other, before and after."""

    calibration: Calibration
    error_before: float
    error_after: float

    @property
    def text(self) -> str:
        """As `lexome correct --calibration` takes it."""
        return as_text(self.calibration)

    @property
    def helps(self) -> bool:
        """Whether the held-out molecules are better predicted with it."""
        return self.error_after < self.error_before


def measure(request: CalibrateRequest, on_progress: Callable[[int], None] = lambda reads: None) -> Measured:
    """Counts right and wrong bases by predicted quality; reads and bases without truth are left out.

    Args:
        request: what was asked for.
        on_progress: told how many reads are done.

    Raises:
        UsageError: as `CalibrateRequest.check`.
        BadInputError: if a file is damaged, reads have no qualities, or none of them has a truth.
    """
    request.check()
    counts_2Q3 = np.zeros((2, NUM_QUALITIES, 3), np.int64)
    molecules, too_unlike = [0, 0], 0
    left_out = {"without_truth": 0, "outside": 0}

    def work(item: tuple[CalledRead, TrueRead]) -> tuple[str, np.ndarray | None]:
        read, truth = item
        try:
            return read.read_id, judge(encode(read.sequence), read.qualities, truth).quality_counts
        except TooUnlikeError:
            return read.read_id, None

    with open_true_reads(request.truth) as truths:
        items = _with_truth(request, truths, left_out)
        for done, (name, counts_Q3) in enumerate(map_in_order(work, items, request.threads), 1):
            if counts_Q3 is None:
                too_unlike += 1
            else:
                half = half_of(name)
                counts_2Q3[half] += counts_Q3
                molecules[half] += 1
            on_progress(done)
    if not sum(molecules):
        raise BadInputError(
            f"{request.corrected}: no read to measure: {left_out['without_truth']} have no truth in "
            f"{request.truth}, {left_out['outside']} lie outside of the regions, {too_unlike} are not like "
            "their truth"
        )
    return Measured(
        counts_2Q3[0], counts_2Q3[1], sum(molecules), molecules[1], too_unlike=too_unlike, **left_out
    )


def half_of(name: str) -> int:
    """0: the molecule is fitted on, 1: it is held out; by its hole, whatever the order of the reads."""
    return id_bytes(f"half of {hole_of(name)}")[0] & 1


def _with_truth(
    request: CalibrateRequest, truths: TrueReads, left_out: dict[str, int]
) -> Iterator[tuple[CalledRead, TrueRead]]:
    places = {} if request.places is None else read_places(request.places)
    seen = np.zeros(len(truths.names), bool)
    for read in read_calls(request.corrected):
        number = truths.number_of(read.read_id)
        if number < 0 or seen[number]:
            left_out["without_truth"] += 1
            continue
        seen[number] = True
        place = places.get(read.read_id)
        if request.regions and not (place and any(region.holds(place) for region in request.regions)):
            left_out["outside"] += 1
            continue
        if read.qualities is None:
            raise BadInputError(f"{request.corrected}: read {read.read_id} has no qualities to measure")
        yield read, truths.of(number)


def fit(measured: Measured, deletions: bool = True) -> Fitted:
    """Fits a correction on one half of the molecules and tries it on the other.

    Args:
        measured: of reads whose qualities are as the network gives them.
        deletions: as in `CalibrateRequest`.

    Raises:
        LexomeError: if there is too little to fit or to try it on.
    """
    calibration = fit_calibration(measured.fitted_Q3, deletions=deletions)
    # what is written has fewer digits: judged is what is written
    rounded = Calibration(*(float(number) for number in as_text(calibration).split(",")))
    before = calibration_error(measured.held_out_Q3, None, deletions=deletions)
    after = calibration_error(measured.held_out_Q3, rounded, deletions=deletions)
    if before is None or after is None:
        raise LexomeError("no molecule is held out to try the calibration on; take more molecules")
    return Fitted(rounded, before, after)


def calibrated(checkpoint: Checkpoint, fitted: Fitted, measured: Measured) -> Checkpoint:
    """A copy of a read corrector that corrects its qualities by itself.

    Raises:
        UsageError: if the model is of another task.
    """
    check_model(checkpoint)
    config = {**checkpoint.head.config, "calibration": fitted.text}
    how = {
        "molecules": measured.molecules - measured.molecules_held_out,
        "held_out": measured.molecules_held_out,
        "error_before": fitted.error_before,
        "error_after": fitted.error_after,
        "lexome_version": __version__,
    }
    provenance = {**checkpoint.provenance, "calibrated": how}
    return dataclasses.replace(
        checkpoint, head=Component(checkpoint.head.name, config), provenance=provenance
    )


def check_model(checkpoint: Checkpoint) -> None:
    """Refuses what is no read corrector (UsageError)."""
    if checkpoint.task != "correct":
        raise UsageError(
            f"model {checkpoint.name} is for the task '{checkpoint.task}', not for read correction; a "
            "basecaller is calibrated by lexome models calibrate"
        )


def table_rows(measured: Measured) -> list[tuple[int, int, int, int]]:
    """Quality, matches, mismatches (inserted bases too) and, of the matches, those behind lost bases."""
    counts_Q3 = measured.counts
    return [
        (row.q_predicted, int(counts_Q3[row.q_predicted, 0] + counts_Q3[row.q_predicted, 2]))
        + (int(counts_Q3[row.q_predicted, 1]), int(counts_Q3[row.q_predicted, 2]))
        for row in quality_rows(counts_Q3)
    ]
