"""Errors come at their rates, change what they should, and leave no trace in the length."""

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.tasks.language.noise import NoiseRates, add_noise, noisy_window


def _random(length: int, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def test_the_rates() -> None:
    count = 200_000
    rates = NoiseRates(0.03, 0.02, 0.01)
    made = add_noise(_random(count), rates, np.random.default_rng(1))
    for found, rate in ((made.insertions, 0.03), (made.deletions, 0.02), (made.mismatches, 0.01)):
        assert abs(found - rate * count) < 5 * (rate * count) ** 0.5
    assert len(made.sequence) == count + made.insertions - made.deletions


def test_a_mismatch_is_another_base_and_all_are_drawn() -> None:
    sequence = "A" * 30_000
    made = add_noise(sequence, NoiseRates(0, 0, 0.3), np.random.default_rng(2))
    assert len(sequence) - made.sequence.count("A") == made.mismatches
    thirds = [made.sequence.count(base) / made.mismatches for base in "CGT"]
    assert min(thirds) > 0.31
    assert sum(thirds) == pytest.approx(1)


def test_one_kind_alone() -> None:
    sequence = _random(2000)
    rng = np.random.default_rng(3)
    deleted = add_noise(sequence, NoiseRates(0, 0.2, 0), rng)
    rest = iter(sequence)
    assert all(base in rest for base in deleted.sequence)  # a subsequence
    inserted = add_noise(sequence, NoiseRates(0.2, 0, 0), rng)
    rest = iter(inserted.sequence)
    assert all(base in rest for base in sequence)
    same = add_noise(sequence, NoiseRates(0, 0, 0), rng)
    assert same.sequence == sequence


def test_other_letters_stay() -> None:
    made = add_noise("N" * 1000, NoiseRates(0, 0, 0.3), np.random.default_rng(4))
    assert made.sequence == "N" * 1000
    assert made.mismatches == 0


@pytest.mark.parametrize(
    "rates", [NoiseRates(), NoiseRates(0, 0.3, 0), NoiseRates(0.3, 0, 0), NoiseRates(0, 0, 0.1)]
)
def test_windows_have_one_length(rates: NoiseRates) -> None:
    rng = np.random.default_rng(5)
    stretch = _random(rates.stretch_bp(512))
    drawn = [add_noise(stretch, rates, rng) for _ in range(200)]
    assert min(len(one.sequence) for one in drawn) >= 512  # a window is hardly ever drawn twice
    assert len(noisy_window(stretch, 512, rates, rng).sequence) == 512


def test_a_short_draw_is_drawn_again() -> None:
    # with so few bases to spare most draws are too short
    rates = NoiseRates(0, 0.3, 0)
    assert len(noisy_window(_random(100), 78, rates, np.random.default_rng(0)).sequence) == 78


@pytest.mark.parametrize("rates", [(-0.1, 0, 0), (0, 0.31, 0), (0, 0, float("nan"))])
def test_rates_out_of_range(rates: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="between 0 and 0.3"):
        NoiseRates(*rates)
