"""A noisy pass: what must happen when it is certain, and how often things happen when it is not."""

import numpy as np

from lexome.dp.kernels.subread_noise import draw_subread

TEMPLATE = np.random.default_rng(5).integers(0, 4, 40_000, dtype=np.uint8)
OTHER = np.cumsum(np.where(np.arange(4)[None, :] == TEMPLATE[:, None], 0.0, 1 / 3), axis=1)
SAME = (np.arange(4)[None, :] >= TEMPLATE[:, None]).astype(float)


def draw(
    deletion=0.0, substitution=0.0, insertion=0.0, long_rate=0.0, seed=1, inserts=SAME, short=(0.5, 1.0)
):
    rates = [np.full(len(TEMPLATE), rate) for rate in (deletion, substitution, insertion)]
    steps = (np.arange(4)[None, :] >= (np.arange(4)[:, None] + 1) % 4).astype(float)  # A, C, G, T, A ...
    long = np.array([0.0] * 6 + [1.0])
    return draw_subread(TEMPLATE, *rates, OTHER, inserts, steps, np.array(short), long, long_rate, seed)


def test_without_errors_the_template_comes_back() -> None:
    codes, places, inserted = draw()
    np.testing.assert_array_equal(codes, TEMPLATE)
    np.testing.assert_array_equal(places, np.arange(len(TEMPLATE)))
    assert not inserted.any()


def test_certain_errors_happen_everywhere() -> None:
    assert len(draw(deletion=1.0)[0]) == 0
    codes, places, _ = draw(substitution=1.0)
    assert len(codes) == len(TEMPLATE)
    assert (codes != TEMPLATE[places]).all()
    codes, places, inserted = draw(insertion=1.0, short=(0.0, 1.0))
    assert len(codes) == 3 * len(TEMPLATE)  # grows beyond the first allocation
    np.testing.assert_array_equal(codes.reshape(-1, 3)[:, 0], TEMPLATE)
    np.testing.assert_array_equal(codes.reshape(-1, 3)[:, 1], (TEMPLATE + 1) % 4)
    np.testing.assert_array_equal(codes.reshape(-1, 3)[:, 2], TEMPLATE)
    np.testing.assert_array_equal(inserted.reshape(-1, 3), np.tile([True, True, False], (len(TEMPLATE), 1)))
    np.testing.assert_array_equal(places, np.repeat(np.arange(len(TEMPLATE)), 3))


def test_a_long_insertion_goes_on_from_its_own_bases() -> None:
    codes, _, inserted = draw(long_rate=1.0)
    assert len(codes) == 8 * len(TEMPLATE)
    by_base = codes.reshape(-1, 8)
    np.testing.assert_array_equal(by_base[:, :7], (TEMPLATE[:, None] + np.arange(7)) % 4)
    assert inserted.reshape(-1, 8).sum(1).tolist() == [7] * len(TEMPLATE)


def test_rates_are_those_that_were_asked_for() -> None:
    codes, places, inserted = draw(deletion=0.1, substitution=0.05, insertion=0.08, long_rate=0.01)
    kept = ~inserted
    assert abs(kept.mean() * len(codes) / len(TEMPLATE) - 0.9) < 0.01
    assert abs((codes[kept] != TEMPLATE[places[kept]]).mean() - 0.05 / 0.9) < 0.006
    lengths = np.bincount(np.unique(places[inserted], return_counts=True)[1], minlength=8) / len(TEMPLATE)
    assert abs(lengths[1] - 0.04) < 0.005
    assert abs(lengths[2] - 0.04) < 0.005
    assert abs(lengths[7] - 0.01) < 0.003
    assert lengths[3:7].sum() == 0


def test_the_seed_decides() -> None:
    one, again, other = (draw(0.1, 0.1, 0.1, seed=s)[0] for s in (7, 7, 8))
    np.testing.assert_array_equal(one, again)
    assert len(one) != len(other) or (one != other).any()
