"""Places the bases of a known sequence on the signal of a read (numpy; the search is in `dp.kernels.align`).

Shapes: S samples, T blocks of signal, P positions (k-mers), L bases.

Source: own; constants measured on R9.4.1 reads. Normalising the expected levels by their own median and MAD
makes any table of levels fit any read; two rounds of robust regression then remove what gain and offset
remain.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lexome.core.alphabet import encode, kmer_index
from lexome.core.records import KmerLevels
from lexome.dp.kernels.align import align_blocks
from lexome.features.signal import MAD_TO_SD

MIN_PLACED = 20  # fewer bases are no alignment


@dataclass(frozen=True)
class AlignConfig:
    """Constants of the alignment; levels and residuals are in units of the read's normalised signal.

    `sigma` is the spread of a block around its level and `bonus` what a fitting block gains over the
    background (nats); `start_samples` bounds where the path may begin, `free_bp` how many bases at either
    end of the sequence may stay unused, `width_bp` is the band and `rounds` the number of alignments (one
    more than regressions).
    """

    block_samples: int = 3
    sigma: float = 0.30
    bonus: float = 1.8
    stay: float = 0.70
    step: float = 0.28
    skip: float = 0.02
    start_samples: int = 24000
    free_bp: int = 50
    width_bp: int = 1200
    rounds: int = 3
    outlier: float = 0.8

    def __post_init__(self) -> None:
        if min(self.block_samples, self.rounds, self.width_bp, self.start_samples, self.free_bp) < 1:
            raise ValueError("the lengths and rounds of an alignment must be at least 1")
        if not min(self.sigma, self.stay, self.step, self.skip) > 0:
            raise ValueError("sigma, stay, step and skip must be positive")


@dataclass(frozen=True)
class SignalAlignment:
    """A sequence placed on a signal.

    `starts` is the sample at which each base's dwell begins (int64[P + 1], the last one the end of the
    alignment); base i of them is base `first_bp` + i of the sequence. Bases that the path skipped begin where
    the next one does. `residuals` is each base's mean absolute distance from its level (float32[P]; nan for a
    skipped one), `levels` the regressed expected level of each base; `gain` and `offset` took the table's
    normalised levels there; `score` is the path's log-likelihood ratio to the background, in nats.
    """

    first_bp: int
    starts: np.ndarray
    residuals: np.ndarray
    levels: np.ndarray
    gain: float
    offset: float
    score: float = 0.0

    @property
    def residual_mean(self) -> float:
        """Mean absolute residual over the whole alignment."""
        return float(np.nanmean(self.residuals))


def normalised_levels(sequence: str, levels: KmerLevels) -> np.ndarray:
    """Expected levels of a sequence's k-mers, less their median, over their MAD-sd; float32[L - k + 1]."""
    expected = levels.mean_pa[kmer_index(encode(sequence), levels.k)]
    centre = np.median(expected)
    spread = MAD_TO_SD * np.median(np.abs(expected - centre))
    return ((expected - centre) / (spread or 1.0)).astype(np.float32)  # no spread: one k-mer repeated


def align_signal(
    signal: np.ndarray, sequence: str, levels: KmerLevels, config: AlignConfig | None = None
) -> SignalAlignment | None:
    """Aligns a read's signal with the sequence it comes from.

    Args:
        signal: normalised by median and MAD, float32[S], not trimmed more than by the usual heuristic.
        sequence: what was sequenced, in the read's orientation, only A, C, G, T; at least k + 20 bases.
        levels: expected current per k-mer.
        config: constants.

    Returns:
        The alignment, or None if no path through the band reaches the end of the sequence.
    """
    config = config or AlignConfig()
    if len(sequence) < levels.k + MIN_PLACED:
        return None
    blocks_T = block_means(signal, config.block_samples)
    return fit_path(
        normalised_levels(sequence, levels),
        lambda fitted_P: _find_path(blocks_T, fitted_P, config),
        levels.centre,
        config,
    )


def block_means(signal: np.ndarray, size: int) -> np.ndarray:
    """Means of blocks of `size` samples; a rest at the end is left out."""
    count = len(signal) // size
    return signal[: count * size].reshape(count, size).mean(axis=1)


@dataclass(frozen=True)
class SignalPath:
    """First block of each position and the block behind all; used positions; position and mean by block.

    `score` is the path's log-likelihood ratio to the background, in nats.
    """

    begins_P: np.ndarray
    end: int
    used: np.ndarray
    position_T: np.ndarray
    seen_T: np.ndarray
    score: float


def path_of(blocks_T: np.ndarray, begins_P: np.ndarray, end: int, score: float) -> SignalPath | None:
    """What a kernel found, in full; None if it placed too few bases for an alignment."""
    used = np.flatnonzero(begins_P >= 0)
    if len(used) < MIN_PLACED:
        return None
    dwell = np.diff(begins_P[used], append=end).astype(np.int64)
    seen_T = blocks_T[begins_P[used[0]] : end]
    return SignalPath(begins_P, end, used, np.repeat(used, dwell), seen_T, score)


def fit_path(
    levels_P: np.ndarray,
    find: Callable[[np.ndarray], SignalPath | None],
    centre: int,
    config: AlignConfig,
) -> SignalAlignment | None:
    """Finds a path, then fits gain and offset of the levels to it and finds it again, `config.rounds` times.

    Args:
        levels_P: normalised expected levels.
        find: the path for levels that were fitted, None if there is none.
        centre: index within the k-mer of the base that a position stands for.
        config: constants.

    Returns:
        The alignment, or None if a path was not found.
    """
    fitted_P = levels_P
    gain, offset = 1.0, 0.0
    path = find(fitted_P)
    for _ in range(config.rounds - 1):
        if path is None:
            return None
        gain, offset = _regress(levels_P[path.position_T], path.seen_T, gain, offset, config.outlier)
        fitted_P = (levels_P * gain + offset).astype(np.float32)
        path = find(fitted_P)
    if path is None:
        return None
    size = config.block_samples
    distance = np.abs(path.seen_T - fitted_P[path.position_T])
    first, last = int(path.used[0]), int(path.used[-1])
    inside_T = path.position_T - first
    with np.errstate(invalid="ignore"):  # skipped positions have no blocks: nan says so
        residuals = np.bincount(inside_T, distance) / np.bincount(inside_T)
    # a skipped base begins where the next used one does
    starts = path.begins_P[first : last + 1].copy()
    missing = np.flatnonzero(starts < 0)
    nearest = np.searchsorted(path.used - first, missing)
    starts[missing] = starts[path.used[nearest] - first]
    return SignalAlignment(
        first + centre, np.append(starts, path.end) * size, residuals.astype(np.float32),
        fitted_P[first : last + 1], gain, offset, path.score,
    )  # fmt: skip


def _find_path(blocks_T: np.ndarray, fitted_P: np.ndarray, config: AlignConfig) -> SignalPath | None:
    begins_P, score, end = align_blocks(
        blocks_T, fitted_P, config.sigma, config.bonus, np.log(config.stay), np.log(config.step),
        np.log(config.skip), config.start_samples // config.block_samples, config.free_bp, config.width_bp,
    )  # fmt: skip
    return path_of(blocks_T, begins_P, end, score)


def _regress(x: np.ndarray, y: np.ndarray, gain: float, offset: float, outlier: float) -> tuple[float, float]:
    """Least squares of y on x, leaving out what lies far from the present line."""
    close = np.abs(y - (gain * x + offset)) < outlier
    if close.sum() < MIN_PLACED:
        return gain, offset
    slope, intercept = np.polyfit(x[close], y[close], 1)
    if not 0.5 < slope < 2.0:  # a fit to a wrong path; better none
        return gain, offset
    return float(slope), float(intercept)
