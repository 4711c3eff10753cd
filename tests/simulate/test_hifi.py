"""Passes over molecules: their layout, what each base says of the molecule, kinetics, rates."""

from dataclasses import replace

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.core.homopolymer_runs import runs_of
from lexome.simulate.hifi import Molecule, SubreadConfig, passes_over, simulate_molecule
from lexome.simulate.hifi_counts import MATCH, MAX_RUN_BP, kinds_of, neighbours
from lexome.simulate.hifi_profile import SubreadProfile
from lexome.simulate.places import Place

PLACE = Place("x", 0, 6000, "+")


@pytest.fixture(scope="module")
def molecule(codes: np.ndarray, profile: SubreadProfile) -> Molecule:
    config = SubreadConfig(passes_min=8, passes_max=8)
    return simulate_molecule(PLACE, codes, profile, config, np.random.default_rng(2))


def test_strands_alternate_and_only_the_ends_of_the_polymerase_read_are_partial(molecule: Molecule) -> None:
    passes, whole = molecule.passes, len(molecule.codes)
    assert molecule.full_passes == 8
    assert len(passes) == 10
    assert all(one.is_reverse != two.is_reverse for one, two in zip(passes, passes[1:], strict=False))
    assert all((one.start, one.end, one.adapters) == (0, whole, 3) for one in passes[1:-1])
    first, last = passes[0], passes[-1]
    # the first pass ends where the strand ends, the last begins where it begins, each by its own direction
    assert (first.start == 0) if first.is_reverse else (first.end == whole)
    assert (last.end == whole) if last.is_reverse else (last.start == 0)
    assert (first.adapters, last.adapters) == (2, 1)
    gaps = [b.query_start - a.query_start - len(a.codes) for a, b in zip(passes, passes[1:], strict=False)]
    assert all(41 <= gap < 56 for gap in gaps)


def test_without_errors_every_pass_is_the_molecule(codes: np.ndarray, profile: SubreadProfile) -> None:
    config = SubreadConfig(passes_min=3, passes_max=3, error_factor=0.0)
    perfect = replace(profile, long_rate=0.0)
    molecule = simulate_molecule(PLACE, codes, perfect, config, np.random.default_rng(2))
    for one in molecule.passes:
        read, place, inserted = one.forward()
        np.testing.assert_array_equal(read, codes[one.start : one.end])
        np.testing.assert_array_equal(place, np.arange(one.start, one.end))
        assert not inserted.any()


def test_places_are_right_on_both_strands(molecule: Molecule) -> None:
    for one in molecule.passes:
        read, place, inserted = one.forward()
        assert (np.diff(place) >= 0).all()
        assert len(one.codes) == len(one.pulse) == len(one.gap)
        assert place.min() >= one.start
        assert place[~inserted].max() < one.end
        at = place[~inserted]
        assert (np.diff(at) >= 1).all(), "a base of the molecule is read at most once"
        assert (read[~inserted] == molecule.codes[at]).mean() > 0.95  # by chance 0.25
        after = np.append(~inserted, True)[1:] & inserted  # the last base of an insertion
        before_it = place[np.flatnonzero(after)]
        following = place[np.minimum(np.flatnonzero(after) + 1, len(place) - 1)]
        assert (following >= before_it).all()


def test_rates_come_out_as_they_went_in(codes: np.ndarray, profile: SubreadProfile) -> None:
    flat = replace(
        profile, molecule_sd=0.0, hard_rate=0.0, long_rate=0.0, passes=(np.array([[1.0, 1, 1, 1, 0, 0]]),)
    )
    layout = [(bool(i % 2), 0, 6000) for i in range(60)]
    molecule = passes_over(PLACE, codes, layout, flat, np.random.default_rng(4))
    native = {False: codes, True: (3 - codes[::-1]).copy()}
    trials, lost, wrong = np.zeros(4), np.zeros(4), np.zeros((4, 4))
    lengthened = expected = 0.0
    for one in molecule.passes:
        template = native[one.is_reverse]
        runs = runs_of(template)
        place = 5999 - one.place + one.inserted if one.is_reverse else one.place
        kept = np.zeros(6000, bool)
        kept[place[~one.inserted]] = True
        pair = (runs.length_bp == 2)[runs.of_base]
        trials += np.bincount(template[pair], minlength=4)
        lost += np.bincount(template[pair & ~kept], minlength=4)
        at = place[~one.inserted]
        np.add.at(wrong, (template[at], one.codes[~one.inserted]), 1)
        extra, slot = one.codes[one.inserted], place[one.inserted]
        begins = np.diff(np.where(one.inserted, place, -1), prepend=-1)[one.inserted] != 0
        like = (extra == template[slot]) | (extra == template[np.maximum(slot - 1, 0)])
        lengthened += float((like & begins).sum())
        expected += float(flat.run_inserted[runs.base, np.minimum(runs.length_bp, MAX_RUN_BP)].sum())
    assert lost / trials == pytest.approx(flat.run_deleted[np.arange(4), 2], rel=0.08)
    assert lengthened == pytest.approx(expected, rel=0.05)
    before, after = neighbours(codes)
    rate = np.stack([flat.substituted[before, codes, after][codes == b].mean(0) for b in range(4)])
    seen = wrong / wrong.sum(1, keepdims=True)
    np.fill_diagonal(seen, 0)
    # contexts of the other strand are others: about
    assert seen.sum() == pytest.approx(rate.sum(), rel=0.1)
    assert seen[2, 3] == seen.max()  # G read as T is the commonest


def test_kinetics_depend_on_the_base_its_context_and_on_what_happened(
    codes: np.ndarray, profile: SubreadProfile
) -> None:
    layout = [(False, 0, 6000)] * 30
    unshifted = replace(profile, passes=(np.array([[1.0, 1, 1, 1, 0, 0]]),))
    molecule = passes_over(PLACE, codes, layout, unshifted, np.random.default_rng(4))
    runs = runs_of(codes)
    pulse = np.concatenate([one.pulse for one in molecule.passes]).astype(float)
    gap = np.concatenate([one.gap for one in molecule.passes]).astype(float)
    read = np.concatenate([one.codes for one in molecule.passes])
    kinds = np.concatenate([kinds_of(codes, runs, o.codes, o.place, o.inserted) for o in molecule.passes])
    for kind, base in ((0, 0), (0, 1), (3, 2)):
        of_kind = (kinds == kind) & (read == base)
        table = profile.pulse_codes[kind, base]
        assert pulse[of_kind].mean() == pytest.approx((table @ np.arange(256)) / table.sum(), rel=0.15)
        table = profile.gap_codes[kind, base]
        assert gap[of_kind].mean() == pytest.approx((table @ np.arange(256)) / table.sum(), rel=0.3)
    # beyond the base: bases in some contexts take longer, in every pass
    right = kinds == MATCH
    place = np.concatenate([one.place for one in molecule.passes])[right]
    for code in (pulse, gap):
        of_base = np.bincount(read[right], code[right]) / np.bincount(read[right])
        rest = code[right] - of_base[read[right]]
        assert spread_over_places(place, rest) > 1.15 * spread_over_places(
            place, np.random.default_rng(1).permutation(rest)
        )


def spread_over_places(place: np.ndarray, values: np.ndarray) -> float:
    times = np.bincount(place, minlength=6000)
    return float((np.bincount(place, values, 6000) / np.maximum(times, 1))[times > 10].std())


def test_the_seed_decides(codes: np.ndarray, profile: SubreadProfile) -> None:
    made = [
        simulate_molecule(PLACE, codes, profile, SubreadConfig(), np.random.default_rng(s)) for s in (5, 5, 6)
    ]
    for one, again in zip(made[0].passes, made[1].passes, strict=True):
        np.testing.assert_array_equal(one.codes, again.codes)
        np.testing.assert_array_equal(one.pulse, again.pulse)
        np.testing.assert_array_equal(one.gap, again.gap)
    assert len(made[0].passes[1].codes) != len(made[2].passes[1].codes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"passes_min": 0},
        {"passes_min": 5, "passes_max": 4},
        {"passes_max": 201},
        {"min_length_bp": 99},
        {"mean_length_bp": 500.0},
        {"sd_length_bp": -1.0},
        {"sd_length_bp": float("nan")},
        {"mean_length_bp": float("nan")},
        {"error_factor": -0.1},
        {"error_factor": float("nan")},
    ],
)
def test_wrong_configurations_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError):
        SubreadConfig(**wrong)
