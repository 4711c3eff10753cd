"""From the probability that a base is wrong to its quality (numpy). Legend: L bases."""

import numpy as np
from jaxtyping import Float, UInt8

MIN_QUALITY, MAX_QUALITY = 1.0, 50.0
MIN_ERROR = 1e-10


def qualities(error_L: Float[np.ndarray, " L"], scale: float, bias: float) -> UInt8[np.ndarray, " L"]:
    """Phred qualities, scaled and shifted, within 1 to 50, rounded (a half up).

    Args:
        error_L: probability that each base is wrong.
        scale: factor of -10 log10(error); a model's qscore_scale.
        bias: added after it; a model's qscore_bias.

    Returns:
        One per base.
    """
    quality_L = -10 * np.log10(np.maximum(error_L, MIN_ERROR)) * scale + bias
    return np.floor(np.clip(quality_L, MIN_QUALITY, MAX_QUALITY) + 0.5).astype(np.uint8)
