"""What the loop knows of a task."""

import pytest
import torch

from lexome.train.task import Losses, Outputs, Progress, Task, tapped, watched


def test_progress_is_a_fraction() -> None:
    assert [Progress(step, 8, 0).fraction for step in (0, 2, 8)] == [0.0, 0.25, 1.0]
    assert Progress(0, 0, 0).fraction == 0.0


def test_defaults_are_not_shared() -> None:
    for make in (lambda: Losses(torch.zeros(())).parts, lambda: Outputs(torch.zeros(())).features):
        first, second = make(), make()
        assert first == second == {}
        assert first is not second


def test_what_lacks_a_method_is_no_task() -> None:
    assert not isinstance(object(), Task)


def test_taps_are_looked_at_and_taken_off_again() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    inputs = torch.randn(4, 3)
    outputs = tapped(model, inputs, ("0",))
    assert torch.equal(outputs.features["0"], model[0](inputs))
    assert torch.equal(outputs.scores, outputs.features["0"].relu())
    assert tapped(model, inputs).features == {}
    assert not model[0]._forward_hooks


def test_modules_are_watched_within_the_block_only() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    inputs = torch.randn(4, 3)
    with watched(model, ("0", "1")) as features:
        assert features == {}
        model(torch.zeros(4, 3))
        scores = model(inputs)
    assert torch.equal(features["1"], scores)
    assert torch.equal(features["0"].relu(), scores)
    model(2 * inputs)
    assert torch.equal(features["1"], scores)
    with pytest.raises(KeyError), watched(model, ("0", "2")):
        pass
    assert not model[0]._forward_hooks
