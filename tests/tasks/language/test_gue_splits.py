"""What is trained on, stopped by and scored on: nothing twice, copies together, classes evenly."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.tasks.language.gue_sets import BenchmarkSet, FoundSet, Split, find_sets
from lexome.tasks.language.gue_splits import cross_validation, trials
from lexome.tasks.language.labelled import LabelledSet
from lexome.tasks.language.leakage import leakage
from lexome.tasks.language.targets import Target


def _drawn(n: int, seed: int, counts: tuple[float, ...] = (0.7, 0.3), length: int = 4) -> LabelledSet:
    """Short sequences, so that many are there twice or as reverse complement."""
    rng = np.random.default_rng(seed)
    sequences = ["".join(rng.choice(list("ACGT"), length)) for _ in range(n)]
    truth = rng.choice(len(counts), n, p=counts)
    target = Target("classes", tuple("abcdef"[: len(counts)]))
    return LabelledSet(Path("none"), [str(i) for i in range(n)], sequences, truth, target)


def _write(path: Path, labelled: LabelledSet) -> None:
    names = labelled.target.names
    rows = [f"{s},{names[t]},{n}" for s, t, n in
            zip(labelled.sequences, labelled.truth, labelled.names, strict=True)]  # fmt: skip
    path.write_text("\n".join(["sequence,label,name", *rows]))


@pytest.mark.parametrize("seed", range(3))
def test_cross_validation_scores_everything_once(seed: int) -> None:
    drawn = _drawn(200, seed)
    made = cross_validation(drawn, count=4, seed=seed)
    assert [one.label for one in made] == [f"fold {i} of 4" for i in range(1, 5)]
    assert sorted(name for one in made for name in one.tested.names) == sorted(drawn.names)
    for one in made:
        names = one.training.names + one.stopping.names + one.tested.names
        assert sorted(names) == sorted(drawn.names)
        for held in (one.stopping, one.tested):
            found = leakage(one.training, held)
            assert found.same + found.reverse == 0
        assert 0 < len(one.stopping) < len(one.training) / 4
        assert set(one.training.truth) == {0, 1}


def test_rare_classes() -> None:
    drawn = _drawn(40, 0, length=30)
    drawn.truth[:] = 0
    drawn.truth[[3, 20, 21]] = 1
    made = cross_validation(drawn, count=3, seed=0)
    for one in made:
        assert (one.tested.truth == 1).sum() == 1
        assert (one.training.truth == 1).sum() >= 1
    with pytest.raises(
        BadInputError, match="4-fold .* needs 4 different sequences of every class; 'b' has 3"
    ):
        cross_validation(drawn, count=4, seed=0)
    drawn.sequences[3] = drawn.sequences[20]
    with pytest.raises(BadInputError, match="'b' has 2"):
        cross_validation(drawn, count=3, seed=0)


@pytest.mark.parametrize("seed", range(12))
def test_training_keeps_a_rare_class(seed: int) -> None:
    drawn = _drawn(60, 1, length=30)
    drawn.truth[:] = 0
    drawn.truth[[3, 20]] = 1
    for one in cross_validation(drawn, count=2, seed=seed):
        assert (one.training.truth == 1).sum() == 1
        assert len(one.training) + len(one.stopping) == 60 - len(one.tested)


def test_values_are_cut_at_random() -> None:
    drawn = _drawn(100, 0, length=30)
    drawn.truth = np.arange(100, dtype=np.float32)
    drawn.target = Target("value", ("y",), 49.5, 28.9)
    made = cross_validation(drawn, count=5, seed=0)
    assert [len(one.tested) for one in made] == [20] * 5


@pytest.mark.parametrize(
    ("present", "trained", "scored"),
    [
        (("train", "dev", "test"), "train", "test"),
        (("train", "test"), "train", "test"),
        (("train", "dev"), "train", "dev"),
        (("dev", "test"), "dev", "test"),
    ],
)
def test_what_each_protocol_uses(
    present: tuple[Split, ...], trained: Split, scored: Split, tmp_path: Path
) -> None:
    files: dict[Split, Path] = {}
    for i, split in enumerate(present):
        drawn = _drawn(100, i, length=20)
        drawn.names = [f"{split}{i}" for i in range(100)]
        files[split] = tmp_path / f"{split}.csv"
        _write(files[split], drawn)
    (trial,) = trials(FoundSet(BenchmarkSet("x", "x", "x", "x"), files))
    assert {name.rstrip("0123456789") for name in trial.training.names} == {trained}
    assert {name.rstrip("0123456789") for name in trial.tested.names} == {scored}
    assert len(trial.tested) == 100
    if len(present) == 3:
        assert {name.rstrip("0123456789") for name in trial.stopping.names} == {"dev"}
        assert len(trial.training) == 100
    else:
        assert sorted(trial.training.names + trial.stopping.names) == sorted(
            f"{trained}{i}" for i in range(100)
        )
        assert 8 <= len(trial.stopping) <= 12


def test_a_class_of_test_that_training_does_not_have(tmp_path: Path) -> None:
    files: dict[Split, Path] = {"dev": tmp_path / "dev.csv", "test": tmp_path / "test.csv"}
    _write(files["dev"], _drawn(30, 0))
    _write(files["test"], _drawn(30, 0, (0.5, 0.3, 0.2)))
    with pytest.raises(BadInputError, match="has the label 'c', which the training set does not have"):
        trials(FoundSet(BenchmarkSet("x", "x", "x", "x"), files))


def test_real_sets_of_every_protocol(shared: Path) -> None:
    found = {one.described.name: one for folder in ("gue", "benchmarks") for one in
             find_sets(shared / "data/dna" / folder)}  # fmt: skip
    sizes = {
        name: [(len(t.training), len(t.stopping), len(t.tested)) for t in trials(found[name])]
        for name in ("mouse/2", "mouse/3", "EMP/H3", "NT/H3K4me3")
    }
    assert sizes["mouse/2"] == [(2620, 328, 328)]
    for name, whole, tested in (("mouse/3", 1904, 239), ("EMP/H3", 1497, 1497)):
        ((trained, stopping, scored),) = sizes[name]
        assert (trained + stopping, scored) == (whole, tested)
        assert stopping == pytest.approx(whole / 10, abs=3)
    assert len(sizes["NT/H3K4me3"]) == 5
    assert sum(tested for _, _, tested in sizes["NT/H3K4me3"]) == 25
    with pytest.raises(BadInputError, match="'1' has 2"):
        trials(found["NT/promoter_tata"])
