"""Placing a known sequence on simulated signal whose truth is known."""

from dataclasses import dataclass

import numpy as np
import pytest

from lexome.core.alphabet import encode, kmer_index
from lexome.core.records import KmerLevels
from lexome.features.alignment import AlignConfig, align_signal, normalised_levels

K, CENTRE = 5, 2


@pytest.fixture(scope="module")
def levels() -> KmerLevels:
    rng = np.random.default_rng(0)
    return KmerLevels(
        "random", K, CENTRE, rng.normal(90, 15, 4**K).astype(np.float32), np.ones(4**K, np.float32)
    )


@dataclass(frozen=True)
class Simulated:
    """A signal and its truth: `starts` holds the sample at which the dwell of each k-mer's base begins."""

    signal: np.ndarray
    sequence: str
    starts: np.ndarray


def random_sequence(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGT"), length))


def simulate(levels: KmerLevels, seed: int, length: int = 600, gain=1.0, offset=0.0, lead=200) -> Simulated:
    """A background, the sequence at about ten samples per base, another background; in MAD units."""
    rng = np.random.default_rng(seed)
    sequence = random_sequence(rng, length)
    dwell = 4 + rng.poisson(6, length - K + 1)
    core = np.repeat(normalised_levels(sequence, levels) * gain + offset, dwell) + rng.normal(
        0, 0.2, dwell.sum()
    )
    ends = [rng.normal(0, 1.0, lead) for _ in range(2)]
    signal = np.concatenate([ends[0], core, ends[1]]).astype(np.float32)
    return Simulated(signal, sequence, lead + np.concatenate([[0], np.cumsum(dwell)]))


@pytest.mark.parametrize("seed", range(4))
def test_bases_are_found_within_a_few_samples(levels: KmerLevels, seed: int) -> None:
    truth = simulate(levels, seed)
    found = align_signal(truth.signal, truth.sequence, levels)
    assert found is not None
    count = len(found.residuals)
    assert len(found.starts) == count + 1 == len(found.levels) + 1
    first = found.first_bp - CENTRE  # base number -> number of the k-mer that it is the centre of
    assert 0 <= first <= 10
    assert count >= 580
    error = np.abs(found.starts - truth.starts[first : first + count + 1])
    assert np.median(error) <= 2
    assert np.quantile(error, 0.95) <= 6
    assert error.max() <= 40
    assert (np.diff(found.starts) >= 0).all()
    assert found.residual_mean < 0.25
    skipped = np.isnan(found.residuals)
    assert skipped.mean() < 0.05
    np.testing.assert_array_equal(found.starts[:-1][skipped], found.starts[1:][skipped])
    assert (np.diff(found.starts)[~skipped] > 0).all()


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.85, 0.15), (1.2, -0.2)])
def test_gain_and_offset_are_recovered(levels: KmerLevels, gain: float, offset: float) -> None:
    truth = simulate(levels, 7, length=1500, gain=gain, offset=offset)
    found = align_signal(truth.signal, truth.sequence, levels)
    assert found is not None
    # blocks that lie across two bases draw the gain down a little
    assert 0.92 * gain < found.gain < gain
    assert found.offset == pytest.approx(offset, abs=0.03)
    expected = normalised_levels(truth.sequence, levels) * found.gain + found.offset
    first = found.first_bp - CENTRE
    np.testing.assert_allclose(found.levels, expected[first : first + len(found.levels)], atol=1e-5)
    assert found.residual_mean < 0.22


def test_residuals_are_the_mean_distances_from_the_levels(levels: KmerLevels) -> None:
    truth = simulate(levels, 3)
    found = align_signal(truth.signal, truth.sequence, levels)
    assert found is not None
    for i in range(0, len(found.residuals), 7):
        if not np.isnan(found.residuals[i]):
            blocks = truth.signal[found.starts[i] : found.starts[i + 1]].reshape(-1, 3).mean(axis=1)
            assert found.residuals[i] == pytest.approx(np.abs(blocks - found.levels[i]).mean(), abs=1e-5)


def test_a_wrong_sequence_fits_clearly_worse(levels: KmerLevels) -> None:
    truth = simulate(levels, 1)
    right = align_signal(truth.signal, truth.sequence, levels)
    assert right is not None
    for seed in range(3):
        wrong = align_signal(truth.signal, random_sequence(np.random.default_rng(100 + seed), 600), levels)
        assert wrong is None or wrong.residual_mean > 1.4 * right.residual_mean
    backwards = align_signal(truth.signal, truth.sequence[::-1], levels)
    assert backwards is None or backwards.residual_mean > 1.4 * right.residual_mean


def test_an_inserted_stretch_shows_in_its_own_residuals_only(levels: KmerLevels) -> None:
    truth = simulate(levels, 2)
    rng = np.random.default_rng(5)
    changed = truth.sequence[:300] + random_sequence(rng, 30) + truth.sequence[330:]
    found = align_signal(truth.signal, changed, levels)
    assert found is not None
    residuals = np.full(600, np.nan)
    residuals[found.first_bp : found.first_bp + len(found.residuals)] = found.residuals
    assert np.nanmean(residuals[300:330]) > 1.5 * np.nanmean(residuals[50:250])
    assert np.nanmean(residuals[350:550]) < 0.25


def test_what_cannot_be_aligned_gives_none(levels: KmerLevels) -> None:
    truth = simulate(levels, 0)
    for signal, sequence in [
        (truth.signal, truth.sequence[: K + 19]),  # too short a sequence
        (truth.signal[:0], truth.sequence),
        (truth.signal[:2], truth.sequence),
        (truth.signal[:300], truth.sequence),  # the end is never reached
    ]:
        assert align_signal(signal, sequence, levels) is None
    nothing_fits = align_signal(np.full(3000, 30.0, np.float32), truth.sequence, levels)
    assert nothing_fits is None or nothing_fits.residual_mean > 20
    assert align_signal(truth.signal, truth.sequence, levels, AlignConfig(start_samples=1)) is None


def test_one_repeated_kmer_is_no_reason_to_fail(levels: KmerLevels) -> None:
    assert (normalised_levels("A" * 50, levels) == 0).all()
    found = align_signal(np.zeros(400, np.float32), "A" * 50, levels)
    assert found is None or found.residual_mean == 0


def test_expected_levels_are_those_of_the_kmers(levels: KmerLevels) -> None:
    sequence = "ACGTTGCAACCGGTTA"
    expected = levels.mean_pa[kmer_index(encode(sequence), K)]
    centre = np.median(expected)
    spread = 1.4826 * np.median(np.abs(expected - centre))
    np.testing.assert_allclose(normalised_levels(sequence, levels), (expected - centre) / spread, rtol=1e-5)


@pytest.mark.parametrize(
    "change", [{"rounds": 0}, {"block_samples": 0}, {"sigma": 0.0}, {"skip": 0.0}, {"free_bp": 0}]
)
def test_impossible_constants_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        AlignConfig(**change)
