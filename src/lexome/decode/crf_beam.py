"""CRF scores of one chunk -> bases by beam search (numpy and numba; safe to call from many threads).

Legend: T time steps, S states, K scores of a step, W width of the beam.

Where `crf` takes the best path, this takes the most probable base sequence among those that stay in a beam,
summed over all paths that spell it.

Source: the decoder of ONT's dorado: beam guided by what can still follow, first move always taken, qualities
by the published rule (see `crf`). Differs: sequences are told apart exactly (see `dp.kernels.crf_beam`);
scores of any spread.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lexome.decode.crf import CrfScores, Decoded, called, check_scores, forward_sums, nothing
from lexome.decode.quality import QualityScale
from lexome.dp.kernels import crf_decode as fast
from lexome.dp.kernels.crf_beam import search
from lexome.dp.kernels.crf_log import forward_backward

DEFAULT_WIDTH = 32
DEFAULT_CUT = 100.0


@dataclass(frozen=True)
class CrfBeamDecoder:
    """Beam search for the most probable sequence of a k-mer CRF.

    `width` hypotheses are kept at each step, of them only those at most `cut` times less probable than the
    best one. The other fields are those of `CrfDecoder`.

    A sequence begins with the newest base of the state after the first step, whether that is a move or not:
    the first entry of the moves is always 1.
    """

    state_len: int
    stay_score: float | None
    quality: QualityScale = QualityScale()
    width: int = DEFAULT_WIDTH
    cut: float = DEFAULT_CUT

    def __post_init__(self) -> None:
        if self.width < 1 or not self.cut >= 1:
            raise ValueError(f"a beam of width {self.width} and cut {self.cut} holds nothing")

    def __call__(self, scores_TK: Float[np.ndarray, "T K"]) -> Decoded:
        """Decodes one chunk; memory beside the scores: some numbers per step and state or hypothesis.

        Args:
            scores_TK: scores, K = 5 * 4**k, or 4 * 4**k without the stays.

        Returns:
            Bases, qualities and moves.

        Raises:
            ValueError: if K does not fit the decoder.
            LexomeError: if a score is not finite.
        """
        scores = check_scores(scores_TK, self.state_len, self.stay_score)
        if scores is None:
            return nothing()
        guide_TS, posterior_TS = _guide(scores)
        stay = 0.0 if scores.stay is None else scores.stay
        states_T, moves_T, _ = search(scores.scores_TK, stay, guide_TS, self.width, math.log(self.cut))
        moves_T[0] = 1
        confidence_T = fast.confidences(states_T, posterior_TS)
        return called(states_T, moves_T, confidence_T, self.quality)


def _guide(scores: CrfScores) -> tuple[np.ndarray, np.ndarray]:
    """Log-sums of what can follow from each state (T + 1 rows), and state posteriors after each step (T)."""
    weights = scores.weights()
    if weights is None:
        alpha_TS, beta_TS, log_z = forward_backward(scores.with_stays())
        return beta_TS, np.exp(alpha_TS[1:] + beta_TS[1:] - log_z)
    alpha_TS, _ = forward_sums(*weights)
    beta_TS = np.empty_like(alpha_TS)
    fast.backward(*weights, beta_TS)
    posterior_TS = alpha_TS[1:]
    posterior_TS *= beta_TS[1:]
    posterior_TS /= posterior_TS.sum(axis=1, keepdims=True)
    return np.log(beta_TS, out=beta_TS), posterior_TS
