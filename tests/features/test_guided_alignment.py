"""Placing a sequence on signal along anchors, on simulated signal whose truth is known."""

from dataclasses import dataclass

import numpy as np
import pytest

from lexome.core.records import KmerLevels
from lexome.features.alignment import align_signal, normalised_levels
from lexome.features.guided_alignment import Anchors, BandConfig, align_guided

K, CENTRE = 5, 2
LEAD = 300


@pytest.fixture(scope="module")
def levels() -> KmerLevels:
    mean_pa = np.random.default_rng(0).normal(90, 15, 4**K).astype(np.float32)
    return KmerLevels("random", K, CENTRE, mean_pa, np.ones(4**K, np.float32))


@dataclass(frozen=True)
class Simulated:
    """A signal and its truth: the sample at which the dwell of each base from `CENTRE` on begins."""

    signal: np.ndarray
    sequence: str
    starts: np.ndarray

    def anchors(self, every: int = 3, jitter: int = 0, seed: int = 0) -> Anchors:
        """Every so many bases, off by up to `jitter` samples."""
        index = np.arange(5, len(self.starts) - 6, every)
        off = np.random.default_rng(seed).integers(-jitter, jitter + 1, len(index))
        return Anchors(index + CENTRE, np.maximum.accumulate(np.maximum(0, self.starts[index] + off)))


def simulate(levels: KmerLevels, seed: int, bad: tuple[int, int] | None = None) -> Simulated:
    """600 bases at about ten samples each between two backgrounds; bases `bad` are mere noise."""
    rng = np.random.default_rng(seed)
    sequence = "".join(rng.choice(list("ACGT"), 600))
    expected = normalised_levels(sequence, levels)
    dwell = 4 + rng.poisson(6, len(expected))
    core = np.repeat(expected, dwell) + rng.normal(0, 0.2, dwell.sum())
    starts = np.concatenate([[0], np.cumsum(dwell)])
    if bad:
        noise = slice(starts[bad[0]], starts[bad[1]])
        core[noise] = rng.normal(0, 1.0, noise.stop - noise.start)
    lead = rng.normal(0, 1.0, LEAD)
    return Simulated(np.concatenate([lead, core, lead]).astype(np.float32), sequence, LEAD + starts)


@pytest.mark.parametrize(("jitter", "every"), [(0, 1), (12, 3), (30, 10)])
def test_bases_are_found_within_a_few_samples(levels: KmerLevels, jitter: int, every: int) -> None:
    truth = simulate(levels, 1)
    found = align_guided(truth.signal, truth.sequence, truth.anchors(every, jitter), levels)
    assert found is not None
    first = found.first_bp - CENTRE
    assert first <= 5 + 8
    assert len(found.residuals) > 560
    error = np.abs(found.starts[:-1] - truth.starts[first : first + len(found.residuals)])
    assert np.median(error) <= 2
    assert np.quantile(error[20:-20], 0.95) <= 6
    assert found.residual_mean < 0.2


def test_exact_anchors_need_hardly_any_band(levels: KmerLevels) -> None:
    truth = simulate(levels, 6)
    found = align_guided(
        truth.signal, truth.sequence, truth.anchors(every=1), levels, band=BandConfig(width_bp=4, free_bp=1)
    )
    assert found is not None
    assert found.first_bp == 5 + CENTRE
    error = np.abs(found.starts[:-1] - truth.starts[5 : 5 + len(found.residuals)])
    assert np.quantile(error, 0.95) <= 6
    assert found.residual_mean < 0.2


def test_it_agrees_with_the_alignment_that_knows_nothing(levels: KmerLevels) -> None:
    truth = simulate(levels, 2)
    free = align_signal(truth.signal, truth.sequence, levels)
    found = align_guided(truth.signal, truth.sequence, truth.anchors(jitter=10), levels)
    assert free is not None
    assert found is not None
    shared = range(60, 540)
    left = free.starts[np.array(shared) - free.first_bp]
    right = found.starts[np.array(shared) - found.first_bp]
    # blocks may be cut at other samples
    assert (np.abs(left - right) <= 3).mean() > 0.99
    assert found.gain == pytest.approx(free.gain, abs=0.02)


def test_a_bad_stretch_does_not_lead_it_astray(levels: KmerLevels) -> None:
    truth = simulate(levels, 3, bad=(200, 320))
    anchors = truth.anchors()
    outside = (anchors.base < 200) | (anchors.base > 320)  # no base is called right in noise
    found = align_guided(
        truth.signal, truth.sequence, Anchors(anchors.base[outside], anchors.sample[outside]), levels
    )
    assert found is not None
    index = np.concatenate([np.arange(20, 190), np.arange(335, 580)])
    error = np.abs(found.starts[index + CENTRE - found.first_bp] - truth.starts[index])
    assert np.quantile(error, 0.95) <= 6


def test_wrong_anchors_show_in_the_residuals(levels: KmerLevels) -> None:
    truth = simulate(levels, 4)
    right = truth.anchors()
    shifted = Anchors(right.base[right.base < 450] + 100, right.sample[right.base < 450])
    good = align_guided(truth.signal, truth.sequence, right, levels)
    wrong = align_guided(truth.signal, truth.sequence, shifted, levels)
    assert good is not None
    assert wrong is None or wrong.residual_mean > 1.4 * good.residual_mean


def test_the_score_is_the_likelihood_ratio_of_what_fits(levels: KmerLevels) -> None:
    truth = simulate(levels, 5)
    anchors = truth.anchors()
    half = anchors.base < 300
    whole = align_guided(truth.signal, truth.sequence, anchors, levels)
    part = align_guided(
        truth.signal, truth.sequence, Anchors(anchors.base[half], anchors.sample[half]), levels
    )
    assert whole is not None
    assert part is not None
    assert 0.4 * whole.score < part.score < 0.6 * whole.score


def test_too_little_to_go_by_gives_none(levels: KmerLevels) -> None:
    truth = simulate(levels, 0)
    anchors = truth.anchors()
    for few in (
        Anchors(anchors.base[:19], anchors.sample[:19]),
        Anchors(anchors.base[:0], anchors.sample[:0]),
    ):
        assert align_guided(truth.signal, truth.sequence, few, levels) is None
    late = Anchors(anchors.base, anchors.sample + len(truth.signal))
    assert align_guided(truth.signal, truth.sequence, late, levels) is None


def test_anchors_are_moved_to_the_trimmed_read() -> None:
    moved = Anchors(np.array([4, 5, 9]), np.array([10, 20, 30])).shifted(15)
    assert moved.base.tolist() == [5, 9]
    assert moved.sample.tolist() == [5, 15]


def test_large_gaps_divide_anchors() -> None:
    anchors = Anchors(np.array([0, 5, 106, 107, 207, 208, 209]), np.array([0, 50, 60, 70, 80, 3080, 6081]))
    found = [(piece.base.tolist(), piece.sample.tolist()) for piece in anchors.pieces()]
    assert found == [([0, 5], [0, 50]), ([106, 107, 207, 208], [60, 70, 80, 3080]), ([209], [6081])]
    assert [len(piece.base) for piece in anchors.pieces(1000, 10_000)] == [7]
    assert Anchors(np.zeros(0, np.int64), np.zeros(0, np.int64)).pieces() == []


@pytest.mark.parametrize("change", [{"width_bp": 3}, {"free_bp": 0}])
def test_impossible_bands_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        BandConfig(**change)
