"""Figures of a set of reads, worked out by hand from a handful of molecules."""

import numpy as np
import pytest

from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.correction import JudgedReads, edit_ratio, set_figures, yield_ratios
from lexome.evaluate.kmer_qv import KmerTally, true_kmers
from lexome.evaluate.truth_alignment import ErrorCounts, Judged

BOOTSTRAP = BootstrapConfig(resamples=200)


def judged(matches: int, edits: tuple[int, ...] = (0,) * 6, windows: tuple[int, ...] = (0,)) -> Judged:
    counts = ErrorCounts(
        matches, *edits, truth_bases=matches + edits[0] + edits[1] + sum(edits[4:]), truth_hp_bases=7
    )
    quality_counts = np.zeros((94, 3), np.int64)
    quality_counts[30] = [matches, sum(edits[:4]), 0]
    return Judged(counts, np.array(windows, np.int32), quality_counts)


def empty(molecules: int) -> JudgedReads:
    return JudgedReads(molecules, KmerTally(true_kmers([], 0)))


@pytest.fixture
def reads() -> JudgedReads:
    """Seven molecules: perfect; Q30; Q20; Q20 but predicted as bad; worse; unlike its truth; missing."""
    reads = empty(7)
    reads.add(0, 10_000, 40.0, judged(10_000))
    reads.add(1, 9_999, 30.0, judged(9_991, (1, 2, 1, 1, 2, 2)))
    reads.add(2, 1_000, 25.0, judged(990, (0, 0, 10, 0, 0, 0)))
    reads.add(3, 1_000, 19.9, judged(999, (0, 1, 0, 0, 0, 0)))
    reads.add(4, 500, 21.0, judged(480, (0, 0, 0, 20, 0, 0)))
    reads.add(5, 300, 22.0, None)
    reads.without_truth, reads.repeated = 3, 2
    return reads


def test_figures_by_hand(reads: JudgedReads) -> None:
    found = set_figures(reads, 20.0)
    assert (found.reads, found.found, found.missing, found.too_unlike) == (11, 5, 1, 1)
    assert (found.without_truth, found.repeated) == (3, 2)
    assert (found.bases, found.edits) == (10_000 + 9_999 + 1_000 + 1_000 + 500, 9 + 10 + 1 + 20)
    assert found.truth_bases == 10_000 + 9_998 + 990 + 1_000 + 480
    assert found.edits_per_kb == pytest.approx(1000 * 40 / found.truth_bases)
    identities = [1.0, 9991 / 10_000, 0.99, 0.999, 0.96]
    assert found.identity_mean == pytest.approx(np.mean(identities))
    assert found.identity_median == pytest.approx(0.999)
    matches = 10_000 + 9_991 + 990 + 999 + 480
    assert found.identity_pooled == pytest.approx(matches / (matches + 40))
    assert found.q_pooled == pytest.approx(-10 * np.log10(40 / (matches + 40)))
    assert found.perfect_reads == 1
    assert (found.hp_mismatches, found.non_hp_mismatches, found.mismatches) == (1, 3, 4)
    assert (found.hp_insertions, found.non_hp_insertions, found.insertions) == (11, 21, 32)
    assert (found.hp_deletions, found.non_hp_deletions, found.deletions) == (2, 2, 4)
    assert found.mismatches + found.insertions + found.deletions == found.edits
    assert found.truth_hp_bases == 5 * 7


def test_yields_need_a_good_prediction_and_a_good_read(reads: JudgedReads) -> None:
    found = set_figures(reads, 20.0)
    assert (found.kept_reads, found.kept_bases) == (4, 10_000 + 9_999 + 1_000 + 500)
    assert (found.reads_q20, found.reads_q30, found.reads_q40) == (3, 2, 1)
    assert (found.bases_q20, found.bases_q30, found.bases_q40) == (20_999, 19_999, 10_000)
    every = set_figures(reads, 0.0)
    assert (every.reads_q20, every.reads_q30) == (4, 3)  # exactly 0.999 is Q30
    assert yield_ratios(found, every) == {
        "reads_q20": 3 / 4, "reads_q30": 2 / 3, "reads_q40": 1.0,
        "bases_q20": 20_999 / 21_999, "bases_q30": 19_999 / 20_999, "bases_q40": 1.0,
    }  # fmt: skip
    assert set(yield_ratios(found, set_figures(empty(7), 20.0)).values()) == {None}


def test_reads_without_a_prediction_are_kept() -> None:
    reads = empty(1)
    reads.add(0, 100, float("nan"), judged(100))
    found = set_figures(reads, 90.0)
    assert (found.kept_reads, found.reads_q40, found.read_q_predicted_vs_empirical) == (1, 1, ())


def test_reads_by_predicted_quality(reads: JudgedReads) -> None:
    rows = {row.q_predicted: row for row in set_figures(reads, 20.0).read_q_predicted_vs_empirical}
    assert sorted(rows) == [15, 20, 25, 30, 40]
    assert (rows[20].reads, rows[20].edits, rows[20].columns) == (1, 20, 500)
    assert rows[20].q_empirical == pytest.approx(-10 * np.log10(20 / 500))
    assert rows[20].edits_expected == pytest.approx(500 * 10**-2.1)
    assert rows[40].q_empirical is None
    base_rows = set_figures(reads, 20.0).q_predicted_vs_empirical
    assert [(row.q_predicted, row.errors) for row in base_rows] == [(30, 36)]


def test_nothing_found_is_no_number() -> None:
    found = set_figures(empty(3), 20.0)
    assert (found.reads, found.found, found.missing) == (0, 0, 3)
    unknown = ("edits_per_kb", "identity_mean", "identity_pooled", "identity_median", "q_pooled")
    assert {getattr(found, name) for name in (*unknown, "kmer_qv", "calibration_error")} == {None}


def test_ratios_are_of_molecules_that_both_have(reads: JudgedReads) -> None:
    other = empty(7)
    other.add(1, 9_999, 30.0, judged(9_980, (0, 0, 0, 18, 0, 0)))
    other.add(4, 500, 21.0, judged(480, (0, 0, 0, 10, 0, 0)))
    other.add(6, 500, 21.0, judged(480, (0, 0, 0, 99, 0, 0)))
    ratio = edit_ratio(reads, other, BOOTSTRAP)
    assert (ratio.molecules, ratio.edits, ratio.edits_of_other) == (2, 29, 28)
    assert ratio.ratio == 29 / 28
    assert ratio.interval_molecules == (0.5, 2.0)  # 9/18 and 20/10
    assert ratio.windows == 2


def test_windows_are_drawn_with_few_molecules_only() -> None:
    rng = np.random.default_rng(6)
    for molecules, drawn in ((99, 99 * 4), (100, None)):
        ours, theirs = empty(molecules), empty(molecules)
        for number in range(molecules):
            for reads, most in ((ours, 3), (theirs, 6)):
                edits = rng.integers(0, most, 4)
                total = int(edits.sum())
                reads.add(number, 400, 30.0, judged(400, (0, total, 0, 0, 0, 0), tuple(edits.tolist())))
        ratio = edit_ratio(ours, theirs, BOOTSTRAP)
        assert ratio.windows == drawn
        assert (ratio.interval_windows is None) == (drawn is None)
        for interval in filter(None, (ratio.interval_windows, ratio.interval_molecules)):
            assert interval[0] < (ratio.ratio or 0) < interval[1]
            assert interval[1] - interval[0] < 0.2


def test_without_edits_below_the_line_there_is_no_ratio() -> None:
    ours, theirs = empty(2), empty(2)
    for number in range(2):
        ours.add(number, 9, 30.0, judged(9, (1, 0, 0, 0, 0, 0)))
        theirs.add(number, 9, 30.0, judged(9))
    ratio = edit_ratio(ours, theirs, BOOTSTRAP)
    assert (ratio.ratio, ratio.interval_molecules, ratio.interval_windows) == (None, None, None)
    assert edit_ratio(ours, empty(2), BOOTSTRAP).molecules == 0
