"""CRF scores of one chunk -> bases, qualities and moves (numpy and numba; thread-safe, releases the interpreter).

Legend: T time steps, S states, K scores of a step, L bases.

Source: Viterbi on edge posteriors as bonito evaluates its models; qualities after ONT's published rule: at each step
the probability of the path's state and of its neighbours by one move, to the power 0.4, averaged over the steps that
a base lasts. Differs: no beam, so qualities follow the best path.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lexome.dp.kernels import crf as kernels

POSTERIOR_FLOOR = 1e-8  # no path is impossible, as in bonito
CONFIDENCE_POWER = 0.4
MIN_QUALITY, MAX_QUALITY = 1.0, 50.0
# exp(score - maximum) of k + 1 steps in a row must stay inside the number's range (natural logs)
MAX_SPREAD_F32 = 75.0
MAX_SPREAD_F64 = 600.0


@dataclass(frozen=True)
class Decoded:
    """What a decoder made of one chunk: base codes uint8[L] (0..3), qualities uint8[L], moves uint8[T]."""

    bases: np.ndarray
    qualities: np.ndarray
    moves: np.ndarray


@dataclass(frozen=True)
class CrfDecoder:
    """Viterbi on the posteriors of a k-mer CRF.

    `stay_score` is the one score of all stays if the network does not give them (K = 4 S), else None (K = 5 S).
    A base's quality is -10 log10(1 - confidence) * `qscore_scale` + `qscore_bias`, within 1 to 50.
    """

    state_len: int
    stay_score: float | None
    qscore_scale: float = 1.0
    qscore_bias: float = 0.0

    def __call__(self, scores_TK: Float[np.ndarray, "T K"]) -> Decoded:
        """Decodes one chunk.

        Args:
            scores_TK: scores, K = 5 * 4**k, or 4 * 4**k without the stays.

        Returns:
            Bases, qualities and moves.

        Raises:
            ValueError: if K does not fit the decoder.
        """
        num_states = 4**self.state_len
        num_steps, num_scores = scores_TK.shape
        if num_scores not in (4 * num_states, 5 * num_states):
            raise ValueError(f"{num_scores} scores per step do not belong to a CRF of {num_states} states")
        fixed_stay = self.stay_score if num_scores == 4 * num_states else None
        if num_scores == 4 * num_states and fixed_stay is None:
            raise ValueError("the scores have no stays and the decoder has no fixed score for them")
        if num_steps == 0:
            return Decoded(np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros(0, np.uint8))
        weights_TK, stay_T = _weights(scores_TK, fixed_stay, self.state_len)
        alpha_TS = np.empty((num_steps + 1, num_states), weights_TK.dtype)
        kernels.forward(weights_TK, stay_T, alpha_TS)
        states_T, moves_T, confidence_T = kernels.decode_posteriors(
            weights_TK, stay_T, alpha_TS, weights_TK.dtype.type(POSTERIOR_FLOOR)
        )
        begins_L = np.flatnonzero(moves_T)
        bases_L = (states_T[begins_L] % 4).astype(np.uint8)
        return Decoded(bases_L, self._qualities(confidence_T, begins_L), moves_T)

    def _qualities(self, confidence_T: np.ndarray, begins_L: np.ndarray) -> np.ndarray:
        if len(begins_L) == 0:
            return np.zeros(0, np.uint8)
        sure_T = confidence_T.astype(np.float64) ** CONFIDENCE_POWER
        steps_L = np.diff(np.append(begins_L, len(confidence_T)))
        error_L = 1.0 - np.add.reduceat(sure_T, begins_L) / steps_L
        q_L = -10 * np.log10(np.maximum(error_L, 1e-10)) * self.qscore_scale + self.qscore_bias
        return np.floor(np.clip(q_L, MIN_QUALITY, MAX_QUALITY) + 0.5).astype(np.uint8)


def _weights(
    scores_TK: np.ndarray, stay_score: float | None, state_len: int
) -> tuple[np.ndarray, np.ndarray]:
    """exp(score - maximum of the step), in the smaller number type that is wide enough; (weights, stays).

    Beyond what float64 holds, the lowest scores of a step are raised to e^-100 or more below its best one: nothing
    that a path of posteriors could notice.
    """
    maximum_T = scores_TK.max(axis=1)
    lowest = float((scores_TK.min(axis=1) - maximum_T).min())
    if stay_score is not None:
        lowest = min(lowest, float((stay_score - maximum_T).min()))
        maximum_T = np.maximum(maximum_T, np.float32(stay_score))
    span = -lowest * (state_len + 1)
    if span <= MAX_SPREAD_F32:
        shifted_TK = scores_TK - maximum_T[:, None]
    else:
        shifted_TK = scores_TK.astype(np.float64) - maximum_T[:, None]
        if span > MAX_SPREAD_F64:
            np.maximum(shifted_TK, -MAX_SPREAD_F64 / (state_len + 1), out=shifted_TK)
    weights_TK = np.exp(shifted_TK, out=shifted_TK)
    if stay_score is None:
        return weights_TK, np.empty(0, weights_TK.dtype)
    floor = -MAX_SPREAD_F64 / (state_len + 1)
    return weights_TK, np.exp(np.maximum(stay_score - maximum_T, floor)).astype(weights_TK.dtype)
