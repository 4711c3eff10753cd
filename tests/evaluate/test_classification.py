"""Figures of predictions against scikit-learn, brute force and cases worked out by hand."""

import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from lexome.core.errors import UsageError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.classification import METRICS, confusion, f1_by_class, figure_intervals, figures_of


def _probabilities(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """With many ties between sequences, and rows that sum to one."""
    parts = rng.integers(1, 6, (n, k)).astype(np.float64)
    return parts / parts.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("num_classes", "seed"), list(product((2, 3, 5), range(8))))
def test_classes_as_in_scikit_learn(num_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(num_classes), rng.integers(0, num_classes, 40)])
    predictions = _probabilities(rng, len(truth), num_classes)
    said = predictions.argmax(axis=1)
    figures = figures_of("classes", predictions, truth)
    score = predictions[:, 1] if num_classes == 2 else predictions
    one_hot = np.eye(num_classes)[truth]
    expected = {
        "accuracy": metrics.accuracy_score(truth, said),
        "mcc": metrics.matthews_corrcoef(truth, said),
        "f1_macro": metrics.f1_score(truth, said, average="macro"),
        "auroc": metrics.roc_auc_score(truth, score, multi_class="ovr"),
        "auprc": metrics.average_precision_score(truth if num_classes == 2 else one_hot, score),
    }
    assert figures == pytest.approx(expected, abs=1e-12)
    assert f1_by_class(predictions, truth) == pytest.approx(
        metrics.f1_score(truth, said, average=None).tolist()
    )
    assert confusion(predictions, truth).tolist() == metrics.confusion_matrix(truth, said).tolist()


@pytest.mark.parametrize("seed", range(8))
def test_labels_as_in_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, (50, 4)).astype(np.float32)
    predictions = rng.integers(0, 8, (50, 4)) / 7
    said = predictions > 0.5
    expected = {
        "accuracy": (said == (truth > 0)).mean(),
        "exact": metrics.accuracy_score(truth, said),
        "mcc": np.mean([metrics.matthews_corrcoef(truth[:, k], said[:, k]) for k in range(4)]),
        "f1_macro": metrics.f1_score(truth, said, average="macro"),
        "auroc": metrics.roc_auc_score(truth, predictions),
        "auprc": metrics.average_precision_score(truth, predictions),
    }
    assert figures_of("labels", predictions, truth) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_values_as_in_scipy(seed: int) -> None:
    from scipy import stats  # type: ignore[import-untyped]

    rng = np.random.default_rng(seed)
    truth = rng.integers(-3, 4, 40).astype(np.float32)
    predictions = (truth + rng.integers(-3, 4, 40))[:, None].astype(np.float64)
    expected = {
        "pearson": stats.pearsonr(predictions[:, 0], truth)[0],
        "spearman": stats.spearmanr(predictions[:, 0], truth)[0],
        "r2": metrics.r2_score(truth, predictions[:, 0]),
        "rmse": metrics.root_mean_squared_error(truth, predictions[:, 0]),
    }
    assert figures_of("value", predictions, truth) == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=14))
def test_auroc_counts_pairs(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in pairs]) / 4
    truth = np.array([is_true for _, is_true in pairs], np.int64)
    predictions = np.stack([1 - scores, scores], axis=1)
    auroc = figures_of("classes", predictions, truth)["auroc"]
    compared = [(a > b) + 0.5 * (a == b) for a, b in product(scores[truth == 1], scores[truth == 0])]
    assert auroc == (pytest.approx(np.mean(compared)) if compared else None)


def test_mcc_worked_out_by_hand() -> None:
    truth = np.array([1] * 7 + [0] * 5)
    said = np.array([1] * 5 + [0] * 2 + [0] * 4 + [1])
    figures = figures_of("classes", np.eye(2)[said], truth)
    # tp 5, fn 2, tn 4, fp 1
    assert figures["mcc"] == pytest.approx((5 * 4 - 1 * 2) / np.sqrt(6 * 7 * 5 * 6))


def test_what_is_not_defined_is_none_and_mcc_is_0() -> None:
    one_class = figures_of("classes", np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([1, 1]))
    assert one_class == {"accuracy": 0.5, "mcc": 0.0, "f1_macro": pytest.approx(1 / 3), "auroc": None,
                         "auprc": None}  # fmt: skip
    majority = figures_of("classes", np.tile([0.0, 1.0], (4, 1)), np.array([0, 1, 1, 1]))
    assert (majority["accuracy"], majority["mcc"], majority["auroc"]) == (0.75, 0.0, 0.5)
    constant = figures_of("value", np.ones((3, 1)), np.array([1.0, 2.0, 3.0]))
    assert (constant["pearson"], constant["spearman"], constant["r2"]) == (None, None, pytest.approx(-1.5))
    assert figures_of("value", np.ones((3, 1)), np.full(3, 1.0)) == {
        "pearson": None, "spearman": None, "r2": None, "rmse": 0.0
    }  # fmt: skip
    labels = figures_of("labels", np.array([[0.1, 0.9], [0.1, 0.2]]), np.array([[0, 1], [0, 0]]))
    assert labels == {"accuracy": 1.0, "exact": 1.0, "mcc": 0.5, "f1_macro": 0.5, "auroc": 1.0, "auprc": 1.0}


def test_a_class_that_is_not_tested_does_not_count() -> None:
    truth = np.array([0, 0, 1, 1])
    predictions = np.array([[0.8, 0.1, 0.1], [0.15, 0.75, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1]])
    figures = figures_of("classes", predictions, truth)
    assert figures["f1_macro"] == pytest.approx(
        metrics.f1_score(truth, predictions.argmax(axis=1), average="macro")
    )
    assert figures["auroc"] == pytest.approx(0.75)
    assert f1_by_class(predictions, truth)[2] is None


def test_intervals_hold_the_figure_and_repeat() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 300)
    score = np.clip(truth * 0.3 + rng.normal(0.35, 0.2, 300), 0, 1)
    predictions = np.stack([1 - score, score], axis=1)
    config = BootstrapConfig(resamples=300, seed=5)
    spread = figure_intervals("classes", predictions, truth, ["mcc", "auroc"], config)
    figures = figures_of("classes", predictions, truth, ["mcc", "auroc"])
    assert list(spread) == list(figures) == ["mcc", "auroc"]
    assert spread == figure_intervals("classes", predictions, truth, ["mcc", "auroc"], config)
    for name, value in figures.items():
        low_high = spread[name]
        assert low_high is not None
        assert value is not None
        assert low_high[0] < value < low_high[1]
    mcc_spread = spread["mcc"]
    assert mcc_spread is not None
    # the width of a normal interval of a correlation of 300
    assert mcc_spread[1] - mcc_spread[0] == pytest.approx(
        3.92 * (1 - (figures["mcc"] or 0) ** 2) / np.sqrt(300), rel=0.35
    )
    # a set of one class has no AUROC in any resample
    assert figure_intervals("classes", predictions[:5], np.ones(5, np.int64), ["auroc"], config) == {
        "auroc": None
    }


def test_what_does_not_fit_is_refused() -> None:
    good = np.full((3, 2), 0.5)
    with pytest.raises(UsageError, match="no figure 'mc' for classes; did you mean 'mcc'"):
        figures_of("classes", good, np.zeros(3, np.int64), ["mc"])
    with pytest.raises(ValueError, match="does not fit"):
        figures_of("labels", good, np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="does not fit"):
        figures_of("classes", good[:0], np.zeros(0, np.int64))
    with pytest.raises(ValueError, match="2 outputs for one value"):
        figures_of("value", good, np.zeros(3))
    with pytest.raises(ValueError, match="0 to 2, but 2 outputs"):
        figures_of("classes", good, np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="no finite number"):
        figures_of("classes", good * np.nan, np.zeros(3, np.int64))


def test_all_figures_are_asked_for() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind, outputs in (("classes", 3), ("labels", 3), ("value", 1)):
            truth = np.zeros((2, 3)) if kind == "labels" else np.zeros(2, np.int64)
            assert list(figures_of(kind, np.full((2, outputs), 0.3), truth)) == list(METRICS[kind])
