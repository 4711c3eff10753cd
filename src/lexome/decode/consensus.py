"""From the scores of a pile-up window to corrected bases and their qualities (numpy).

Legend: N windows, L columns, K = 5 symbols: gap 0, A 1, T 2, C 3, G 4 (the order of DeepConsensus, not that
of `core.alphabet`).

Source: DeepConsensus 1.2. Differs: the probability of an error is summed from the other symbols in float64,
so qualities do not end where 1 - p does in float32.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer, UInt8

from lexome.core.errors import UsageError

GAP = 0
SYMBOLS = " ATCG"
MAX_QUALITY = 93
MIN_ERROR = 1e-30
NO_SYMBOL = 255
_BYTE_OF_SYMBOL = np.frombuffer(SYMBOLS.encode(), np.uint8)
_SYMBOL_OF_BYTE = np.full(256, NO_SYMBOL, np.uint8)
for _symbol, _base in enumerate(SYMBOLS):
    _SYMBOL_OF_BYTE[ord(_base)] = _SYMBOL_OF_BYTE[ord(_base.lower())] = _symbol


@dataclass(frozen=True)
class Calibration:
    """A correction of predicted qualities: scale * q + bias for those above a threshold; 0: for all."""

    threshold: float
    scale: float
    bias: float

    def __call__(self, quality: np.ndarray) -> np.ndarray:
        """Corrected qualities, not rounded."""
        corrected = self.scale * quality + self.bias
        return corrected if self.threshold == 0 else np.where(quality > self.threshold, corrected, quality)


def parse_calibration(text: str) -> Calibration | None:
    """Reads "threshold,w,b", as DeepConsensus writes it; "skip" is no correction.

    Raises:
        UsageError: for anything else.
    """
    if text.strip() == "skip":
        return None
    try:
        threshold, scale, bias = (float(part) for part in text.split(","))
    except ValueError:
        threshold = scale = bias = float("nan")
    if not np.isfinite([threshold, scale, bias]).all() or threshold < 0:
        raise UsageError(
            f"calibration '{text}': write threshold,w,b (three numbers, the threshold at least 0) or skip"
        )
    return Calibration(threshold, scale, bias)


def encode_symbols(sequence: str) -> UInt8[np.ndarray, " L"]:
    """Symbols of a sequence of A, C, G, T and spaces (gaps); else `NO_SYMBOL`.

    >>> encode_symbols("ATC g").tolist()
    [1, 2, 3, 0, 4]
    """
    return _SYMBOL_OF_BYTE[np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)]


def probabilities(scores_NLK: Float[np.ndarray, "N L K"]) -> Float[np.ndarray, "N L K"]:
    """Probabilities of the symbols (float64) from a network's scores."""
    scores = scores_NLK.astype(np.float64)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def call_columns(
    probs_NLK: Float[np.ndarray, "N L K"], calibration: Calibration | None, max_quality: int = MAX_QUALITY
) -> tuple[UInt8[np.ndarray, "N L"], UInt8[np.ndarray, "N L"]]:
    """The likeliest symbol of every column, and its quality.

    Args:
        probs_NLK: probabilities, as from `probabilities`.
        calibration: correction of the qualities, or None.
        max_quality: the highest quality given, at most 93.

    Returns:
        Symbols (of equal ones the first) and qualities, rounded (a half to even), 0 to `max_quality`.

    Raises:
        UsageError: for an impossible `max_quality`.
        ValueError: for probabilities that are not finite.
    """
    if not 0 <= max_quality <= MAX_QUALITY:
        raise UsageError(f"the highest quality must be 0 to {MAX_QUALITY}, not {max_quality}")
    if not np.isfinite(probs_NLK).all():
        raise ValueError("a probability is not a finite number")
    symbols_NL = probs_NLK.argmax(axis=-1)
    others_NLK = probs_NLK.astype(np.float64)
    np.put_along_axis(others_NLK, symbols_NL[..., None], 0.0, axis=-1)
    error_NL = others_NLK.sum(axis=-1)
    quality_NL = -10 * np.log10(np.maximum(error_NL, MIN_ERROR))
    if calibration is not None:
        quality_NL = calibration(quality_NL)
    quality_NL = np.round(np.clip(quality_NL, 0, max_quality))
    return symbols_NL.astype(np.uint8), quality_NL.astype(np.uint8)


def spell(
    symbols_L: Integer[np.ndarray, " L"], qualities_L: UInt8[np.ndarray, " L"]
) -> tuple[str, UInt8[np.ndarray, " B"]]:
    """The bases of columns without the gaps, and their qualities.

    >>> spell(np.array([1, 0, 4]), np.array([30, 9, 12], np.uint8))
    ('AG', array([30, 12], dtype=uint8))
    """
    is_base_L = symbols_L != GAP
    return _BYTE_OF_SYMBOL[symbols_L[is_base_L]].tobytes().decode(), qualities_L[is_base_L]


def left_shift(
    symbols_NL: Integer[np.ndarray, "N L"],
) -> tuple[UInt8[np.ndarray, "N L"], Int[np.ndarray, " N"]]:
    """Moves the bases of every window to its beginning.

    Returns:
        Symbols with all gaps at the end, and the number of bases.
    """
    order_NL = np.argsort(symbols_NL == GAP, axis=1, kind="stable")
    shifted_NL = np.take_along_axis(symbols_NL, order_NL, axis=1).astype(np.uint8)
    return shifted_NL, (symbols_NL != GAP).sum(axis=1).astype(np.int64)
