"""Errors by quality, run, substitution and 3-mer against counts made one column at a time."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.alphabet import BASES, encode
from lexome.evaluate.cigar import DELETION, INSERTION, LONG_GAP, MATCH, MISMATCH, Columns, expand
from lexome.evaluate.homopolymers import CalledRuns
from lexome.evaluate.profile import ErrorProfile, HomopolymerBin, QualityBin


@st.composite
def small_alignments(draw: st.DrawFn) -> tuple[Columns, str, str, str, np.ndarray]:
    """Columns, query, reference with one flanking base on each side, and qualities."""
    parts = draw(st.lists(st.tuples(st.integers(1, 5), st.sampled_from([0, 1, 2])), min_size=1, max_size=8))
    if draw(st.booleans()):
        parts.append((LONG_GAP, draw(st.sampled_from([1, 2]))))
    sizes = [sum(n for n, op in parts if op in used) for used in ((0, 1), (0, 2))]
    query = "".join(draw(st.lists(st.sampled_from("ACGTN"), min_size=sizes[0], max_size=sizes[0])))
    wide = "".join(draw(st.lists(st.sampled_from("ACGTN"), min_size=sizes[1] + 2, max_size=sizes[1] + 2)))
    columns = expand(np.array(parts, np.int64), encode(query), encode(wide[1:-1]))
    qualities = np.array(draw(st.lists(st.integers(0, 60), min_size=sizes[0], max_size=sizes[0])), np.uint8)
    return columns, query, wide[1:-1], wide, qualities


@given(small_alignments())
def test_tables_agree_with_a_count_column_by_column(case: tuple[Columns, str, str, str, np.ndarray]) -> None:
    columns, query, reference, wide, qualities = case
    profile = ErrorProfile()
    profile.add_qualities(columns, qualities)
    flanks = encode(wide[:1]), encode(wide[-1:])
    profile.add_contexts(columns, encode(query), encode(reference), flanks)

    bases, errors, pairs, contexts = Counter(), Counter(), Counter(), Counter()
    rows = zip(
        columns.kind.tolist(),
        columns.query_at.tolist(),
        columns.reference_at.tolist(),
        columns.long.tolist(),
        strict=True,
    )
    for kind, q, r, long in rows:
        if long:
            continue
        if kind != DELETION:
            bases[int(qualities[q])] += 1
            errors[int(qualities[q])] += kind != MATCH
        if kind in (MATCH, MISMATCH) and query[q] != "N":
            pairs[reference[r], query[q]] += 1
        centre = r if kind != INSERTION else r - 1  # of `reference`; one more in `wide`
        three = wide[centre : centre + 3] if centre >= 0 else ""
        if len(three) == 3 and "N" not in three:
            contexts[three, kind] += 1

    assert {b.q_predicted: (b.bases, b.errors) for b in profile.quality_bins()} == {
        q: (n, errors[q]) for q, n in bases.items()
    }
    for one in profile.substitutions():
        assert one.count == pairs[one.reference, one.called]
        assert one.reference_bases == sum(n for (true, _), n in pairs.items() if true == one.reference)
    for one in profile.context_bins():
        kinds = (one.mismatches, one.insertions, one.deletions)
        assert kinds == tuple(contexts[one.context, kind] for kind in (MISMATCH, INSERTION, DELETION))
        assert one.reference_bases == sum(contexts[one.context, k] for k in (MATCH, MISMATCH, DELETION))


def simple(kinds: list[int]) -> Columns:
    kind = np.array(kinds, np.int8)
    at = np.arange(len(kind))
    return Columns(kind, at, at, np.zeros(len(kind), bool), 0)


def test_empirical_quality_by_hand() -> None:
    profile = ErrorProfile()
    kinds = [MATCH] * 90 + [MISMATCH] * 6 + [INSERTION] * 4 + [MATCH] * 5 + [MISMATCH] * 2
    profile.add_qualities(simple(kinds), np.array([20] * 100 + [30] * 5 + [3] * 2, np.uint8))
    assert profile.quality_bins() == (
        QualityBin(3, 0.0, 2, 2),
        QualityBin(20, 10.0, 100, 10),
        QualityBin(30, None, 5, 0),
    )
    assert str(profile.quality_bins()[0].q_empirical) == "0.0"  # and not -0.0
    assert profile.mean_quality(correct=True) == pytest.approx((90 * 20 + 5 * 30) / 95)
    assert profile.mean_quality(correct=False) == pytest.approx((10 * 20 + 2 * 3) / 12)


def test_nothing_seen_is_said_as_nothing() -> None:
    profile = ErrorProfile()
    assert profile.quality_bins() == ()
    assert profile.homopolymer_bins() == ()
    assert profile.mean_quality(correct=True) is None
    assert [one.context for one in profile.context_bins()] == [
        a + b + c for a in BASES for b in BASES for c in BASES
    ]
    assert len(profile.substitutions()) == 12


def test_runs_are_counted_by_base_and_length() -> None:
    profile = ErrorProfile()
    base, length = encode("AAACGT"), np.array([4, 4, 3, 12, 1, 2])
    profile.add_runs(CalledRuns(base, length, np.array([4, 2, 3, 12, 1, 4])))
    profile.add_runs(CalledRuns(encode("C"), np.array([10]), np.array([12])))
    assert profile.homopolymer_bins() == (
        HomopolymerBin("A", 3, 1, 1, 3.0),
        HomopolymerBin("A", 4, 2, 1, 3.0),
        HomopolymerBin("C", 10, 2, 1, 12.0),  # ten and longer share a row, exact by their own length
        HomopolymerBin("T", 2, 1, 0, 4.0),
    )
