"""A damped harmonic oscillator whose resting height jumps: a toy of nanopore signal with known truth.

    m x'' + b x' + k (x - r) = 0

The resting height r stays for a number of samples drawn from a Poisson distribution, as a base stays in a
pore, then jumps to another one of a few heights; what is to be found is r at every sample. Between two jumps
the motion is solved exactly: position (from r) and velocity one sample on are the matrix exponential of the
equation's matrix times those of now.

Source: section 3.3.1 of Ordonez Cardenas 2024 (its values of m, b and k and its noise are not said there).
Differs: two heights in a row are never the same; an interval is at least one sample long.

Legend: N signals, S samples.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, UInt8

from lexome.core.errors import UsageError

MAX_HEIGHTS = 64


@dataclass(frozen=True)
class OscillatorConfig:
    """The oscillator and its noise; time is in samples, heights are even from -1 to 1.

    With the defaults it swings once in 9 samples, about as long as a base lasts, and each swing is a sixth of
    the one before: a jump is not over when the next one comes.

    Attributes:
        mass: m.
        damping: b.
        stiffness: k.
        heights: how many resting heights there are.
        mean_samples: mean of the Poisson distribution of the intervals; R9.4.1 has about 9 samples per base.
        noise: sd of what is added to every sample.
        noise_factor: sd of what every sample is multiplied with, around 1: noise that grows with the signal.
    """

    mass: float = 1.0
    damping: float = 0.4
    stiffness: float = 0.5
    heights: int = 4
    mean_samples: float = 9.0
    noise: float = 0.1
    noise_factor: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            if not math.isfinite(getattr(self, field.name)):
                raise UsageError(f"{field.name} must be a finite number")
        if not (self.mass > 0 and self.stiffness > 0 and self.mean_samples > 0):
            raise UsageError("mass, stiffness and mean_samples must be more than 0")
        if min(self.damping, self.noise, self.noise_factor) < 0:
            raise UsageError("damping and noise must not be negative")
        if not 2 <= self.heights <= MAX_HEIGHTS:
            raise UsageError(f"there must be 2 to {MAX_HEIGHTS} heights, got {self.heights}")


@dataclass(frozen=True)
class Oscillations:
    """Simulated signals and their truth.

    Attributes:
        signal_NS: what is observed, with noise.
        position_NS: x, without.
        height_NS: number of the resting height at every sample.
        heights: the resting heights by number.
    """

    signal_NS: Float[np.ndarray, "N S"]
    position_NS: Float[np.ndarray, "N S"]
    height_NS: UInt8[np.ndarray, "N S"]
    heights: Float[np.ndarray, " H"]


def step_matrix(config: OscillatorConfig, samples: float = 1.0) -> Float[np.ndarray, "2 2"]:
    """What takes (x - r, x') to what they are so many samples later: exp(A t), A = [[0, 1], [-k/m, -b/m]].

    In closed form: A is a multiple of the identity plus a matrix whose square is a multiple of the identity.
    """
    decay = config.damping / (2 * config.mass)
    # (A + decay)^2 = square, negative for an oscillator that swings
    square = decay**2 - config.stiffness / config.mass
    root = abs(square) ** 0.5
    if root * samples < 1e-6:  # critical damping; also where the quotient below would lose digits
        even, odd = 1.0, samples
    elif square < 0:
        even, odd = math.cos(root * samples), math.sin(root * samples) / root
    else:
        even, odd = math.cosh(root * samples), math.sinh(root * samples) / root
    shifted = np.array([[decay, 1.0], [-config.stiffness / config.mass, -decay]])
    return math.exp(-decay * samples) * (even * np.eye(2) + odd * shifted)


def draw_heights(
    config: OscillatorConfig, count: int, samples: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "N S"]:
    """Draws the number of the resting height at every sample.

    A signal begins within an interval, not with one, so that its start is like any other place.

    Args:
        config: heights and intervals.
        count: signals.
        samples: of each.
        rng: source of the intervals and heights.

    Returns:
        uint8[N, S].
    """
    number_NS = np.empty((count, samples), np.uint8)
    lead = 2 * math.ceil(config.mean_samples) + 10
    for number_S in number_NS:
        skipped = int(rng.integers(lead))
        whole = skipped + samples
        lengths: list[int] = []
        while sum(lengths) < whole:
            more = rng.poisson(config.mean_samples, int((whole / config.mean_samples) * 1.2) + 10)
            lengths += more.clip(min=1).tolist()
        jumps = rng.integers(1, config.heights, len(lengths))  # never by 0: the next one is another
        jumps[0] = rng.integers(config.heights)
        numbers = np.cumsum(jumps) % config.heights
        number_S[:] = np.repeat(numbers, lengths)[skipped:whole]
    return number_NS


def positions(
    config: OscillatorConfig, rest_NS: Float[np.ndarray, "N S"], velocity_N: Float[np.ndarray, " N"]
) -> Float[np.ndarray, "N S"]:
    """Solves the equation for given resting heights.

    Args:
        config: m, b and k.
        rest_NS: the height that rules from each sample until the next one.
        velocity_N: at the first sample, where the position is the first resting height.

    Returns:
        Position at every sample, float64.
    """
    step = step_matrix(config)
    x_N, v_N = rest_NS[:, 0].astype(np.float64), velocity_N.astype(np.float64)
    position_NS = np.empty(rest_NS.shape)
    for s in range(rest_NS.shape[1]):
        position_NS[:, s] = x_N
        away_N = x_N - rest_NS[:, s]
        x_N = rest_NS[:, s] + step[0, 0] * away_N + step[0, 1] * v_N
        v_N = step[1, 0] * away_N + step[1, 1] * v_N
    return position_NS


def simulate_oscillator(
    config: OscillatorConfig, count: int, samples: int, rng: np.random.Generator
) -> Oscillations:
    """Simulates signals with their truth.

    Each one swings for a while before it begins, so that it does not start at rest.

    Args:
        config: the oscillator and its noise.
        count: signals, at least 1.
        samples: of each, at least 1.
        rng: source of all draws.

    Returns:
        Signals (float32), positions (float64) and the resting heights.

    Raises:
        UsageError: for no signals or samples.
    """
    if count < 1 or samples < 1:
        raise UsageError(f"there must be signals and samples, got {count} of {samples}")
    before = 4 * math.ceil(config.mean_samples)
    heights = np.linspace(-1.0, 1.0, config.heights)
    number_NS = draw_heights(config, count, before + samples, rng)
    position_NS = positions(config, heights[number_NS], np.zeros(count))[:, before:]
    factor_NS = 1 + config.noise_factor * rng.standard_normal(position_NS.shape)
    signal_NS = position_NS * factor_NS + config.noise * rng.standard_normal(position_NS.shape)
    return Oscillations(signal_NS.astype(np.float32), position_NS, number_NS[:, before:], heights)
