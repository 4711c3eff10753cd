"""Metrics of windows: the published program's numbers, and small cases by hand."""

from pathlib import Path

import numpy as np
import pytest

from lexome.evaluate.windows import align_windows, exact_windows

GOLDEN = "golden/deepconsensus/alignment_loss_metric_reference.npz"


@pytest.mark.parametrize("which", ["rand", "ccs"])
def test_all_counts_are_the_published_programs(shared: Path, which: str) -> None:
    golden = np.load(shared / GOLDEN)
    labels, called = golden["y_true"].astype(np.uint8), golden[f"p_{which}"].argmax(-1)
    found = align_windows(called, labels)
    for name, values in {
        "score": found.scores,
        "num_matches": found.matches + found.mismatches,
        "num_correct_matches": found.matches,
        "num_insertions": found.insertions,
        "num_deletions": found.deletions,
        "alignment_length": found.columns,
    }.items():
        np.testing.assert_array_equal(values, golden[f"metric_{name}_{which}"], err_msg=name)
    np.testing.assert_allclose(found.identities, golden[f"metric_pid_{which}"], atol=1e-7)
    exact = exact_windows(called, labels)
    np.testing.assert_array_equal(exact, golden[f"metric_pid_{which}"] == 1)


def test_gaps_have_no_place() -> None:
    called = np.array([[0, 1, 0, 2], [1, 2, 0, 0], [0, 0, 0, 0], [1, 2, 3, 4]], np.uint8)
    labels = np.array([[1, 2, 0, 0], [2, 1, 0, 0], [0, 0, 0, 0], [0, 1, 2, 4]], np.uint8)
    assert exact_windows(called, labels).tolist() == [True, False, True, False]
    found = align_windows(called, labels)
    assert found.identities.tolist() == [1, 0, 1, 0.75]
    assert found.identity == pytest.approx((2 + 0 + 0 + 3) / (2 + 2 + 0 + 4))
    assert found.insertions.tolist() == [0, 0, 0, 1]


def test_nothing_to_align_is_no_error() -> None:
    nothing = np.zeros((2, 5), np.uint8)
    assert align_windows(nothing, nothing).identity == 1
    assert align_windows(nothing[:0], nothing[:0]).identity == 1


def test_labels_may_have_another_width() -> None:
    assert align_windows(np.array([[1, 2]]), np.array([[1, 2, 3]])).deletions.tolist() == [1]
