"""When each base of a simulated read went through the pore, in the forms that files keep."""

import numpy as np

from lexome.core.errors import UsageError


def dwells_of(base_starts: np.ndarray, num_samples: int) -> np.ndarray:
    """Samples that each base stayed in the pore; the last one until the end of the read.

    Args:
        base_starts: first sample of every base, shape (L,), rising.
        num_samples: samples of the read.

    Returns:
        uint16 array of shape (L,); with the first start it gives the starts back.
    """
    return np.diff(base_starts, append=num_samples).astype(np.uint16)


def moves_of(base_starts: np.ndarray, num_samples: int, stride: int) -> np.ndarray:
    """The move table that a perfect basecaller of this stride would give.

    It counts from the first base's first sample. A base is put in the step in which its dwell begins. A step
    holds one base only, so of several bases that begin in one step the later ones move to the next free steps
    (and, at the end of a read, bases that found none move back to the last free ones). With stride 1 nothing
    moves.

    Args:
        base_starts: first sample of every base, shape (L,), rising.
        num_samples: samples of the read.
        stride: samples in a step.

    Returns:
        uint8 array of shape (T,), T = ceil((num_samples - base_starts[0]) / stride), with L ones.

    Raises:
        UsageError: if the read has more bases than steps.
    """
    steps = -(-(num_samples - int(base_starts[0])) // stride)
    bases = np.arange(len(base_starts))
    if steps < len(bases):
        raise UsageError(
            f"stride {stride} is too wide for a truth: a read has {len(bases)} bases in {steps} steps"
        )
    wanted = (base_starts - base_starts[0]) // stride
    step = bases + np.maximum.accumulate(wanted - bases)
    step = np.minimum(step, steps - len(bases) + bases)
    moves = np.zeros(steps, np.uint8)
    moves[step] = 1
    return moves
