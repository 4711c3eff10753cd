"""Agreement of read correctors: the same scores as validation gives, and pairs counted one by one."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.core.errors import UsageError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.tasks.compare.agreement import compare_corrections
from lexome.tasks.compare.models import ComparedModel, open_models
from lexome.tasks.correct.task import CorrectTask

QUICK = BootstrapConfig(resamples=20)


def copies_ccs(model: ComparedModel, wrong_columns: int = 0, moved: bool = False) -> ComparedModel:
    """Makes a network that gives the CCS read's symbols, the first columns turned into gaps.

    If it is to be `moved`, the bases of a window stand at its end.
    """

    class Copy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.anything = torch.nn.Parameter(torch.zeros(1))

        def forward(self, rows_NRL: torch.Tensor) -> torch.Tensor:
            symbols_NL = rows_NRL[:, 32].long().clone()
            symbols_NL[:, :wrong_columns] = 0
            if moved:
                order_NL = (symbols_NL != 0).int().argsort(dim=1, stable=True)
                symbols_NL = symbols_NL.gather(1, order_NL)
            return torch.nn.functional.one_hot(symbols_NL, 5).float()

    object.__setattr__(model, "network", Copy())
    return model


def test_each_by_itself_as_in_validation(two_correctors: tuple[ComparedModel, ComparedModel]) -> None:
    models = (two_correctors[0], copies_ccs(two_correctors[1]))
    found = compare_corrections(models, "validation", bootstrap=QUICK)
    names = ["teacher", "student", "ccs", "majority vote"]
    assert [caller.name for caller in found.callers] == names
    task = models[0].task
    assert isinstance(task, CorrectTask)
    metrics = task.evaluate(models[0].network, "validation")
    assert found.windows == metrics["windows"]
    assert found.reads == 3
    for caller, prefix in zip(found.callers, ("", "ccs_", "ccs_", "majority_"), strict=True):
        for name in ("exact", "identity", "errors"):
            assert getattr(caller, name) == metrics[prefix + name], (caller.name, name)
    assert found.callers[2].exact > 0.3
    figures = found.to_json()
    assert [(pair["a"], pair["b"]) for pair in figures["pairs"]] == [
        (names[i], names[j]) for i in range(4) for j in range(i + 1, 4)
    ]
    json.dumps(figures, allow_nan=False)


def test_who_says_the_same(two_correctors: tuple[ComparedModel, ComparedModel]) -> None:
    models = (copies_ccs(two_correctors[0], moved=True), copies_ccs(two_correctors[1], wrong_columns=10))
    found = compare_corrections(models, "validation", bootstrap=QUICK)
    with_ccs, shortened = found.pairs[0, 2], found.pairs[0, 1]
    assert (with_ccs.only_a, with_ccs.only_b, with_ccs.different) == (0, 0, 0)
    assert (with_ccs.kappa, with_ccs.same_wrong_rate) == (1.0, 1.0)
    assert with_ccs.both_right == round(found.callers[2].exact * found.windows)
    # the other lacks bases wherever the first columns of a window have some
    (batch,) = models[0].task.batches("validation", batch_size=9999, seed=0, rank=0, world=1, skip=0)
    assert shortened.different == int((batch.ccs_NL[:, :10] != 0).any(dim=1).sum())
    assert (shortened.only_b, shortened.b_better) == (0, 0)
    assert shortened.a_better_rate is not None
    assert shortened.a_better_rate > 0.9


def test_models_of_one_name(corrector: Callable[..., str], window_stores: tuple[Path, Path]) -> None:
    folders = [corrector(1), corrector(2)]
    found = compare_corrections(open_models(folders, window_stores[1], 20), "validation", bootstrap=QUICK)
    assert [caller.name for caller in found.callers[:2]] == ["small #1", "small #2"]
    assert [model["model"] for model in found.to_json()["models"]] == folders
    assert found.windows == 20


def test_basecallers_are_refused(basecaller: Callable[..., str], tiny_store: Path) -> None:
    models = open_models([basecaller(1), basecaller(2)], tiny_store, 4)
    with pytest.raises(UsageError, match="is no read corrector"):
        compare_corrections(models, "validation")


def test_intervals_are_over_reads(two_correctors: tuple[ComparedModel, ComparedModel]) -> None:
    found = compare_corrections(two_correctors, "validation", bootstrap=QUICK)
    caller = found.callers[2]
    assert caller.exact_interval is not None
    assert caller.exact_interval[0] < caller.exact < caller.exact_interval[1]
    # three reads: a resample has one of ten combinations of them
    assert len({*np.round(caller.exact_interval, 12)}) == 2
