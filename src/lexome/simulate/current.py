"""From a row of events (level, noise, dwell) to a current, in picoampere.

An event is the time for which one k-mer (or the stalled motor, or the adapter's spacer) stays in the pore.
Legend: E events, S samples.
"""

from dataclasses import dataclass

import numpy as np

_MAX_DWELL = 60_000  # fits 16 bits, so that a truth record can hold it
_KERNEL_END = 1e-4  # the weight at which the memory of the noise is cut off
_DRIFT_KNOT_SAMPLES = 4000
_DRIFT_PERSISTENCE = 0.8


@dataclass(frozen=True)
class Events:
    """A row of events: level and sd of the noise around it in pA (float32[E]), dwell (samples, int64[E])."""

    level_pa: np.ndarray
    noise_sd_pa: np.ndarray
    dwell: np.ndarray

    def __add__(self, other: "Events") -> "Events":
        """Joins two rows, this one first."""
        return Events(
            np.concatenate([self.level_pa, other.level_pa]),
            np.concatenate([self.noise_sd_pa, other.noise_sd_pa]),
            np.concatenate([self.dwell, other.dwell]),
        )


def draw_dwells(count: int, mean_samples: float, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Draws dwell times from a log-normal distribution, rounded to whole samples, at least one.

    Args:
        count: how many.
        mean_samples: mean of the distribution.
        sigma: its standard deviation in log space.
        rng: source of `count` normal draws.

    Returns:
        int64 array of shape (count,).
    """
    median = mean_samples * np.exp(-(sigma**2) / 2)
    dwell = np.rint(median * np.exp(sigma * rng.standard_normal(count)))
    return np.clip(dwell, 1, _MAX_DWELL).astype(np.int64)


def draw_heavy_tailed(count: int, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """Draws from Student's t distribution, scaled to unit variance and cut at 5 standard deviations.

    Args:
        count: how many.
        degrees: degrees of freedom, more than 2; the fewer, the heavier the tails.
        rng: source of the draws.

    Returns:
        float32 array of shape (count,).
    """
    unit = rng.standard_t(degrees, count) * np.sqrt((degrees - 2) / degrees)
    return np.clip(unit, -5, 5).astype(np.float32)


def autocorrelated_noise(count: int, ar: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of unit variance in which neighbouring samples are correlated.

    A first-order autoregressive process (correlation ar**lag), computed as a convolution of white noise with
    the process' impulse response, cut where it has fallen below 1e-4.

    Args:
        count: samples.
        ar: correlation of neighbouring samples, from 0 up to 0.98.
        rng: source of the white noise.

    Returns:
        float32 array of shape (count,).
    """
    taps = 1 if ar < _KERNEL_END else int(np.ceil(np.log(_KERNEL_END) / np.log(ar)))
    kernel = ar ** np.arange(taps)
    kernel = (kernel / np.sqrt((kernel**2).sum())).astype(np.float32)
    white = rng.standard_normal(count + taps - 1, dtype=np.float32)
    return white * kernel[0] if taps == 1 else np.convolve(white, kernel, mode="valid")


def slow_drift(count: int, rng: np.random.Generator) -> np.ndarray:
    """A baseline that wanders with unit variance: straight lines between knots, one second apart at 4 kHz.

    Args:
        count: samples.
        rng: source of the knots, an autoregressive process with correlation 0.8.

    Returns:
        float32 array of shape (count,).
    """
    pieces = count // _DRIFT_KNOT_SAMPLES + 1
    knots = np.empty(pieces + 1, np.float32)
    knots[0] = rng.standard_normal()
    steps = rng.standard_normal(pieces) * np.sqrt(1 - _DRIFT_PERSISTENCE**2)
    for i, step in enumerate(steps):
        knots[i + 1] = _DRIFT_PERSISTENCE * knots[i] + step
    along = np.arange(_DRIFT_KNOT_SAMPLES, dtype=np.float32) / _DRIFT_KNOT_SAMPLES
    return (knots[:-1, None] + np.diff(knots)[:, None] * along).reshape(-1)[:count]


def current_of(events: Events, ar: float, rng: np.random.Generator) -> np.ndarray:
    """Lays the events out in time and adds noise.

    The step from one level to the next falls at a random moment within the later event's first sample, which
    therefore lies between both levels.

    Args:
        events: what is in the pore, in order.
        ar: correlation of neighbouring samples' noise.
        rng: source of the step moments and the noise.

    Returns:
        float32 array of shape (S,), S the sum of the dwells, in pA.
    """
    current = np.repeat(events.level_pa, events.dwell)
    starts = np.cumsum(events.dwell)[:-1]
    share_before = rng.random(len(starts), dtype=np.float32)
    current[starts] += share_before * (events.level_pa[:-1] - events.level_pa[1:])
    noise = autocorrelated_noise(len(current), ar, rng)
    noise *= np.repeat(events.noise_sd_pa, events.dwell)
    current += noise
    return current
