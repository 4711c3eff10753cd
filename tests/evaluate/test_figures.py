"""Every figure of a few reads, worked out by hand."""

import dataclasses
import json

import numpy as np
import pytest

from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.cigar import ReadErrors
from lexome.evaluate.figures import PerRead, ReadsFigures, figures, kept_identity
from lexome.evaluate.profile import ErrorProfile

FEW = BootstrapConfig(resamples=200)
# the fields of ReadErrors in their order, which a fixture below checks
GOOD = (90, 4, 2, 4, 18, 80, 1, 3, 1, 1, 0, 0)
POOR = (210, 30, 10, 50, 90, 200, 5, 35, 5, 15, 0, 0)
BEST = (100, 0, 0, 0, 20, 80, 0, 0, 0, 0, 0, 0)
GAPPED = (100, 0, 0, 100, 20, 180, 0, 0, 0, 100, 1, 100)
NOTHING = (0,) * 12


def per_read(*rows: tuple[int, int, float, tuple[int, ...]]) -> PerRead:
    """Rows of (length, aligned bases, mean Q, error counts)."""
    return PerRead(
        read_id=tuple(f"read_{i}" for i in range(len(rows))),
        length_bp=np.array([row[0] for row in rows], np.int64),
        aligned_bp=np.array([row[1] for row in rows], np.int64),
        mapped=np.array([sum(row[3]) > 0 for row in rows], bool),
        mean_q=np.array([row[2] for row in rows], np.float64),
        errors=np.array([row[3] for row in rows], np.int64).reshape(-1, 12),
    )


READS = per_read(
    (100, 96, 12.0, GOOD), (500, 250, 9.0, POOR), (0, 0, np.nan, NOTHING), (100, 100, 10.0, BEST)
)


def test_every_figure_by_hand() -> None:
    found = figures(READS, ErrorProfile(), FEW)
    assert (found.reads, found.mapped, found.unmapped, found.empty_reads) == (4, 3, 1, 1)
    assert (found.bases, found.mapped_bases) == (700, 446)
    assert found.mapped_fraction == 0.75
    assert found.bases_per_read == 175.0
    assert found.identity_median == pytest.approx(0.9)  # of 0.9, 0.7 and 1.0
    assert found.identity_mean == pytest.approx(2.6 / 3)
    assert found.identity_mean_all_reads == pytest.approx(2.6 / 4)
    assert found.identity_pooled == pytest.approx(400 / 500)
    assert found.identity_p10 == pytest.approx(0.7 + 0.2 * 0.2)
    assert found.identity_p90 == pytest.approx(0.9 + 0.8 * 0.1)
    # best Q first: 0.9; then 1.0 as well; then 0.7 as well
    assert found.identity_auc == pytest.approx(np.mean([0.9, 0.95, 2.6 / 3]))
    assert found.coverage_median == pytest.approx(0.96)
    assert found.coverage_mean == pytest.approx((0.96 + 0.5 + 1.0) / 3)
    assert found.mismatch_rate == pytest.approx(34 / 500)
    assert found.insertion_rate == pytest.approx(12 / 500)
    assert found.deletion_rate == pytest.approx(54 / 500)
    assert found.hp_insertion_rate == pytest.approx(6 / 128)
    assert found.hp_deletion_rate == pytest.approx(38 / 128)
    assert found.non_hp_insertion_rate == pytest.approx(6 / 360)
    assert found.non_hp_deletion_rate == pytest.approx(16 / 360)
    assert (found.alignment_columns, found.matches, found.hp_bases) == (500, 400, 128)


@pytest.fixture(autouse=True)
def _columns_are_what_the_rows_above_say() -> None:
    names = [field.name for field in dataclasses.fields(ReadErrors)]
    assert names == [
        "matches", "mismatches", "insertions", "deletions", "hp_bases", "non_hp_bases", "hp_insertions",
        "hp_deletions", "non_hp_insertions", "non_hp_deletions", "long_gaps", "long_gap_columns",
    ]  # fmt: skip


def test_parts_make_a_whole() -> None:
    found = figures(READS, ErrorProfile(), FEW)
    rates = (found.identity_pooled, found.mismatch_rate, found.insertion_rate, found.deletion_rate)
    assert sum(rate or 0.0 for rate in rates) == pytest.approx(1.0)


def test_long_gaps_are_shown_apart() -> None:
    found = figures(per_read((100, 100, 10.0, BEST), (100, 100, 10.0, GAPPED)), ErrorProfile(), FEW)
    assert (found.long_gaps, found.long_gap_columns) == (1, 100)
    assert found.identity_pooled == pytest.approx(200 / 300)
    assert found.identity_pooled_no_long_gaps == 1.0


def test_intervals_hold_the_value_and_are_the_same_every_time() -> None:
    many = per_read(*[(100, 96, 12.0, GOOD), (500, 250, 9.0, POOR), (100, 100, 10.0, BEST)] * 20)
    found = figures(many, ErrorProfile(), FEW)
    for name, interval in found.intervals.items():
        value = getattr(found, name)
        assert interval is not None, name
        assert interval[0] <= value <= interval[1], name
    assert found.intervals["identity_mean"] != (found.identity_mean, found.identity_mean)
    assert found == figures(many, ErrorProfile(), FEW)
    assert {"identity_median", "identity_mean_all_reads", "bases_per_read"} <= set(found.intervals)


@pytest.mark.parametrize(
    "reads",
    [per_read(), per_read((0, 0, np.nan, NOTHING)), per_read((50, 0, 7.0, NOTHING), (60, 0, 7.0, NOTHING))],
)
def test_without_a_mapped_read_figures_are_unknown_and_not_zero(reads: PerRead) -> None:
    found = figures(reads, ErrorProfile(), FEW)
    assert found.mapped == 0
    for name in (
        "identity_median",
        "identity_pooled",
        "coverage_median",
        "deletion_rate",
        "hp_deletion_rate",
    ):
        assert getattr(found, name) is None
        assert found.intervals[name] is None
    assert found.identity_mean_all_reads == (0.0 if found.reads else None)
    json.dumps(found.to_json(), allow_nan=False)


def test_one_mapped_read_has_no_interval_of_identity() -> None:
    found = figures(per_read((100, 96, 12.0, GOOD), (50, 0, 5.0, NOTHING)), ErrorProfile(), FEW)
    assert found.identity_median == pytest.approx(0.9)
    assert found.intervals["identity_median"] is None
    assert found.intervals["mapped_fraction"] == (0.0, 1.0)


def test_without_qualities_there_is_no_order_of_reads() -> None:
    assert figures(per_read((100, 96, np.nan, GOOD)), ErrorProfile(), FEW).identity_auc is None


def test_kept_identity() -> None:
    assert kept_identity(np.array([1.0, 0.5, 0.0])).tolist() == [1.0, 0.75, 0.5]


def test_json_keeps_the_order_of_the_fields() -> None:
    found = figures(READS, ErrorProfile(), FEW)
    assert list(found.to_json()) == [field.name for field in dataclasses.fields(ReadsFigures)]
