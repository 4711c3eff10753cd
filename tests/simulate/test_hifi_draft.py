"""The draft: perfect from perfect passes, worse from fewer, about as sure as it is right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import encode
from lexome.dp.kernels.guided_align import DELETION, INSERTION, PAIR, guided_align
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import Molecule, passes_over
from lexome.simulate.hifi_draft import (
    ALIGN_WIDTH,
    GAP_EXTEND,
    GAP_OPEN,
    MISMATCH,
    Draft,
    align_pass,
    align_truth,
    consensus,
)
from lexome.simulate.hifi_profile import SubreadProfile
from lexome.simulate.places import Place

COUNT = 8000
PLACE = Place("x", 0, COUNT, "+")


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return encode(random_genome(COUNT, 3))


def make(
    codes: np.ndarray, profile: SubreadProfile, passes: int, factor=1.0, seed=1
) -> tuple[Molecule, Draft]:
    layout = [(bool(i % 2), 0, COUNT) for i in range(passes)]
    layout += [(bool(passes % 2), 300, COUNT)] if passes % 2 else [(False, 0, COUNT - 300)]
    rng = np.random.default_rng([seed, passes])
    molecule = passes_over(PLACE, codes, layout, profile, rng, factor)
    return molecule, consensus(molecule, profile, rng)


def errors(molecule: Molecule, draft: Draft) -> int:
    ops = align_truth(molecule, draft)
    truth, read = np.cumsum(ops != DELETION) - 1, np.cumsum(ops != INSERTION) - 1
    pairs = ops == PAIR
    return int((~pairs).sum() + (molecule.codes[truth[pairs]] != draft.codes[read[pairs]]).sum())


def test_perfect_passes_make_a_perfect_draft(codes: np.ndarray, profile: SubreadProfile) -> None:
    perfect = replace(profile, long_rate=0.0, draft_blur=0.0)
    molecule, draft = make(codes, perfect, 6, factor=0.0)
    np.testing.assert_array_equal(draft.codes, codes)
    np.testing.assert_array_equal(draft.of_molecule, np.arange(COUNT + 1))
    assert np.median(draft.qualities) > 60
    assert draft.qualities[[0, -1]].min() > 40, "the ends are seen as well as the rest"
    assert draft.coverage == pytest.approx(7, abs=0.1)
    assert all((ops == PAIR).all() for _, ops in (align_pass(one, draft) for one in molecule.passes))


def test_more_passes_make_fewer_errors_and_higher_qualities(
    codes: np.ndarray, profile: SubreadProfile
) -> None:
    made = {n: [make(codes, profile, n, seed=s) for s in range(4)] for n in (3, 6, 14)}
    wrong = {n: np.mean([errors(*pair) for pair in pairs]) for n, pairs in made.items()}
    assert wrong[3] > 2.5 * wrong[6] > 2.5 * 1.5 * wrong[14]
    assert wrong[3] < 0.04 * COUNT
    below = {n: np.mean([(d.qualities < 60).mean() for _, d in pairs]) for n, pairs in made.items()}
    assert below[3] > 2 * below[6] > 4 * below[14]


def test_the_qualities_know_where_the_errors_are(codes: np.ndarray, profile: SubreadProfile) -> None:
    at_errors, elsewhere, expected, found = [], [], 0.0, 0
    for seed in range(4):
        molecule, draft = make(codes, profile, 5, seed=seed)
        ops = align_truth(molecule, draft)
        place = np.minimum(np.cumsum(ops != INSERTION) - (ops != INSERTION), len(draft.codes) - 1)
        wrong = np.zeros(len(draft.codes), bool)
        wrong[place[ops != PAIR]] = True
        at_errors += draft.qualities[wrong].tolist()
        elsewhere += draft.qualities[~wrong].tolist()
        expected += float((10.0 ** (-draft.qualities.astype(float) / 10)).sum())
        found += errors(molecule, draft)
        assert draft.rq == pytest.approx(1 - (10.0 ** (-draft.qualities.astype(float) / 10)).mean(), rel=1e-3)
    assert np.median(at_errors) < 20 < 45 < np.median(elsewhere)
    assert 0.4 < expected / found < 2.5


def test_the_draft_errs_where_all_passes_err(codes: np.ndarray, profile: SubreadProfile) -> None:
    layout = [(False, 0, COUNT)] * 8
    molecule = passes_over(PLACE, codes, layout, profile, np.random.default_rng(1), 0.0)
    start = int(
        np.flatnonzero(
            (codes[1:-3] == codes[2:-2]) & (codes[2:-2] != codes[3:-1]) & (codes[1:-3] != codes[:-4])
        )[50]
    )
    gone, wrong = start + 1, start + 40
    extra_base = int(({0, 1, 2, 3} - {int(codes[start + 80]), int(codes[start + 79])}).pop())
    passes = []
    for one in molecule.passes:
        read, place, inserted = one.codes.copy(), one.place, one.inserted
        read[np.flatnonzero(place == wrong)] = (codes[wrong] + 1) % 4
        keep = place != gone
        read, place, inserted = read[keep], place[keep], inserted[keep]
        at = int(np.flatnonzero(place == start + 80)[0])
        read = np.insert(read, at, extra_base).astype(np.uint8)
        place, inserted = np.insert(place, at, start + 80), np.insert(inserted, at, True)
        passes.append(replace(one, codes=read, place=place, inserted=inserted))
    sharp = replace(profile, draft_blur=0.0)
    draft = consensus(replace(molecule, passes=tuple(passes)), sharp, np.random.default_rng(1))
    expected = np.insert(codes, start + 80, extra_base).astype(np.uint8)
    expected[wrong] = (codes[wrong] + 1) % 4
    expected = np.delete(expected, gone)
    np.testing.assert_array_equal(draft.codes, expected)
    moved = draft.of_molecule - np.arange(COUNT + 1)
    assert (moved[: gone + 1] == 0).all()
    assert (moved[gone + 2 : start + 80] == -1).all()  # the draft leaves out the last base of the run
    assert (moved[start + 80 :] == 0).all()


def test_the_draft_knows_which_strand_loses_which_base(profile: SubreadProfile) -> None:
    rates = np.full((4, 13), 0.001)
    rates[0] = 0.2  # A, as the polymerase reads it
    lossy = replace(profile, run_deleted=rates, draft_blur=0.0)
    codes = encode("GCATCG" * 5 + "TTT" + "GCATCG" * 5 + "AAA" + "GCATCG" * 5)
    of_t, of_a = 30, 63
    molecule = passes_over(
        Place("x", 0, len(codes), "+"),
        codes,
        [(True, 0, len(codes))] * 5,
        lossy,
        np.random.default_rng(1),
        0.0,
    )
    passes = []
    for number, one in enumerate(molecule.passes):
        keep = ~np.isin(one.place, [of_t, of_a]) | (number > 2)
        passes.append(replace(one, codes=one.codes[keep], place=one.place[keep], inserted=one.inserted[keep]))
    draft = consensus(replace(molecule, passes=tuple(passes)), lossy, np.random.default_rng(1))
    # three of five reverse passes lack one of TTT (read as A, often lost) and one of AAA (read as T)
    np.testing.assert_array_equal(draft.codes, np.delete(codes, of_a))


def test_alignments_use_up_read_and_draft(codes: np.ndarray, profile: SubreadProfile) -> None:
    molecule, draft = make(codes, profile, 5)
    for one in molecule.passes:
        start, ops = align_pass(one, draft)
        assert (ops != DELETION).sum() == len(one.codes)
        end = start + int((ops != INSERTION).sum())
        assert 0 <= start < end <= len(draft.codes)
        assert abs(start - int(draft.of_molecule[one.start])) < 30
        assert abs(end - int(draft.of_molecule[one.end])) < 30
        read, _, _ = one.forward()
        pairs = ops == PAIR
        template = draft.codes[start + np.cumsum(ops != INSERTION) - 1][pairs]
        assert (read[(np.cumsum(ops != DELETION) - 1)[pairs]] == template).mean() > 0.95


def test_a_gap_wider_than_the_band_is_found(codes: np.ndarray, profile: SubreadProfile) -> None:
    molecule, draft = make(codes, profile, 5, factor=0.0)
    one = molecule.passes[0]
    hole = (one.place < 2000) | (one.place >= 2000 + 3 * ALIGN_WIDTH)
    cut = replace(one, codes=one.codes[hole], place=one.place[hole], inserted=one.inserted[hole])
    _, ops = align_pass(cut, draft)
    assert (ops == DELETION).sum() >= 3 * ALIGN_WIDTH
    assert (ops != DELETION).sum() == len(cut.codes)


def test_columns_are_those_of_the_aligner_of_real_files(shared: Path) -> None:
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    operations = {7: PAIR, 8: PAIR, 1: INSERTION, 2: DELETION}
    name = "m54238_180901_011437/4194381/ccs"
    with pysam.AlignmentFile(str(folder / "ccs.bam"), check_sq=False) as file:
        draft = next(encode(r.query_sequence or "") for r in file if r.query_name == name)
    same = total = 0
    with pysam.AlignmentFile(str(folder / "subreads_to_ccs.bam")) as file:
        for record in [r for r in file if r.reference_name == name][1:6]:
            wanted = np.concatenate([np.full(n, operations[op]) for op, n in record.cigartuples or ()])
            before = np.cumsum(wanted != INSERTION) - (wanted != INSERTION)
            reference = draft[record.reference_start : record.reference_end]
            guide = np.append(before[wanted != DELETION], len(reference))
            read = encode(record.query_sequence or "")
            ops = guided_align(read, reference, guide, ALIGN_WIDTH, MISMATCH, GAP_OPEN, GAP_EXTEND)
            pairs = []
            for one in (ops, wanted):
                paired = np.full(len(read), -1)
                at = one == PAIR
                paired[(np.cumsum(one != DELETION) - 1)[at]] = (np.cumsum(one != INSERTION) - 1)[at]
                pairs.append(paired)
            same, total = same + int((pairs[0] == pairs[1]).sum()), total + len(read)
    assert same / total > 0.995
