"""Variations of training signal: gain, offset, noise and speed (numpy).

Shapes: N chunks, S samples.

Source: own. Speed matters most: runs differ in how fast the strand moves (8 to 12 samples a base on R9.4.1),
so a whole batch is resampled by one factor; picking samples (rather than interpolating) keeps the noise as
white as it was.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AugmentConfig:
    """Spread of the variations; zero, or a speed range of 1 to 1, switches one off.

    A batch's length is multiplied by a factor drawn uniformly (in log) from `min_stretch` to `max_stretch`;
    each chunk's signal by 1 + N(0, gain_sd), plus N(0, offset_sd), plus white noise whose sd is drawn from 0
    to noise_sd.
    """

    min_stretch: float = 1.0
    max_stretch: float = 1.0
    gain_sd: float = 0.0
    offset_sd: float = 0.0
    noise_sd: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.min_stretch <= self.max_stretch:
            raise ValueError(f"stretch must rise from above 0, is {self.min_stretch} to {self.max_stretch}")
        if min(self.gain_sd, self.offset_sd, self.noise_sd) < 0:
            raise ValueError("gain_sd, offset_sd and noise_sd must not be negative")


def augment(signal_NS: np.ndarray, config: AugmentConfig, generator: np.random.Generator) -> np.ndarray:
    """Varies a batch.

    Args:
        signal_NS: normalised signal, float32.
        config: the spread.
        generator: source of randomness.

    Returns:
        float32[N, round(S * factor)].
    """
    num_chunks, num_samples = signal_NS.shape
    factor = np.exp(generator.uniform(np.log(config.min_stretch), np.log(config.max_stretch)))
    length = round(num_samples * factor)
    if length != num_samples:
        # one sample out of each of `length` equal stretches, at a random place within it
        place = (np.arange(length) + generator.random(length)) * (num_samples / length)
        signal_NS = signal_NS[:, np.minimum(place.astype(np.int64), num_samples - 1)]
    gain = 1 + config.gain_sd * generator.standard_normal((num_chunks, 1))
    offset = config.offset_sd * generator.standard_normal((num_chunks, 1))
    varied = signal_NS * gain + offset
    if config.noise_sd > 0:
        spread = config.noise_sd * generator.random((num_chunks, 1))
        varied = varied + spread * generator.standard_normal(varied.shape, dtype=np.float32)
    return varied.astype(np.float32)
