"""Signals with a label for every sample, made when they are asked for; nothing is stored.

Legend: N signals, S samples.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from lexome.core.alphabet import decode, encode
from lexome.core.errors import LexomeError
from lexome.features.signal import SignalConfig, TrimConfig, normalise
from lexome.simulate.levels import bundled_levels
from lexome.simulate.oscillator import OscillatorConfig, simulate_oscillator
from lexome.simulate.pore import PoreConfig, PoreSimulator

Kind = Literal["oscillator", "borders", "bases"]
GENOME_BP = 200_000
MOST_BASES = 2.0  # of a read, in those that its samples hold on average: no read is too short
SPARE_BP = 50
WHOLE = SignalConfig(trim=TrimConfig(enabled=False))


@dataclass(frozen=True)
class SignalSource:
    """Where signals come from.

    Attributes:
        kind: what is to be found at every sample: "oscillator" the number of the resting height, "borders"
            whether a new base begins there, "bases" which base is in the middle of the pore.
        samples: of each signal.
        oscillator: of the first kind.
        noise: factor on the noise of the pore, of the other two.
    """

    kind: Kind
    samples: int = 500
    oscillator: OscillatorConfig = OscillatorConfig()
    noise: float = 1.0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples must be at least 1, is {self.samples}")

    @property
    def classes(self) -> int:
        """How many labels there are."""
        return {"oscillator": self.oscillator.heights, "borders": 2, "bases": 4}[self.kind]

    def draw(self, seed: int, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Makes the signals `first` to `first + count - 1` of a seed.

        A pore's signal depends on the seed and its own number alone; oscillators are drawn together, so
        they depend on `count`, too.

        Args:
            seed: 0 or more.
            first: number of the first signal.
            count: how many.

        Returns:
            Signals float32[N, S], about unit size, and labels uint8[N, S].
        """
        if self.kind == "oscillator":
            rng = np.random.default_rng([seed, first])
            made = simulate_oscillator(self.oscillator, count, self.samples, rng)
            return made.signal_NS, made.height_NS
        simulator = _simulator(seed, self.samples, self.noise)
        drawn = [self._cut(simulator, seed, number) for number in range(first, first + count)]
        return np.stack([signal for signal, _ in drawn]), np.stack([labels for _, labels in drawn])

    def _cut(self, simulator: PoreSimulator, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """A stretch from anywhere in a read: a read begins with a base, a stretch need not."""
        made = simulator.read(number)
        signal = normalise(made.read, WHOLE).signal
        if len(signal) < self.samples:
            raise LexomeError(f"simulated read {number} has only {len(signal)} samples")
        start = int(np.random.default_rng([seed, number, 1]).integers(len(signal) - self.samples + 1))
        stretch = slice(start, start + self.samples)
        if self.kind == "borders":
            labels = np.zeros(len(signal), np.uint8)
            labels[made.base_starts] = 1
        else:
            dwells = np.diff(np.append(made.base_starts, len(signal)))
            labels = np.repeat(encode(made.sequence), dwells)
        return signal[stretch], labels[stretch]


@lru_cache(maxsize=4)
def _simulator(seed: int, samples: int, noise: float) -> PoreSimulator:
    """Reads of a genome whose bases are drawn evenly and independently."""
    codes = np.random.default_rng([seed, 2]).integers(0, 4, GENOME_BP, dtype=np.uint8)
    bases = int(MOST_BASES * samples / 9) + SPARE_BP
    config = PoreConfig(mean_length_bp=float(bases), min_length_bp=bases, adapter=False, noise=noise)
    return PoreSimulator({"random": decode(codes)}, bundled_levels(), config, seed)
