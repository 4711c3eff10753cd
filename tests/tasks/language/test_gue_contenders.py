"""The contenders by name, and the baselines that need no training of a network."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.tasks.language.finetune import Listener
from lexome.tasks.language.gue_contenders import BASELINES, KmerContender, Majority, contenders, file_name
from lexome.tasks.language.gue_networks import NetworkContender, TrainingOptions
from lexome.tasks.language.gue_sets import GUE_SETS
from lexome.tasks.language.gue_splits import Trial
from lexome.tasks.language.kmer_regression import fit_kmer_regression


@pytest.fixture(scope="module")
def trial(toy: ModuleType) -> Trial:
    return Trial(toy.motif_set(120), toy.motif_set(20, seed=1), toy.motif_set(40, seed=2))


def test_all_kinds_in_the_order_of_the_table(toy: ModuleType, tmp_path: Path) -> None:
    model = str(toy.saved_model(tmp_path / "m4"))
    found = contenders(
        [model, f"again={model}"], ["3mer-overlapping", "byte"], BASELINES, TrainingOptions(epochs=2.0)
    )
    assert [(one.name, one.role) for one in found] == [
        ("majority", "majority"), ("kmer", "kmer"), ("cnn", "cnn"), ("scratch:3mer-overlapping", "scratch"),
        ("scratch:byte", "scratch"), ("m4", "model"), ("again", "model"),
    ]  # fmt: skip
    assert [one.is_drawn for one in found] == [False, False] + [True] * 5


def test_options_are_of_models_only(toy: ModuleType, tmp_path: Path) -> None:
    """The CNN has its own; networks with new weights have nothing to adapt or to pre-train further."""
    model = str(toy.saved_model(tmp_path / "m4"))
    options = TrainingOptions(2.0, 8, 0.1, "mean", "full", 1.0, 0.9)
    cnn, scratch, further = contenders([model], ["nucleotide"], ["cnn"], options, threads=3, device="cpu")
    assert isinstance(cnn, NetworkContender)
    assert isinstance(scratch, NetworkContender)
    assert isinstance(further, NetworkContender)
    assert cnn.options == TrainingOptions(8.0, 32, 2e-3, "max", "full", 0.0, 0.0)
    assert scratch.options == TrainingOptions(2.0, 8, 0.1, "mean", "full", 0.0, 0.9)
    assert further.options == options
    assert further.name == "m4:further"
    assert {(one.threads, one.device) for one in (cnn, scratch, further)} == {(3, "cpu")}
    (probe,) = contenders([model], [], [], TrainingOptions(method="probe"))
    assert probe.name == "m4:probe"


def test_names_that_cannot_be(toy: ModuleType, tmp_path: Path) -> None:
    model = str(toy.saved_model(tmp_path / "m4"))
    options = TrainingOptions()
    with pytest.raises(UsageError, match="no baseline 'knn'"):
        contenders([], [], ["knn"], options)
    with pytest.raises(UsageError, match="two contenders are called 'm4'"):
        contenders([model, model], [], [], options)
    with pytest.raises(UsageError, match="two contenders are called 'scratch:byte'"):
        contenders([f"scratch_byte={model}"], ["byte"], [], options, device="cpu")
    with pytest.raises(UsageError, match="'kmer' is the name of a baseline"):
        contenders([f"kmer={model}"], [], [], options)
    with pytest.raises(UsageError, match="nothing to run"):
        contenders([], [], [], options)
    with pytest.raises(UsageError, match="no model 'nowhere'"):
        contenders(["nowhere"], [], [], options)


def test_file_names() -> None:
    assert file_name("scratch:6mer-overlapping") == "scratch_6mer-overlapping"
    assert file_name("a/b c.1") == "a_b_c.1"


def test_majority(trial: Trial, tmp_path: Path) -> None:
    share = trial.training.truth.mean()
    made = Majority().answer(GUE_SETS[0], trial, 0, tmp_path, Listener())
    assert made.predictions_NK == pytest.approx(np.tile([1 - share, share], (40, 1)))
    assert (made.cpu_s, made.parameters, made.steps) == (0.0, None, None)


def test_kmer_regression(trial: Trial, tmp_path: Path) -> None:
    """The one with default settings, trained on the training set alone."""
    made = KmerContender().answer(GUE_SETS[0], trial, 0, tmp_path, Listener())
    fitted = fit_kmer_regression(trial.training)
    assert np.array_equal(made.predictions_NK, fitted.predictions(trial.tested.sequences))
    assert made.parameters == len(fitted.used) + 1
    assert made.cpu_s > 0
    assert KmerContender().settings(GUE_SETS[0])["longest"] == fitted.longest
