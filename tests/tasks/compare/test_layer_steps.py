"""Time is found in every registered encoder of signal, whatever its layers are."""

import runpy
from pathlib import Path

import pytest
import torch

from lexome.models.registry import new_network
from lexome.tasks.compare.layer_steps import by_step, layer_axes, passing
from lexome.tasks.compare.layers import layers_of

_examples = runpy.run_path(str(Path(__file__).parents[2] / "models" / "registry_examples.py"))
EXAMPLES = _examples["EXAMPLES"]
CASES = [
    (n, i) for n, configs in sorted(EXAMPLES.items()) if n != "deepconsensus" for i in range(len(configs))
]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_every_layer_has_steps(name: str, number: int) -> None:
    torch.manual_seed(0)
    config = EXAMPLES[name][number]
    network = new_network({"name": name, "config": config}, {"name": "ctc", "config": {}}).eval()
    layers = layers_of(network)
    axes = layer_axes(network, layers)
    assert set(axes) == set(layers)
    assert {name: axes[name].out for name in layers if axes[name].out is None} == {}
    assert axes["scorer"].into == axes["scorer"].out == 1
    assert axes[layers[0]].into == 2
    length = 40 * network.chunk_multiple
    with passing(network, layers) as passed, torch.no_grad():
        scores = network(torch.randn(2, 1, length))
    assert torch.equal(passed.outputs["scorer"], scores)
    steps = by_step(passed.outputs[layers[-2]], axes[layers[-2]].out or 0)
    assert steps.shape[:2] == scores.shape[:2]


def test_nothing_is_kept_after_the_block() -> None:
    network = new_network({"name": "bonito", "config": EXAMPLES["bonito"][0]}, {"name": "ctc", "config": {}})
    with passing(network, ["scorer"]) as passed:
        network(torch.randn(1, 1, 20))
    first = passed.outputs["scorer"]
    network(torch.randn(1, 1, 40))
    assert passed.outputs["scorer"] is first
