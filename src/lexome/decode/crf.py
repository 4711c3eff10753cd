"""CRF scores of one chunk -> bases, qualities and moves (numpy and numba; safe to call from many threads).

Legend: T time steps, S states, K scores of a step, L bases.

Source: Viterbi on edge posteriors as bonito evaluates its models; qualities after ONT's published rule: at
each step the probability of the path's state and of its neighbours by one move, to the power 0.4, averaged
over the steps that a base lasts. Differs: no beam, so qualities follow the best path.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lexome.core.errors import LexomeError
from lexome.dp.kernels import crf as kernels
from lexome.dp.kernels import crf_decode as fast
from lexome.dp.kernels.crf_log import decode_log_posteriors

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

    `stay_score` is the one score of all stays if the network does not give them (K = 4 S); it is not looked
    at if the network does (K = 5 S). A base's quality is -10 log10(1 - confidence) * `qscore_scale` +
    `qscore_bias`, within 1 to 50.
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
            LexomeError: if a score is not finite.
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
        states_T, moves_T, confidence_T = _best_path(scores_TK, fixed_stay, self.state_len)
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


def _best_path(
    scores_TK: np.ndarray, stay_score: float | None, state_len: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States, moves and confidences by the fastest kernel that the spread of the scores allows."""
    if scores_TK.dtype == np.float16:
        scores_TK = scores_TK.astype(np.float32)
    low, high = float(scores_TK.min()), float(scores_TK.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise LexomeError("the network gave scores that are not finite: its weights are broken")
    if stay_score is not None:
        low, high = min(low, stay_score), max(high, stay_score)
    if scores_TK.dtype == np.float32 and (high - low) * (state_len + 1) <= MAX_SPREAD_F32:
        return _fast_path(scores_TK, stay_score, high, 4**state_len)
    maximum_T, minimum_T = scores_TK.max(axis=1), scores_TK.min(axis=1)
    if stay_score is not None:
        maximum_T = np.maximum(maximum_T, scores_TK.dtype.type(stay_score))
        minimum_T = np.minimum(minimum_T, scores_TK.dtype.type(stay_score))
    span = float((maximum_T - minimum_T).max()) * (state_len + 1)
    if span > MAX_SPREAD_F64:
        return decode_log_posteriors(_with_stays(scores_TK, stay_score), POSTERIOR_FLOOR)
    weights_TK = scores_TK.astype(np.float64) - maximum_T[:, None]
    np.exp(weights_TK, out=weights_TK)
    stay_T = np.empty(0) if stay_score is None else np.exp(stay_score - maximum_T.astype(np.float64))
    alpha_TS = np.empty((len(weights_TK) + 1, 4**state_len))
    kernels.forward(weights_TK, stay_T, alpha_TS)
    return kernels.decode_posteriors(weights_TK, stay_T, alpha_TS, POSTERIOR_FLOOR)


def _fast_path(
    scores_TK: np.ndarray, stay_score: float | None, high: float, num_states: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same in float32, for scores of which none lies more than e^75 / (k + 1) below `high`."""
    num_steps = len(scores_TK)
    moves_TM = np.empty((num_steps, 4 * num_states), np.float32)
    if stay_score is None:
        stays_TX = np.empty((num_steps, num_states), np.float32)
    else:
        stays_TX = np.full((num_steps, 1), np.exp(stay_score - high), np.float32)
    fast.weights_f32(scores_TK, np.float32(high), moves_TM, stays_TX)
    alpha_TS = np.empty((num_steps + 1, num_states), np.float32)
    scale_T = np.empty(num_steps, np.float32)
    fast.forward(moves_TM, stays_TX, alpha_TS, scale_T)
    return fast.best_posterior_path(moves_TM, stays_TX, alpha_TS, scale_T, np.float32(POSTERIOR_FLOOR))


def _with_stays(scores_TK: np.ndarray, stay_score: float | None) -> np.ndarray:
    """The scores in the layout K = 5 S, float64."""
    if stay_score is None:
        return scores_TK.astype(np.float64)
    moves = scores_TK.reshape(len(scores_TK), -1, 4)
    return (
        np.pad(moves, ((0, 0), (0, 0), (1, 0)), constant_values=stay_score)
        .reshape(len(moves), -1)
        .astype(float)
    )
