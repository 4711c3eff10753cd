"""Where exactly each base of a placed read begins: from blocks of samples to single ones.

An alignment on blocks of three samples leaves samples of the neighbours at both ends of a base, and in a
stretch of equal levels (a homopolymer) it cuts anywhere: one base gets nearly all of the time. Signal that is
composed of such pieces has glitches at every border and homopolymers of arbitrary duration. Here the borders
are drawn anew from their posterior, close to those of the alignment. Two states per base give dwells a
coefficient of variation of .7 (measured on R9.4.1: .75 over borders that are clear), so the bases of a
homopolymer share its time as independent dwells do.

Legend: S samples, B bases.
"""

import numpy as np

from lexome.dp.kernels.borders import draw_path

STATES = 2
SIGMA = 0.3  # of a sample around its level, normalised units
FLOOR = 1e-4
SKIP = 0.01  # a state left out: the base has one state, so at least one sample
MARGIN_BP = 10  # borders may move by as much as these bases of the alignment span


def draw_starts(
    signal_S: np.ndarray, levels_B: np.ndarray, starts: np.ndarray, generator: np.random.Generator
) -> np.ndarray | None:
    """Draws the first sample of each base.

    Args:
        signal_S: float32, in the units of the levels; the first base begins at its first sample and the last
            one ends with it.
        levels_B: expected level of each base.
        starts: int64[B + 1], what the alignment says; starts[0] is 0 and starts[B] is S.
        generator: source of randomness.

    Returns:
        int64[B + 1]; every base has at least one sample. None if there is no path (more bases than samples).
    """
    bases, samples = len(levels_B), len(signal_S)
    at_S = np.searchsorted(starts[1:], np.arange(samples), side="right")  # base of each sample
    low_S = STATES * np.clip(at_S - MARGIN_BP, 0, None)
    step = STATES * bases / samples * (1 - SKIP)
    path_S = draw_path(
        signal_S, np.repeat(levels_B.astype(np.float32), STATES), low_S, STATES * (2 * MARGIN_BP + 1),
        SIGMA, FLOOR, 1 - step - SKIP * step, step, SKIP * step, generator.random(samples),
    )  # fmt: skip
    if not len(path_S):
        return None
    return np.append(np.searchsorted(path_S // STATES, np.arange(bases)), samples)
