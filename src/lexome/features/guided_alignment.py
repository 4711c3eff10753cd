"""Places the bases of a known sequence on signal of which it is known about where some of them lie (numpy).

Shapes: S samples, T blocks of signal, P positions (k-mers), L bases, A anchors.

Source: own. A base call aligned with the sequence says for most bases at which sample they begin (its moves),
within a few samples and at times a few bases; a hidden Markov model in a narrow band around these anchors
finds the rest. It cannot lose its way in a bad stretch of signal, as one without anchors does.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lexome.core.records import KmerLevels
from lexome.dp.kernels.align_in_band import align_in_band
from lexome.features.alignment import (
    MIN_PLACED,
    AlignConfig,
    SignalAlignment,
    SignalPath,
    block_means,
    fit_path,
    normalised_levels,
    path_of,
)

MAX_GAP_BP = 100
MAX_GAP_SAMPLES = 3000


@dataclass(frozen=True)
class Anchors:
    """Bases of a sequence (index, int64[A]) and the samples at which they begin (int64[A]); both rise."""

    base: np.ndarray
    sample: np.ndarray

    def shifted(self, samples: int) -> "Anchors":
        """The anchors that many samples earlier, without those that then lie before the start."""
        kept = self.sample >= samples
        return Anchors(self.base[kept], self.sample[kept] - samples)

    def pieces(self, max_gap_bp: int = MAX_GAP_BP, max_gap_samples: int = MAX_GAP_SAMPLES) -> "list[Anchors]":
        """The anchors between gaps that are longer than this: what lies in one is other sequence, or lost."""
        is_gap = (np.diff(self.base) > max_gap_bp) | (np.diff(self.sample) > max_gap_samples)
        cuts = [0, *(np.flatnonzero(is_gap) + 1), len(self.base)]
        return [Anchors(self.base[i:j], self.sample[i:j]) for i, j in pairwise(cuts) if j > i]


@dataclass(frozen=True)
class BandConfig:
    """The band: `width_bp` positions, more by the longest stretch of bases without an anchor.

    At either end `free_bp` positions may stay unused.
    """

    width_bp: int = 60
    free_bp: int = 8

    def __post_init__(self) -> None:
        if self.width_bp < 4 or self.free_bp < 1:
            raise ValueError("a band must be at least 4 wide and free_bp at least 1")


def align_guided(
    signal: np.ndarray,
    sequence: str,
    anchors: Anchors,
    levels: KmerLevels,
    config: AlignConfig | None = None,
    band: BandConfig | None = None,
) -> SignalAlignment | None:
    """Aligns a read's signal with the sequence it comes from, from the first to the last anchor.

    Args:
        signal: normalised by median and MAD, float32[S].
        sequence: what was sequenced, in the read's orientation, only A, C, G, T.
        anchors: about where bases of it lie; without large gaps, which make the band wide (`Anchors.pieces`).
        levels: expected current per k-mer.
        config: constants of the model; those that say where a path begins are not used.
        band: constants of the band.

    Returns:
        The alignment, or None if there are too few anchors or no path leads through the band.
    """
    config, band = config or AlignConfig(), band or BandConfig()
    size = config.block_samples
    num_positions = len(sequence) - levels.k + 1
    position = anchors.base - levels.centre
    inside = (position >= 0) & (position < num_positions)
    position, block = position[inside], anchors.sample[inside] // size
    if len(position) < MIN_PLACED:
        return None
    # the last anchored base has a dwell too: an ordinary one
    dwell = max(1, round((block[-1] - block[0]) / (position[-1] - position[0])))
    first, end = int(block[0]), min(int(block[-1]) + dwell, len(signal) // size)
    first_position, last_position = int(position[0]), int(position[-1])
    blocks_T = block_means(signal, size)[first:end]
    if len(blocks_T) < MIN_PLACED or last_position - first_position < MIN_PLACED:
        return None
    levels_P = normalised_levels(sequence, levels)[first_position : last_position + 1]
    lowest_T, width = _band(position - first_position, block - first, len(blocks_T), len(levels_P), band)

    def find(fitted_P: np.ndarray) -> SignalPath | None:
        begins_P, score = align_in_band(
            blocks_T, fitted_P, lowest_T, width, band.free_bp, config.sigma, config.bonus,
            np.log(config.stay), np.log(config.step), np.log(config.skip),
        )  # fmt: skip
        return path_of(blocks_T, begins_P, len(blocks_T), score)

    found = fit_path(levels_P, find, levels.centre, config)
    if found is None:
        return None
    return SignalAlignment(
        found.first_bp + first_position, found.starts + first * size, found.residuals, found.levels,
        found.gain, found.offset, found.score,
    )  # fmt: skip


def _band(
    position: np.ndarray, block: np.ndarray, num_blocks: int, num_positions: int, config: BandConfig
) -> tuple[np.ndarray, int]:
    """The first position of the band at every block, and its width."""
    gap = int(np.diff(position).max(initial=0))
    width = min(config.width_bp + gap, num_positions)
    centre_T = np.interp(np.arange(num_blocks), block, position)
    lowest_T = np.round(centre_T).astype(np.int64) - width // 2
    return np.clip(lowest_T, 0, num_positions - width), width
