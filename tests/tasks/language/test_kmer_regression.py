"""The linear model of k-mers against scikit-learn's own text features, and its published scores."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

import lexome.tasks.language.kmer_regression as kmer_regression
from lexome.core.errors import UsageError
from lexome.evaluate.classification import figures_of
from lexome.tasks.language.kmer_regression import fit_kmer_regression, kmer_counts, majority_predictions
from lexome.tasks.language.labelled import LabelledSet, read_labelled
from lexome.tasks.language.splits import take
from lexome.tasks.language.targets import Target


def _set(truth: np.ndarray, target: Target, seed: int, length: int = 40) -> LabelledSet:
    """Random sequences; class 1, or the first label, shows as TATA."""
    rng = np.random.default_rng(seed)
    sequences = []
    for one in truth.reshape(len(truth), -1):
        bases = rng.choice(list("ACGT"), length)
        if one[0] == 1:
            bases[5:13] = list("TATATATA")
        sequences.append("".join(bases))
    return LabelledSet(Path("none"), [str(i) for i in range(len(truth))], sequences, truth, target)


def test_counts_by_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = ["ACGTAC", "A", "", "NNACN", "TTTTTT", "ACRT", "UUA"]
    counts = kmer_counts(sequences, 3).toarray()
    kmers = [a + b + c for k in range(3) for a in ("ACGT" if k > 1 else [""])
             for b in ("ACGT" if k > 0 else [""]) for c in "ACGT"]  # fmt: skip
    for row, sequence in zip(counts, sequences, strict=True):
        text = sequence.replace("U", "T")
        expected = [sum(text[i:].startswith(kmer) for i in range(len(text))) for kmer in kmers]
        assert row.tolist() == expected
    monkeypatch.setattr(kmer_regression, "_TOGETHER_BP", 7)
    assert (kmer_counts(sequences, 3).toarray() == counts).all()
    assert kmer_counts([], 2).shape == (0, 20)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_classes_as_by_scikit_learn_alone(num_classes: int) -> None:
    target = Target("classes", tuple("abc"[:num_classes]))
    rng = np.random.default_rng(1)
    training = _set(rng.integers(0, num_classes, 150), target, 2)
    tested = _set(rng.integers(0, num_classes, 60), target, 3)
    predictions = fit_kmer_regression(training, longest=4).predictions(tested.sequences)
    words = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False, sublinear_tf=True)
    model = LogisticRegression(C=4, max_iter=1000).fit(
        words.fit_transform(training.sequences), training.truth
    )
    expected = model.predict_proba(words.transform(tested.sequences))
    assert predictions.shape == (60, num_classes)
    assert np.abs(predictions - expected).max() < 2e-3
    again = fit_kmer_regression(training, longest=4).predictions(tested.sequences)
    assert (again == predictions).all()
    assert fit_kmer_regression(training, longest=4).predictions([]).shape == (0, num_classes)
    if num_classes == 2:
        assert (figures_of("classes", predictions, tested.truth)["auroc"] or 0) > 0.98


def test_a_class_without_rows_is_never_predicted() -> None:
    target = Target("classes", ("a", "b", "c"))
    training = _set(np.array([1, 2] * 20), target, 0)
    predictions = fit_kmer_regression(training, longest=2).predictions(training.sequences)
    assert predictions.shape == (40, 3)
    assert (predictions[:, 0] == 0).all()
    assert np.allclose(predictions.sum(axis=1), 1)
    with pytest.raises(UsageError, match="all sequences are of class 'b'; a model needs two"):
        fit_kmer_regression(_set(np.ones(5, np.int64), target, 0))


def test_labels_one_by_one() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (120, 3)).astype(np.float32)
    truth[:, 1] = 1
    training = _set(truth, Target("labels", ("a", "b", "c")), 1)
    predictions = fit_kmer_regression(training, longest=4).predictions(training.sequences)
    assert (predictions[:, 1] == 1).all()
    assert (figures_of("labels", predictions[:, :1], truth[:, :1])["auroc"] or 0) > 0.98
    alone = LabelledSet(training.path, training.names, training.sequences, truth[:, 0].astype(np.int64),
                        Target("classes", ("0", "1")))  # fmt: skip
    expected = fit_kmer_regression(alone, longest=4).predictions(training.sequences)
    assert np.allclose(predictions[:, 0], expected[:, 1])


def test_values_as_by_scikit_learn_alone() -> None:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 50, p=[p, 0.5 - p, 0.5 - p, p])) for p in
                 rng.uniform(0.05, 0.45, 200)]  # fmt: skip
    gc = np.array([sum(base in "GC" for base in one) for one in sequences], np.float32)
    target = Target("value", ("gc",), float(gc.mean()), float(gc.std()))
    names = [str(i) for i in range(200)]
    training = LabelledSet(Path("none"), names, sequences, gc, target)
    predictions = fit_kmer_regression(take(training, np.arange(150)), longest=3).predictions(sequences[150:])
    assert (figures_of("value", predictions, gc[150:])["pearson"] or 0) > 0.95
    words = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False, sublinear_tf=True)
    scaled = (gc[:150] - target.mean) / target.scale
    model = Ridge(alpha=1.0, solver="cholesky").fit(words.fit_transform(sequences[:150]).toarray(), scaled)
    expected = model.predict(words.transform(sequences[150:]).toarray()) * target.scale + target.mean
    assert predictions[:, 0] == pytest.approx(expected, abs=1e-3)


def test_the_most_frequent_answer() -> None:
    classes = _set(np.array([0, 1, 1, 1]), Target("classes", ("a", "b", "c")), 0)
    assert majority_predictions(classes, 2).tolist() == [[0.25, 0.75, 0.0]] * 2
    labels = _set(np.array([[0, 1], [1, 1]], np.float32), Target("labels", ("a", "b")), 0)
    assert majority_predictions(labels, 1).tolist() == [[0.5, 1.0]]
    values = _set(np.array([1, 2, 6], np.float32), Target("value", ("y",), 3.0, 2.0), 0)
    assert majority_predictions(values, 3).tolist() == [[3.0]] * 3


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(UsageError, match=r"pip install 'lexome\[lm\]'"):
        fit_kmer_regression(_set(np.array([0, 1]), Target("classes", ("a", "b")), 0))


@pytest.mark.parametrize(("name", "percent"), [("mouse/2", 81.71), ("tf/2", 62.18)])
def test_scores_that_are_known(name: str, percent: float, shared: Path) -> None:
    folder = shared / "data/dna/gue" / name
    training = read_labelled(next(folder.glob("train.csv*")))
    tested = read_labelled(next(folder.glob("test.csv*")), target=training.target)
    predictions = fit_kmer_regression(training).predictions(tested.sequences)
    mcc = figures_of("classes", predictions, tested.truth, ["mcc"])["mcc"]
    assert 100 * (mcc or 0) == pytest.approx(percent, abs=0.005)
