"""The costs and the reach of whole networks (`models.costs`)."""

import torch

from lexome.models.costs import example_chunks, network_costs, network_reach
from lexome.models.named import named_architecture
from lexome.models.registry import new_network
from lexome.nn.network import Network

CTC = {"name": "ctc", "config": {}}


def bonito(width: int, head: dict) -> Network:
    return new_network(named_architecture("bonito", width), head)


def test_bonito_of_width_96_as_it_is_published() -> None:
    """ONT's fast v4.0: 427,984 parameters with a head of 256 scores; 85.8 k products."""
    crf = {"name": "crf", "config": {"state_len": 3}}
    network = bonito(96, crf)
    costs = network_costs(network, 2000)
    assert (costs.parameters, costs.samples, costs.stride) == (427_984, 2000, 5)
    per_step = 5 * (16 * 5 + 16 * 16 * 5) + 16 * 96 * 19 + 5 * 4 * 96 * (96 + 96) + 96 * 256
    assert costs.macs == 400 * per_step
    assert costs.macs_per_sample == per_step / 5 == 85_840  # published: about 90,000
    assert network_costs(network, 2000) == costs


def test_a_chunk_is_filled_up_to_what_the_network_takes() -> None:
    network = new_network(named_architecture("transformer", 32, 1), CTC)
    assert network_costs(network, 100).samples == 108
    assert network_costs(network, 100).bytes_per_sample > 0


def test_reach_of_networks() -> None:
    causal = new_network(named_architecture("causalcall", 8), CTC)
    found = network_reach(causal, 512)
    assert (found.receptive_field, found.looks_ahead) == (1 + 2 * 2 * (1 + 2 + 4 + 8 + 16), 0)
    found = network_reach(bonito(8, CTC), 320)
    assert (found.receptive_field, found.looks_ahead) == (None, None)
    consensus = {"name": "consensus", "config": {}}
    pileups = new_network(named_architecture("deepconsensus", 8, 2), consensus)
    found = network_reach(pileups, 128)
    assert (found.receptive_field, found.looks_ahead) == (2 * 2 * 12 + 1, 2 * 12)


def test_example_chunks_are_the_same_every_time() -> None:
    network = bonito(8, CTC)
    x = example_chunks(network.encoder, 2, 30)
    assert x.shape == (2, 1, 30)
    assert torch.equal(x, example_chunks(network.encoder, 2, 30))
    assert not torch.equal(x, example_chunks(network.encoder, 2, 30, seed=1))
