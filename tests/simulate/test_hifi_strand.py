"""A strand: where its hard places are, and what its rates are made of."""

from dataclasses import replace

import numpy as np
import pytest

from lexome.core.alphabet import encode
from lexome.core.homopolymer_runs import runs_of
from lexome.simulate.hifi import passes_over
from lexome.simulate.hifi_profile import SubreadProfile
from lexome.simulate.hifi_strand import HardPlaces, Strand, hard_places
from lexome.simulate.places import Place

PLACE = Place("x", 0, 6000, "+")


def no_hard_places() -> HardPlaces:
    return HardPlaces(np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros(0))


def test_hard_places_are_first_bases_of_homopolymers_on_both_strands(
    codes: np.ndarray, profile: SubreadProfile
) -> None:
    often = replace(profile, hard_rate=0.3, hard_shape=100.0)
    forward, reverse = hard_places(runs_of(codes), often, 1.0, np.random.default_rng(1))
    assert len(forward.first) == len(reverse.first) > 200
    for places, strand in ((forward, codes), (reverse, 3 - codes[::-1])):
        runs = runs_of(strand)
        assert np.isin(places.first, runs.start[runs.length_bp > 1]).all()
    # the same homopolymers, seen from both sides, badly on one of them
    np.testing.assert_array_equal(codes[forward.first], 3 - (3 - codes[::-1])[reverse.first])
    worse, better = np.maximum(forward.seen, reverse.seen), np.minimum(forward.seen, reverse.seen)
    assert worse.min() >= profile.hard_seen
    assert better.max() <= profile.hard_other
    assert forward.longer.mean() == pytest.approx(profile.hard_longer, abs=0.1)
    assert len(hard_places(runs_of(codes), often, 0.0, np.random.default_rng(1))[0].first) == 0


def test_rates_of_insertions_add_up_over_the_slots_of_a_homopolymer(profile: SubreadProfile) -> None:
    strand = Strand(encode("CATTTGC"), no_hard_places(), profile, np.random.default_rng(1))
    # TTT is lengthened before each of its bases and before the base behind it
    assert strand.inserts_T4[2:6, 3].sum() == pytest.approx(profile.run_inserted[3, 3])
    assert strand.inserts_T4[6, 2] == pytest.approx(profile.run_inserted[2, 1] / 2)
    assert strand.inserts_T4[5, 1] == pytest.approx(profile.inserted[3, 2, 1])
    assert strand.deletion_T[3] == profile.run_deleted[3, 3]
    assert strand.deletion_T[1] == profile.single_deleted[1, 0, 3]


def test_hard_places_mislead_one_strand(codes: np.ndarray, profile: SubreadProfile) -> None:
    runs = runs_of(codes)
    everywhere = replace(profile, hard_rate=1e9, hard_longer=0.0, hard_seen=1.0, hard_other=0.0)
    layout = [(bool(i % 2), 0, 6000) for i in range(20)]
    molecule = passes_over(PLACE, codes, layout, everywhere, np.random.default_rng(4))
    lost = {False: np.zeros(6000), True: np.zeros(6000)}
    for one in molecule.passes:
        kept = np.zeros(6000, bool)
        kept[one.place[~one.inserted]] = True
        lost[one.is_reverse] += ~kept
    ends = runs.start + runs.length_bp - 1
    long = runs.length_bp >= 2
    # first bases, in the direction of reading: of the run's start forward, of its end backward
    forward, reverse = lost[False][runs.start[long]], lost[True][ends[long]]
    assert ((forward == 10) != (reverse == 10)).mean() > 0.95
    assert lost[False][runs.start[~long]].mean() < 2
