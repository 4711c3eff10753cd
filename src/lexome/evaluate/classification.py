"""How well predicted classes, labels and values agree with the truth, with intervals over sequences.

Classes are judged by the most probable one (the first of equals), labels by a probability above one half.
AUROC and AUPRC use the probabilities themselves.

A figure that is not defined is None, never NaN: AUROC and AUPRC where all of the truth is the same, a
correlation with something constant, R2 of a constant truth. Only Matthews correlation is 0 then, as in
scikit-learn: a model that always says the same has learned nothing, and that is a result.

Shapes: N sequences, K outputs, D drawn sequences (a bootstrap resample).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Num, Shaped

from lexome.core.errors import UsageError, nearest
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig, intervals

TargetKind = Literal["classes", "labels", "value"]
Predictions = Float[np.ndarray, "N K"]
Truth = Shaped[np.ndarray, "N ..."]
_NAN = float("nan")


def figures_of(
    kind: TargetKind, predictions_NK: Predictions, truth: Truth, names: Sequence[str] | None = None
) -> dict[str, float | None]:
    """The figures of a set of predictions.

    Args:
        kind: "classes", "labels" or "value".
        predictions_NK: probabilities of classes or labels, or values with K = 1.
        truth: of classes (N,), the index of the right one; of labels (N, K), 0 or 1; of values (N,).
        names: which figures; all of the kind (`METRICS[kind]`) if not given.

    Returns:
        For classes: accuracy, mcc, f1_macro (over the classes that are in the truth or predicted), auroc and
        auprc (of the second class if there are two, else the mean of each class against the rest, over those
        that the truth has).
        For labels: accuracy (of single labels), exact (all labels of a sequence right), and the means over
        labels of mcc, f1_macro, auroc and auprc.
        For values: pearson, spearman, r2, rmse.

    Raises:
        UsageError: if the kind has no such figure.
        ValueError: if shapes do not fit, there is no sequence, or a prediction is no number.

    Source: the definitions of scikit-learn's metrics of the same names; there AUROC without all classes is an
    error.
    """
    _check(kind, predictions_NK, truth)
    chosen = _chosen(kind, names)
    values = {name: chosen[name](predictions_NK, truth) for name in chosen}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def figure_intervals(
    kind: TargetKind,
    predictions_NK: Predictions,
    truth: Truth,
    names: Sequence[str] | None = None,
    config: BootstrapConfig = DEFAULT_BOOTSTRAP,
) -> dict[str, tuple[float, float] | None]:
    """Bootstrap intervals of the figures of `figures_of`, over sequences; see there for the arguments.

    They say how much a score depends on which sequences were tested, not on how training went.
    """
    _check(kind, predictions_NK, truth)
    chosen = _chosen(kind, names)

    def statistics(drawn: Int[np.ndarray, " D"]) -> dict[str, float]:
        return {name: chosen[name](predictions_NK[drawn], truth[drawn]) for name in chosen}

    return intervals(statistics, len(truth), config)


def f1_by_class(
    predictions_NK: Float[np.ndarray, "N K"], truth_N: Int[np.ndarray, " N"]
) -> list[float | None]:
    """F1 of each class; None for one that is neither in the truth nor predicted."""
    values = _f1(_confusion(predictions_NK, truth_N))
    return [None if np.isnan(value) else float(value) for value in values]


def confusion(
    predictions_NK: Float[np.ndarray, "N K"], truth_N: Int[np.ndarray, " N"]
) -> Int[np.ndarray, "K K"]:
    """Sequences of each true class (row) that are predicted as each class (column)."""
    _check("classes", predictions_NK, truth_N)
    return _confusion(predictions_NK, truth_N)


def _check(kind: TargetKind, predictions_NK: np.ndarray, truth: np.ndarray) -> None:
    num_sequences, num_outputs = predictions_NK.shape
    expected = (num_sequences, num_outputs) if kind == "labels" else (num_sequences,)
    if truth.shape != expected or not num_sequences:
        raise ValueError(f"{kind}: truth {truth.shape} does not fit predictions {predictions_NK.shape}")
    if kind == "value" and num_outputs != 1:
        raise ValueError(f"{num_outputs} outputs for one value")
    if not np.isfinite(predictions_NK).all():
        raise ValueError("a prediction is no finite number")
    if kind == "classes" and not (0 <= truth.min() and truth.max() < num_outputs):
        raise ValueError(f"true classes {truth.min()} to {truth.max()}, but {num_outputs} outputs")


def _chosen(kind: TargetKind, names: Sequence[str] | None) -> "dict[str, _Metric]":
    known = METRICS[kind]
    for name in names or ():
        if name not in known:
            raise UsageError(f"no figure '{name}' for {kind}; {nearest(name, known)}")
    return {name: known[name] for name in (known if names is None else names)}


def _confusion(
    predictions_NK: Float[np.ndarray, "N K"], truth_N: Int[np.ndarray, " N"]
) -> Int[np.ndarray, "K K"]:
    num_classes = predictions_NK.shape[1]
    cells = truth_N * num_classes + predictions_NK.argmax(axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def _f1(confusion_KK: Num[np.ndarray, "K K"]) -> Float[np.ndarray, " K"]:
    """F1 of each class; NaN where a class is neither in the truth nor predicted."""
    total = confusion_KK.sum(axis=0) + confusion_KK.sum(axis=1)
    return np.where(total > 0, 2 * np.diag(confusion_KK) / np.maximum(total, 1), np.nan)


def _mcc(confusion_KK: Num[np.ndarray, "K K"]) -> float:
    """Matthews correlation of any number of classes, between the indicators of truth and prediction.

    0 if the truth or the prediction is always the same class.
    """
    counts = confusion_KK.astype(np.float64)
    true_K, predicted_K, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    both = np.trace(counts) * total - true_K @ predicted_K
    spread = (total**2 - true_K @ true_K) * (total**2 - predicted_K @ predicted_K)
    return float(both / np.sqrt(spread)) if spread > 0 else 0.0


def _mid_ranks(values_N: Num[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(values_N, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _auroc(scores_N: Float[np.ndarray, " N"], is_positive_N: Bool[np.ndarray, " N"]) -> float:
    """Chance that a positive one scores above a negative one, equal scores counting half."""
    positives = int(is_positive_N.sum())
    negatives = len(is_positive_N) - positives
    if not positives or not negatives:
        return _NAN
    above = _mid_ranks(scores_N)[is_positive_N].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def _auprc(scores_N: Float[np.ndarray, " N"], is_positive_N: Bool[np.ndarray, " N"]) -> float:
    """Average precision: of every threshold its precision, weighted by the recall that it adds."""
    positives = int(is_positive_N.sum())
    if not positives or positives == len(is_positive_N):
        return _NAN
    order = np.argsort(-scores_N, kind="stable")
    found = np.cumsum(is_positive_N[order])
    last = np.flatnonzero(np.append(np.diff(scores_N[order]) != 0, True))  # of each group of equal scores
    precision = found[last] / (last + 1)
    return float((precision * np.diff(found[last], prepend=0)).sum() / positives)


_Ranking = Callable[[np.ndarray, np.ndarray], float]


def _of_classes(ranking: _Ranking) -> "_Metric":
    def metric(predictions_NK: np.ndarray, truth_N: np.ndarray) -> float:
        num_classes = predictions_NK.shape[1]
        judged = [1] if num_classes == 2 else range(num_classes)
        return _mean([ranking(predictions_NK[:, k], truth_N == k) for k in judged])

    return metric


def _of_labels(figure: _Ranking) -> "_Metric":
    def metric(predictions_NK: np.ndarray, truth_NK: np.ndarray) -> float:
        columns = zip(predictions_NK.T, truth_NK.T > 0.5, strict=True)
        return _mean([figure(scores, is_true) for scores, is_true in columns])

    return metric


def _mean(values: Sequence[float] | np.ndarray) -> float:
    known = np.asarray(values)[~np.isnan(values)]
    return float(known.mean()) if len(known) else _NAN


def _of_decisions(figure: Callable[[np.ndarray], float]) -> _Ranking:
    """A figure of the two by two table of one label and the decision on it."""

    def ranking(scores_N: np.ndarray, is_true_N: np.ndarray) -> float:
        cells = 2 * is_true_N.astype(np.int64) + (scores_N > 0.5)
        return figure(np.bincount(cells, minlength=4).reshape(2, 2))

    return ranking


def _label_f1(table: np.ndarray) -> float:
    return float(np.nan_to_num(_f1(table)[1]))  # no such label and none predicted: 0, as scikit-learn has it


def _pearson(a_N: np.ndarray, b_N: np.ndarray) -> float:
    if a_N.min() == a_N.max() or b_N.min() == b_N.max():
        return _NAN
    a, b = a_N - a_N.mean(dtype=np.float64), b_N - b_N.mean(dtype=np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _r2(values_N: np.ndarray, truth_N: np.ndarray) -> float:
    if truth_N.min() == truth_N.max():
        return _NAN
    off = truth_N - truth_N.mean(dtype=np.float64)
    return float(1 - ((truth_N - values_N) ** 2).sum() / (off @ off))


def _of_values(figure: _Ranking) -> "_Metric":
    def metric(predictions_NK: np.ndarray, truth_N: np.ndarray) -> float:
        return figure(predictions_NK[:, 0].astype(np.float64), truth_N.astype(np.float64))

    return metric


_Metric = Callable[[Any, Any], float]

METRICS: Mapping[TargetKind, Mapping[str, _Metric]] = {
    "classes": {
        "accuracy": lambda p_NK, t_N: float((p_NK.argmax(axis=1) == t_N).mean()),
        "mcc": lambda p_NK, t_N: _mcc(_confusion(p_NK, t_N)),
        "f1_macro": lambda p_NK, t_N: _mean(_f1(_confusion(p_NK, t_N))),
        "auroc": _of_classes(_auroc),
        "auprc": _of_classes(_auprc),
    },
    "labels": {
        "accuracy": lambda p_NK, t_NK: float(((p_NK > 0.5) == (t_NK > 0.5)).mean()),
        "exact": lambda p_NK, t_NK: float(((p_NK > 0.5) == (t_NK > 0.5)).all(axis=1).mean()),
        "mcc": _of_labels(_of_decisions(_mcc)),
        "f1_macro": _of_labels(_of_decisions(_label_f1)),
        "auroc": _of_labels(_auroc),
        "auprc": _of_labels(_auprc),
    },
    "value": {
        "pearson": _of_values(_pearson),
        "spearman": _of_values(lambda a_N, b_N: _pearson(_mid_ranks(a_N), _mid_ranks(b_N))),
        "r2": _of_values(_r2),
        "rmse": _of_values(lambda a_N, b_N: float(np.sqrt(((a_N - b_N) ** 2).mean()))),
    },
}
