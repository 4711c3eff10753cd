"""What anything that reads sequences must beat: a linear model of k-mer counts, and the most frequent answer.

Legend: N sequences, K outputs, F k-mers of 1 to `longest` bases.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from lexome.core.alphabet import encode
from lexome.core.errors import UsageError
from lexome.tasks.language.labelled import LabelledSet
from lexome.tasks.language.targets import Target

_TOGETHER_BP = 2_000_000  # bases counted at once: bounds the memory, not the result
_ITERATIONS = 10_000  # far more than it takes; without convergence scikit-learn warns
_BASES = 4


@dataclass(frozen=True, eq=False)
class KmerRegression:
    """A fitted model; make one with `fit_kmer_regression`.

    Attributes:
        target: what it predicts.
        longest: bases of the longest k-mer.
        scaling: of the counts (scikit-learn's TfidfTransformer).
        used: the k-mers that the training set has, places among all F.
        models: one per output; one for all classes or a value; a number stands for a label that is always or
            never there.
    """

    target: Target
    longest: int
    scaling: Any
    used: np.ndarray
    models: tuple[Any, ...]

    def predictions(self, sequences: Sequence[str]) -> Float[np.ndarray, "N K"]:
        """Probabilities of classes or labels, or values, of sequences."""
        if not sequences:
            return np.zeros((0, self.target.num_outputs))
        counts = kmer_counts(sequences, self.longest)[:, self.used]
        with _one_thread():
            weights = self.scaling.transform(counts)
            return self._of(weights, len(sequences))

    def _of(self, weights: Any, num_sequences: int) -> np.ndarray:
        if self.target.kind == "value":
            values = self.models[0].predict(weights).reshape(-1, 1)
            return values * self.target.scale + self.target.mean
        predicted_NK = np.zeros((num_sequences, self.target.num_outputs))
        if self.target.kind == "classes":
            # a class that the training rows do not have keeps 0
            predicted_NK[:, self.models[0].classes_] = self.models[0].predict_proba(weights)
            return predicted_NK
        for k, model in enumerate(self.models):
            always = isinstance(model, float)
            predicted_NK[:, k] = model if always else model.predict_proba(weights)[:, 1]
        return predicted_NK


def fit_kmer_regression(
    training: LabelledSet, *, longest: int = 6, strength: float = 4.0, ridge: float = 1.0
) -> KmerRegression:
    """Fits a linear model of weighted k-mer counts: the same data gives the same model, on one thread.

    Counts of all k-mers of 1 to `longest` bases (those with N or other codes are left out) become
    1 + ln(count), times the inverse document frequency, each sequence with length 1. Classes are fitted by
    logistic regression (multinomial if there are more than two), each label by one of its own, values by
    ridge regression.

    Args:
        training: with at least two classes that occur, if its target is classes.
        longest: bases of the longest k-mer.
        strength: inverse of the L2 penalty of logistic regression (scikit-learn's C).
        ridge: L2 penalty of ridge regression (scikit-learn's alpha), for values with standard deviation 1.

    Raises:
        UsageError: if scikit-learn is not installed, or all training sequences are of one class.

    Source: the k-mer baselines of DNA benchmarks; scikit-learn's TfidfTransformer with sublinear_tf,
    LogisticRegression and Ridge. What TfidfVectorizer(analyzer="char") counts in upper case A, C, G, T is
    counted here as arrays, several times as fast.
    """
    linear = scikit_learn("linear_model")
    counts = kmer_counts(training.sequences, longest)
    used = np.unique(counts.indices)
    scaling = scikit_learn("feature_extraction.text").TfidfTransformer(sublinear_tf=True)
    target, truth = training.target, training.truth
    if target.kind == "classes" and len(np.unique(truth)) < 2:
        raise UsageError(
            f"{training.path}: all sequences are of class '{target.names[int(truth[0])]}'; a model needs two"
        )

    def logistic(is_true: np.ndarray) -> Any:
        if is_true.min() == is_true.max():
            return float(is_true[0])
        return linear.LogisticRegression(C=strength, max_iter=_ITERATIONS).fit(weights, is_true)

    with _one_thread():
        weights = scaling.fit_transform(counts[:, used])
        if target.kind == "classes":
            models = (logistic(truth),)
        elif target.kind == "labels":
            models = tuple(logistic(truth[:, k].astype(np.int64)) for k in range(target.num_outputs))
        else:
            scaled = (truth.astype(np.float64) - target.mean) / target.scale
            models = (linear.Ridge(alpha=ridge, solver="sparse_cg", tol=1e-8).fit(weights, scaled),)
    return KmerRegression(target, longest, scaling, used, models)


def majority_predictions(training: LabelledSet, num_sequences: int) -> Float[np.ndarray, "N K"]:
    """The same for every sequence: how frequent each class or label is in training, or the mean value."""
    target, truth = training.target, training.truth
    if target.kind == "classes":
        one_K = np.bincount(truth, minlength=target.num_outputs) / len(truth)
    elif target.kind == "labels":
        one_K = truth.mean(axis=0, dtype=np.float64)
    else:
        one_K = truth.mean(dtype=np.float64, keepdims=True)
    return np.tile(one_K, (num_sequences, 1))


def kmer_counts(sequences: Sequence[str], longest: int) -> Any:
    """Counts of all k-mers of 1 to `longest` bases, those of one base first: scipy's csr_matrix (N, F).

    K-mers are in the order of A, C, G, T; U is T; those with other codes are not counted.
    """
    sparse = _imported("scipy.sparse")
    blocks, start = [], 0
    while start < len(sequences):
        end, bases = start, 0
        while end < len(sequences) and (end == start or bases + len(sequences[end]) <= _TOGETHER_BP):
            bases += len(sequences[end])
            end += 1
        blocks.append(_block_counts(sequences[start:end], longest, sparse))
        start = end
    if not blocks:
        return sparse.csr_matrix((0, sum(_BASES**k for k in range(1, longest + 1))))
    return sparse.vstack(blocks, format="csr")


def _block_counts(sequences: Sequence[str], longest: int, sparse: Any) -> Any:
    codes = encode("".join(sequence.replace("U", "T") for sequence in sequences))
    lengths = [len(sequence) for sequence in sequences]
    rows = np.repeat(np.arange(len(sequences)), lengths)
    kmers, whole = np.zeros(len(codes), np.int64), np.ones(len(codes), bool)
    parts = []
    for k in range(1, longest + 1):
        # the k-mer at each base out of the one a base shorter and the base behind it, in the same sequence
        fitting = max(0, len(codes) - k + 1)
        last = codes[k - 1 :]
        kmers = kmers[:fitting] * _BASES + last
        whole = whole[:fitting] & (last < _BASES) & (rows[:fitting] == rows[k - 1 :])
        of, at = rows[:fitting][whole], kmers[whole]
        shape = (len(sequences), _BASES**k)
        parts.append(sparse.csr_matrix((np.ones(len(at)), (of, at)), shape=shape))
    return sparse.hstack(parts, format="csr")


def _one_thread() -> Any:
    return _imported("threadpoolctl").threadpool_limits(1)


def scikit_learn(name: str) -> Any:
    """A module of scikit-learn, which is an extra.

    Raises:
        UsageError: if it is not installed.
    """
    return _imported(f"sklearn.{name}")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            "k-mer regression needs scikit-learn, which is not installed; pip install 'lexome[lm]'"
        ) from error
