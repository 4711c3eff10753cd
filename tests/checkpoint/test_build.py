"""Checkpoints become networks and networks checkpoints."""

import dataclasses

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import BadInputError, UsageError
from lexome.models.registry import new_network


def test_the_network_computes_what_it_did(checkpoint: Checkpoint) -> None:
    torch.manual_seed(1)
    architecture = {"name": "bonito", "config": checkpoint.architecture.config}
    network = new_network(architecture, {"name": "crf", "config": checkpoint.head.config})
    signal = torch.randn(4, 1, 300)
    network(signal)  # in training mode: moves the running statistics
    kept = dataclasses.replace(checkpoint, weights=weights_of(network))
    rebuilt = build_network(kept)
    assert not rebuilt.training
    assert torch.equal(rebuilt(signal), network.eval()(signal))
    assert all(p.requires_grad for p in rebuilt.parameters())


def test_weights_are_copies(checkpoint: Checkpoint) -> None:
    network = build_network(checkpoint)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert np.any(checkpoint.weights["scorer.linear.weight"])
    taken = weights_of(network)
    taken["scorer.linear.weight"][:] = 1
    assert not network.scorer.linear.weight.any()  # pyright: ignore


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda w: w.pop("scorer.linear.bias"), r"are missing: scorer\.linear\.bias"),
        (lambda w: w.update(other=np.zeros(1, np.float32)), "belong to no layer: other"),
        (
            lambda w: w.update({"scorer.linear.bias": np.zeros(65, np.float32)}),
            r"another shape .*scorer\.linear\.bias \(65,\) \(layer: \(64,\)\)",
        ),
        (
            lambda w: w.update({"encoder.convs.0.conv.weight": w["encoder.convs.0.conv.weight"].T}),
            r"another shape .*encoder\.convs\.0\.conv\.weight",
        ),
        (lambda w: w.clear(), "are missing: .* and .* more"),
    ],
)
def test_weights_that_do_not_fit_are_named(checkpoint: Checkpoint, change, complaint: str) -> None:
    change(checkpoint.weights)
    with pytest.raises(BadInputError, match=complaint):
        build_network(checkpoint)


@pytest.mark.parametrize("size", [10**7, 10**12])
def test_a_huge_configuration_allocates_nothing(checkpoint: Checkpoint, size: int) -> None:
    lstms = [{"size": size, "reverse": True}, {"size": 5, "reverse": False, "bias": False}]
    config = {**checkpoint.architecture.config, "lstms": lstms}
    huge = dataclasses.replace(
        checkpoint, architecture=dataclasses.replace(checkpoint.architecture, config=config)
    )
    with pytest.raises(BadInputError, match="another shape|cannot be made"):
        build_network(huge)


def test_an_unknown_architecture_is_named(checkpoint: Checkpoint) -> None:
    other = dataclasses.replace(checkpoint.architecture, name="benito")
    with pytest.raises(UsageError, match="did you mean 'bonito'"):
        build_network(dataclasses.replace(checkpoint, architecture=other))
