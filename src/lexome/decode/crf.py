"""CRF scores of one chunk -> bases, qualities and moves (numpy and numba; safe to call from many threads).

Legend: T time steps, S states, K scores of a step, M = 4 S moves, X stays, L bases.

Source: Viterbi on edge posteriors as bonito evaluates its models; qualities after ONT's published rule: at
each step the probability of the path's state and of its neighbours by one move, to the power 0.4, averaged
over the steps that a base lasts. Differs: no beam (that is `crf_beam`), so qualities follow the best path.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lexome.core.errors import LexomeError
from lexome.decode.quality import QualityScale
from lexome.dp.kernels import crf_decode as fast
from lexome.dp.kernels.crf_log import decode_log_posteriors
from lexome.dp.kernels.crf_weights import arrange_rows, weights_f32

POSTERIOR_FLOOR = 1e-8  # no path is impossible, as in bonito
CONFIDENCE_POWER = 0.4
# exp(score - maximum) of k + 1 steps in a row must stay inside the number's range (natural logs)
MAX_SPREAD_F32 = 75.0
MAX_SPREAD_F64 = 600.0
ENTRIES_AT_A_TIME = 1 << 15  # so few that they stay in the processor's cache


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
    at if the network does (K = 5 S). `quality` makes a base's quality of 1 - its confidence.
    """

    state_len: int
    stay_score: float | None
    quality: QualityScale = QualityScale()

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
        scores = check_scores(scores_TK, self.state_len, self.stay_score)
        if scores is None:
            return nothing()
        weights = scores.weights()
        if weights is None:
            path = decode_log_posteriors(scores.with_stays(), POSTERIOR_FLOOR)
        else:
            alpha_TS, scale_T = forward_sums(*weights)
            floor = alpha_TS.dtype.type(POSTERIOR_FLOOR)
            path = fast.best_posterior_path(*weights, alpha_TS, scale_T, floor)
        return called(*path, self.quality)


def called(
    states_T: np.ndarray, moves_T: np.ndarray, confidence_T: np.ndarray, quality: QualityScale
) -> Decoded:
    """Bases and qualities along a path.

    Args:
        states_T: the state after each step.
        moves_T: uint8, 1 where a base begins.
        confidence_T: probability of the state and its neighbours (see `crf_decode.confidences`).
        scale: of the qualities; then the bias is added.
        bias: see scale.

    Returns:
        The newest base of the state wherever one begins, with the quality of the steps until the next.
    """
    begins_L = np.flatnonzero(moves_T)
    if len(begins_L) == 0:
        return Decoded(np.zeros(0, np.uint8), np.zeros(0, np.uint8), moves_T)
    sure_T = confidence_T.astype(np.float64) ** CONFIDENCE_POWER
    steps_L = np.diff(np.append(begins_L, len(confidence_T)))
    quality_L = quality(1.0 - np.add.reduceat(sure_T, begins_L) / steps_L)
    return Decoded((states_T[begins_L] % 4).astype(np.uint8), quality_L, moves_T)


def nothing() -> Decoded:
    """What is called of no steps."""
    return Decoded(np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros(0, np.uint8))


@dataclass(frozen=True)
class CrfScores:
    """Finite scores of at least one step that fit their CRF.

    `stay` is the score of all stays if they are not among the scores; no score lies outside `low` to `high`.
    """

    scores_TK: np.ndarray
    state_len: int
    stay: float | None
    low: float
    high: float

    def weights(self) -> tuple[np.ndarray, np.ndarray] | None:
        """exp(score - maximum), sorted into moves_TM and stays_TX as the kernels of `crf_decode` take them.

        In float32 if the spread allows it, else in float64 under the maximum of each step; None if the scores
        spread too widely for that as well.
        """
        num_steps, num_states = len(self.scores_TK), 4**self.state_len
        spread = (self.high - self.low) * (self.state_len + 1)
        if self.scores_TK.dtype == np.float32 and spread <= MAX_SPREAD_F32:
            moves_TM = np.empty((num_steps, 4 * num_states), np.float32)
            if self.stay is None:
                stays_TX = np.empty((num_steps, num_states), np.float32)
            else:
                stays_TX = np.full((num_steps, 1), np.exp(self.stay - self.high), np.float32)
            weights_f32(self.scores_TK, np.float32(self.high), moves_TM, stays_TX)
            return moves_TM, stays_TX
        maximum_T, minimum_T = self.scores_TK.max(axis=1), self.scores_TK.min(axis=1)
        if self.stay is not None:
            stay = self.scores_TK.dtype.type(self.stay)
            maximum_T, minimum_T = np.maximum(maximum_T, stay), np.minimum(minimum_T, stay)
        if float((maximum_T - minimum_T).max()) * (self.state_len + 1) > MAX_SPREAD_F64:
            return None
        moves_TM = np.empty((num_steps, 4 * num_states))
        if self.stay is None:
            stays_TX = np.empty((num_steps, num_states))
        else:
            stays_TX = np.exp(self.stay - maximum_T.astype(np.float64))[:, None]
        num_rows = max(1, ENTRIES_AT_A_TIME // self.scores_TK.shape[1])
        room = np.empty((min(num_rows, num_steps), self.scores_TK.shape[1]))
        for begin in range(0, num_steps, num_rows):
            rows = slice(begin, begin + num_rows)
            part = room[: num_steps - begin]
            part[:] = self.scores_TK[rows]
            part -= maximum_T[rows, None]
            arrange_rows(np.exp(part, out=part), moves_TM[rows], stays_TX[rows])
        return moves_TM, stays_TX

    def with_stays(self) -> np.ndarray:
        """The scores in the layout K = 5 S, float64."""
        if self.stay is None:
            return self.scores_TK.astype(np.float64)
        moves = self.scores_TK.reshape(len(self.scores_TK), -1, 4).astype(np.float64)
        return np.pad(moves, ((0, 0), (0, 0), (1, 0)), constant_values=self.stay).reshape(len(moves), -1)


def check_scores(scores_TK: np.ndarray, state_len: int, stay_score: float | None) -> CrfScores | None:
    """Checks a chunk's scores; arguments and errors are those of `CrfDecoder`. None if it has no steps."""
    num_states = 4**state_len
    num_steps, num_scores = scores_TK.shape
    if num_scores not in (4 * num_states, 5 * num_states):
        raise ValueError(f"{num_scores} scores per step do not belong to a CRF of {num_states} states")
    stay = stay_score if num_scores == 4 * num_states else None
    if num_scores == 4 * num_states and stay is None:
        raise ValueError("the scores have no stays and the decoder has no fixed score for them")
    if num_steps == 0:
        return None
    if scores_TK.dtype == np.float16:
        scores_TK = scores_TK.astype(np.float32)
    scores_TK = np.ascontiguousarray(scores_TK)  # numba compiles anew for every other order
    low, high = float(scores_TK.min()), float(scores_TK.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise LexomeError("the network gave scores that are not finite: its weights are broken")
    if stay is not None:
        low, high = min(low, stay), max(high, stay)
    return CrfScores(scores_TK, state_len, stay, low, high)


def forward_sums(moves_TM: np.ndarray, stays_TX: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """alpha_TS and scale_T of `crf_decode.forward`."""
    alpha_TS = np.empty((len(moves_TM) + 1, moves_TM.shape[1] // 4), moves_TM.dtype)
    scale_T = np.empty(len(moves_TM), moves_TM.dtype)
    fast.forward(moves_TM, stays_TX, alpha_TS, scale_T)
    return alpha_TS, scale_T
