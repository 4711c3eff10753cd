"""Counting errors of a pass: by hand on small ones, and against the definition."""

from itertools import groupby

import numpy as np

from lexome.core.alphabet import encode
from lexome.core.homopolymer_runs import runs_of
from lexome.dp.kernels.guided_align import DELETION as D
from lexome.dp.kernels.guided_align import INSERTION as I
from lexome.dp.kernels.guided_align import PAIR as P
from lexome.simulate.hifi_counts import (
    EXTENDED,
    INSERTED,
    MATCH,
    MAX_RUN_BP,
    SHORTENED,
    SUBSTITUTED,
    column_edits,
    context_index,
    count_pass,
    kinds_of,
    neighbours,
    places_of,
    total_counts,
)

A, C, G, T = range(4)
TEMPLATE = encode("ACCCGTTA")
READ = encode("ACCTGGCTTC")  # a C lost, G longer by a T before and a G, a C between G and T, the last A wrong
OPS = np.array([P, D, P, P, I, P, I, I, P, P, P], np.uint8)


def test_homopolymers_are_those_of_the_definition() -> None:
    codes = np.random.default_rng(1).integers(0, 2, 500, dtype=np.uint8)
    runs = runs_of(codes)
    wanted = [(base, len(list(group))) for base, group in groupby(codes.tolist())]
    assert list(zip(runs.base.tolist(), runs.length_bp.tolist(), strict=True)) == wanted
    np.testing.assert_array_equal(codes[runs.start], runs.base)
    np.testing.assert_array_equal(np.repeat(np.arange(len(wanted)), runs.length_bp), runs.of_base)


def test_kinds_and_places() -> None:
    place, inserted = places_of(OPS)
    assert place.tolist() == [0, 2, 3, 4, 4, 5, 5, 5, 6, 7]
    assert inserted.nonzero()[0].tolist() == [3, 5, 6]
    kinds = kinds_of(TEMPLATE, runs_of(TEMPLATE), READ, place, inserted).tolist()
    assert kinds == [
        MATCH, SHORTENED, SHORTENED, INSERTED, MATCH, EXTENDED, INSERTED, MATCH, MATCH, SUBSTITUTED,
    ]  # fmt: skip


def test_events_are_counted_once_and_where_they_belong() -> None:
    codes = np.arange(10, dtype=np.uint8)
    counts = count_pass(TEMPLATE, READ, OPS, codes, codes + 100)
    assert counts.runs.sum() == 5
    assert counts.runs[C, 3] == counts.runs[T, 2] == counts.runs[G, 1] == 1
    assert counts.run_deleted[C, 3] == counts.run_deleted.sum() == 1
    assert counts.run_inserted[G, 1] == counts.run_inserted.sum() == 1  # GC behind the G: by its first base
    assert counts.inserted[C, G, T] == counts.inserted.sum() == 1
    assert counts.substituted[T, A, A, C] == counts.substituted.sum() == 1
    assert counts.bases[C, G, T] == counts.bases[A, C, C] == 1
    assert counts.insertion_bp[1] == counts.insertion_bp[2] == 1
    assert counts.insertion_steps[G, C] == counts.insertion_steps.sum() == 1
    assert counts.single_deleted.sum() == 0
    assert counts.pulse_codes[EXTENDED, G, 5] == counts.gap_codes[SUBSTITUTED, C, 109] == 1
    assert column_edits(TEMPLATE, READ, OPS) == (1, 3, 1)
    assert total_counts([counts, counts]).insertion_bp.sum() == 2 * counts.insertion_bp.sum()


def test_a_lost_single_base_is_counted_by_its_neighbours() -> None:
    read, ops = encode("ACCCTTA"), np.array([P, P, P, P, D, P, P, P], np.uint8)
    counts = count_pass(TEMPLATE, read, ops, *np.zeros((2, 7), np.uint8))
    assert counts.single_deleted[C, G, T] == counts.single_deleted.sum() == 1
    assert counts.singles[C, G, T] == 1
    assert counts.run_deleted[G, 1] == 1


def test_contexts_and_neighbours() -> None:
    before, after = neighbours(TEMPLATE)
    assert before.tolist() == [A, A, C, C, C, G, T, T]
    assert after.tolist() == [C, C, C, G, T, T, A, A]
    index = context_index(TEMPLATE)
    assert index[4] == ((((C * 4 + C) * 4 + G) * 4 + T) * 4) + T
    assert index[0] == ((A * 4 + C) * 4) + C


def test_very_long_homopolymers_count_as_the_longest() -> None:
    template = np.zeros(40, np.uint8)
    counts = count_pass(template, template, np.zeros(40, np.uint8), *np.zeros((2, 40), np.uint8))
    assert counts.runs[A, MAX_RUN_BP] == 1
