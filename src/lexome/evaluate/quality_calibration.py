"""Predicted against empirical base quality: the table, its error, and the correction that fits it best.

Legend: Q = 94 qualities; the kinds of bases are those of `truth_alignment.Judged.quality_counts`.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from lexome.core.errors import LexomeError
from lexome.decode.consensus import MAX_QUALITY, Calibration

FEWEST_ERRORS = 30
FEWEST_BINS = 2
HIGHEST_THRESHOLD = 40
# nats that a threshold must gain: it is a third number to be learnt from the same errors
THRESHOLD_GAIN = 3.0
_PER_NAT = 10.0 / math.log(10.0)
_STEPS = 100

BasesByQuality = Int64[np.ndarray, "94 3"]


@dataclass(frozen=True)
class QualityRow:
    """Bases of one predicted quality; `q_empirical` is None where no base is wrong."""

    q_predicted: int
    q_empirical: float | None
    bases: int
    errors: int


def errors_by_quality(counts_Q3: BasesByQuality, deletions: bool) -> tuple[np.ndarray, np.ndarray]:
    """Bases and wrong bases of every quality, float64[94] each.

    Args:
        counts_Q3: bases by quality and kind.
        deletions: a right base behind lost ones counts as wrong.
    """
    errors_Q = counts_Q3[:, 1] + (counts_Q3[:, 2] if deletions else 0)
    return counts_Q3.sum(axis=1).astype(np.float64), errors_Q.astype(np.float64)


def quality_rows(counts_Q3: BasesByQuality, *, deletions: bool = True) -> tuple[QualityRow, ...]:
    """One row for every quality that occurs, lowest first."""
    bases_Q, errors_Q = errors_by_quality(counts_Q3, deletions)
    rows = []
    for q in np.flatnonzero(bases_Q):
        bases, errors = int(bases_Q[q]), int(errors_Q[q])
        empirical = -10.0 * math.log10(errors / bases) + 0.0 if errors else None
        rows.append(QualityRow(int(q), empirical, bases, errors))
    return tuple(rows)


def corrected_qualities(
    calibration: Calibration | None, max_quality: int = MAX_QUALITY
) -> Float[np.ndarray, " 94"]:
    """What every whole quality becomes, rounded and bounded as in corrected reads."""
    quality_Q = np.arange(MAX_QUALITY + 1, dtype=np.float64)
    if calibration is not None:
        quality_Q = calibration(quality_Q)
    return np.round(np.clip(quality_Q, 0, max_quality))


def calibration_error(
    counts_Q3: BasesByQuality, calibration: Calibration | None, *, deletions: bool = True
) -> float | None:
    """The expected calibration error: |share of wrong bases - predicted share|, averaged over the bases.

    Bases that get the same quality are one bin. None without bases.
    """
    bases_Q, errors_Q = errors_by_quality(counts_Q3, deletions)
    if not bases_Q.sum():
        return None
    to_Q = corrected_qualities(calibration).astype(np.int64)
    bases_B = np.bincount(to_Q, weights=bases_Q, minlength=MAX_QUALITY + 1)
    errors_B = np.bincount(to_Q, weights=errors_Q, minlength=MAX_QUALITY + 1)
    expected_B = bases_B * 10 ** (-np.arange(MAX_QUALITY + 1) / 10)
    return float(np.abs(errors_B - expected_B).sum() / bases_Q.sum())


def fit_calibration(counts_Q3: BasesByQuality, *, deletions: bool = True) -> Calibration:
    """The threshold, w and b under which the errors that were seen are likeliest.

    Errors of each quality are taken for Poisson with the mean bases * 10^(-(w q + b) / 10): a regression with
    one optimum. A threshold of 1 to 40 is taken only if the errors are clearly likelier with it, and if no
    quality above it comes to lie below it.

    Args:
        counts_Q3: bases by quality and kind, of qualities that are not calibrated.
        deletions: as in `errors_by_quality`.

    Returns:
        The correction.

    Raises:
        LexomeError: if there are too few errors to fit, or qualities say nothing about errors.
    """
    bases_Q, errors_Q = errors_by_quality(counts_Q3, deletions)
    total = int(errors_Q.sum())
    num_bins = np.count_nonzero(errors_Q)
    if total < FEWEST_ERRORS or num_bins < FEWEST_BINS:
        raise LexomeError(
            f"too little to calibrate on: {total} wrong bases of {num_bins} qualities; "
            f"at least {FEWEST_ERRORS} wrong ones of {FEWEST_BINS} qualities are needed; take more molecules"
        )
    quality_Q = np.arange(len(bases_Q), dtype=np.float64)
    as_they_are_Q = _log_likelihood(quality_Q, bases_Q, errors_Q)
    best, best_score = _line(bases_Q, errors_Q, 0), -math.inf
    if best is not None:
        best_score = _log_likelihood(best(quality_Q), bases_Q, errors_Q).sum()
    for threshold in range(1, HIGHEST_THRESHOLD + 1):
        line = _line(bases_Q, errors_Q, threshold)
        if line is None or threshold + 1 - line(np.array([threshold + 1.0]))[0] > 1:
            continue  # or bases would fall below others that the network is less sure of
        above = quality_Q > threshold
        score = as_they_are_Q[~above].sum() + _log_likelihood(line(quality_Q), bases_Q, errors_Q)[above].sum()
        # every further threshold must beat what is there by as much only once
        penalty = THRESHOLD_GAIN if best is None or best.threshold == 0 else 0.0
        if score > best_score + penalty:
            best, best_score = line, score
    if best is None:
        raise LexomeError("higher qualities are not more often right, so no correction of them can help")
    return best


def _log_likelihood(quality_Q: np.ndarray, bases_Q: np.ndarray, errors_Q: np.ndarray) -> np.ndarray:
    """Of the errors of each quality, but for what does not depend on the prediction."""
    log_rate_Q = -np.clip(quality_Q, 0, None) / _PER_NAT
    return errors_Q * log_rate_Q - bases_Q * np.exp(log_rate_Q)


def _line(bases_Q: np.ndarray, errors_Q: np.ndarray, threshold: int) -> Calibration | None:
    """The likeliest w and b for qualities above a threshold (0: for all); None if there is no such line."""
    used = bases_Q > 0
    if threshold:
        used &= np.arange(len(bases_Q)) > threshold
    bases, errors, quality = bases_Q[used], errors_Q[used], np.flatnonzero(used).astype(np.float64)
    if np.count_nonzero(errors) < FEWEST_BINS or errors.sum() < FEWEST_ERRORS:
        return None
    design_U2 = np.stack([quality, np.ones(len(quality))], axis=1)
    weights_2 = np.array([0.0, math.log(errors.sum() / bases.sum())])

    def log_likelihood(weights_2: np.ndarray) -> float:
        log_rate = np.minimum(design_U2 @ weights_2, 50.0)
        return float(errors @ log_rate - bases @ np.exp(log_rate))

    score = log_likelihood(weights_2)
    for _ in range(_STEPS):  # Newton's method; a step that overshoots is halved
        mean = bases * np.exp(np.minimum(design_U2 @ weights_2, 50.0))
        curvature_22 = design_U2.T @ (mean[:, None] * design_U2)
        step_2 = np.linalg.lstsq(curvature_22, design_U2.T @ (errors - mean), rcond=None)[0]
        size = 1.0
        while size > 1e-9 and log_likelihood(weights_2 + size * step_2) < score:
            size /= 2
        better = log_likelihood(weights_2 + size * step_2)
        if better <= score + 1e-13 * abs(score):
            break
        weights_2, score = weights_2 + size * step_2, better
    scale, bias = -_PER_NAT * weights_2
    if not scale > 0:
        return None
    return Calibration(float(threshold), float(scale), float(bias))


def as_text(calibration: Calibration) -> str:
    """As `lexome correct --calibration` takes it; five digits behind the point are more than one can tell."""
    numbers = (calibration.threshold, calibration.scale, calibration.bias)
    return ",".join(f"{round(number, 5) + 0.0:.5f}".rstrip("0").rstrip(".") for number in numbers)
