"""What can be written for others at all, and biases that move without a change of the scores."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.export_network import plain_network, with_one_bias
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.errors import BadInputError, UsageError


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"task": "correct"}, "the task 'correct'"),
        ({"architecture": Component("quartznet", {})}, "the architecture 'quartznet'"),
        ({"head": Component("ctc", {})}, "the head 'ctc'"),
        ({"quantization": {"bits": 8}}, "quantised weights"),
        ({"head": Component("ctc", {}), "quantization": {}}, "the head 'ctc'; quantised weights"),
    ],
)
def test_what_others_do_not_have_is_named(
    checkpoint: Checkpoint, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError, match=f"model small cannot be written for dorado, .*: {named}$"):
        plain_network(dataclasses.replace(checkpoint, **changes), "dorado")


def test_several_input_channels_are_named(checkpoint: Checkpoint) -> None:
    config = {**checkpoint.architecture.config, "in_channels": 2}
    with pytest.raises(UsageError, match="2 input channels"):
        plain_network(dataclasses.replace(checkpoint, architecture=Component("bonito", config)), "bonito")


def test_weights_that_do_not_fit_are_refused(checkpoint: Checkpoint) -> None:
    weights = {name: w for name, w in checkpoint.weights.items() if name != "scorer.linear.bias"}
    with pytest.raises(BadInputError, match=r"are missing: scorer\.linear\.bias"):
        plain_network(dataclasses.replace(checkpoint, weights=weights), "bonito")


def test_one_bias_gives_the_scores_of_two(dorado_model: Checkpoint) -> None:
    network = plain_network(dorado_model, "dorado")
    moved, changed = with_one_bias(network)
    assert changed
    recurrent = [w for name, w in moved.weights.items() if name.endswith("bias_hh_l0")]
    assert len(recurrent) == 4
    assert not np.concatenate(recurrent).any()
    assert any(network.weights[name].any() for name in network.weights if name.endswith("bias_hh_l0"))
    signal = torch.randn(2, 1, 600, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = build_network(dorado_model)(signal)
        after = build_network(dataclasses.replace(dorado_model, weights=moved.weights))(signal)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-4)
    assert before.std() > 0.1


def test_only_lstms_of_the_given_sizes_change(dorado_model: Checkpoint) -> None:
    network = plain_network(dorado_model, "bonito")
    same, changed = with_one_bias(network, frozenset({96}))
    assert not changed
    assert all(same.weights[name] is weight for name, weight in network.weights.items())
    assert with_one_bias(network, frozenset({24}))[1]
    assert not with_one_bias(with_one_bias(network)[0])[1]  # nothing is left to move
