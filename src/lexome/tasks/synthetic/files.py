"""Simulated oscillators on disk: one compressed file of numpy arrays."""

from pathlib import Path

import numpy as np

from lexome.core.errors import LexomeError, UsageError
from lexome.io.partial import explained, partial_of
from lexome.simulate.oscillator import Oscillations, OscillatorConfig, simulate_oscillator

ENDING = ".npz"
MOST_SAMPLES = 1 << 28  # of all signals together: they are made in memory


def write_oscillators(
    path: Path, config: OscillatorConfig, count: int, samples: int, seed: int
) -> Oscillations:
    """Simulates oscillators and writes them; the same arguments give the same bytes with the same numpy.

    The file holds `signal` float32[N, S], `position` (without noise) float32[N, S], `height` uint8[N, S], the
    number of the resting height at every sample, and `heights` float64[H], the resting heights by number.

    Args:
        path: the .npz file; replaced if it exists, written whole or not at all.
        config: the oscillator.
        count: signals.
        samples: of each.
        seed: 0 or more.

    Returns:
        What was written.

    Raises:
        UsageError: for another ending, a missing folder, a negative seed or no or too many samples.
        LexomeError: if the file cannot be written.
    """
    if path.suffix != ENDING:
        raise UsageError(f"{path}: oscillators are written as numpy arrays, the name must end in {ENDING}")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path}: {'is a folder' if path.is_dir() else 'its folder does not exist'}")
    if seed < 0:
        raise UsageError(f"the seed must not be negative, got {seed}")
    if count * samples > MOST_SAMPLES:
        raise UsageError(
            f"{count} signals of {samples} samples are too many for one file; at most {MOST_SAMPLES} samples"
        )
    made = simulate_oscillator(config, count, samples, np.random.default_rng(seed))
    partial = partial_of(path)
    try:
        with explained(path), partial.open("wb") as file:
            np.savez_compressed(
                file, signal=made.signal_NS, position=made.position_NS.astype(np.float32),
                height=made.height_NS, heights=made.heights,
            )  # fmt: skip
    except LexomeError:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(path)
    return made
