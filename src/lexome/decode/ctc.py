"""CTC scores of one chunk -> bases, qualities and moves (numpy and numba; safe to call from many threads).

Legend: T time steps, K = 5 symbols (the blank, then A, C, G, T), L bases.

Qualities are our own: the field has none for CTC but the mean probability of a base over the steps that name
it, which tells right from wrong bases less well (`label_shares` says what is taken instead).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from lexome.core.errors import LexomeError
from lexome.decode.crf import Decoded
from lexome.decode.quality import QualityScale
from lexome.dp.kernels import ctc as kernels
from lexome.dp.kernels.ctc_beam import beam_search
from lexome.dp.kernels.ctc_decode import best_path, label_shares, log_softmax

NUM_SYMBOLS = 5
DEFAULT_CUT = 1000.0
SLACK = 276.0  # nats: e^-276 is what `target_log_sum_scaled` forgets too


@dataclass(frozen=True)
class CtcDecoder:
    """The best path (`beam_width` None), or the likeliest labelling in a beam of prefixes.

    A base begins at the first step of its label, on the best path or on the best of the labelling's own ones,
    and lasts until the next one begins. `quality` makes its quality of 1 - share, where share is its
    probability among all that its steps can spell if that is one base or none.

    The beam keeps after each step the `beam_width` likeliest prefixes, of them those at most `cut` times less
    likely than the likeliest. What it finds is taken only if it is likelier (summed over all its paths) than
    the labelling of the best path.
    """

    beam_width: int | None = None
    quality: QualityScale = QualityScale()
    cut: float = DEFAULT_CUT

    def __post_init__(self) -> None:
        if (self.beam_width is not None and self.beam_width < 1) or not self.cut >= 1:
            raise ValueError(f"a beam of width {self.beam_width} and cut {self.cut} holds nothing")

    def __call__(self, scores_TK: Float[np.ndarray, "T K"]) -> Decoded:
        """Decodes one chunk.

        Args:
            scores_TK: scores (logits or log-probabilities), the blank first.

        Returns:
            Bases, qualities and moves.

        Raises:
            ValueError: if K is not 5.
            LexomeError: if a score is not finite.
        """
        if scores_TK.shape[1] != NUM_SYMBOLS:
            raise ValueError(f"{scores_TK.shape[1]} scores per step are not those of a blank and four bases")
        if not np.isfinite(scores_TK).all():
            raise LexomeError("the network gave scores that are not finite: its weights are broken")
        log_probs_TK = np.empty(scores_TK.shape)
        log_softmax(np.ascontiguousarray(scores_TK, np.float64), log_probs_TK)
        probs_TK = np.exp(log_probs_TK)
        symbols_T = best_path(log_probs_TK)
        is_begin_T = _begins(symbols_T)
        labels_L = symbols_T[is_begin_T]
        if self.beam_width is not None:
            better_L = self._better_labelling(probs_TK, labels_L)
            if better_L is not None:
                labels_L = better_L
                is_begin_T = _alignment_begins(log_probs_TK, labels_L)
        share_L = label_shares(probs_TK, labels_L, np.flatnonzero(is_begin_T))
        quality_L = self.quality(1 - share_L)
        return Decoded(labels_L - np.uint8(1), quality_L, is_begin_T.astype(np.uint8))

    def _better_labelling(
        self, probs_TK: np.ndarray, greedy_L: UInt8[np.ndarray, " L"]
    ) -> UInt8[np.ndarray, " M"] | None:
        """What the beam finds, if it is likelier than the labels of the best path."""
        assert self.beam_width is not None
        found_L, _ = beam_search(probs_TK, self.beam_width, 1 / self.cut)
        if np.array_equal(found_L, greedy_L):
            return None
        # the beam's own sum lacks what a prefix had while it was outside
        found, greedy = (kernels.target_log_sum_scaled(probs_TK, labels) for labels in (found_L, greedy_L))
        return found_L if found > greedy else None


def _alignment_begins(log_probs_TK: np.ndarray, labels_L: np.ndarray) -> Bool[np.ndarray, " T"]:
    """Where the labels of a possible labelling begin on the best of its paths."""
    score, positions_T = kernels.best_alignment(log_probs_TK, labels_L, SLACK)
    if score == -np.inf:  # all its paths were given up
        _, positions_T = kernels.best_alignment(log_probs_TK, labels_L, np.inf)
    return _begins(np.where(positions_T % 2, positions_T, 0))


def _begins(marks_T: np.ndarray) -> Bool[np.ndarray, " T"]:
    """Where a mark other than 0 follows another mark."""
    return (np.diff(marks_T, prepend=marks_T.dtype.type(0)) != 0) & (marks_T != 0)
