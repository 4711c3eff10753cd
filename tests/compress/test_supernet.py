"""The super-network: every path in it is the network of that path by itself."""

import copy

import pytest
import torch
from torch import nn

from lexome.compress.paths import Part
from lexome.compress.space import ConvolutionSpace, Kind, Stage
from lexome.compress.supernet import SuperEncoder, derived_network, run_block
from lexome.models.registry import build_scorer
from lexome.nn.network import Network
from lexome.nn.separable import SeparableBlock, SeparableConfig

HEAD = {"name": "ctc", "config": {}}
SPACE = ConvolutionSpace(
    stem=(SeparableConfig(8, 5, stride=2, separable=False),),
    stages=(
        Stage((4, 8), (3, 7), (Kind(repeat=2, groups_of=4), Kind(residual=True)), layers=2),
        Stage((4, 8, 12), (3,), (Kind(separable=False), Kind(dilation=2, repeat=2, residual=True)), layers=2),
    ),
    tail=(SeparableConfig(6, 3),),
    dropout=0.0,
)


def super_network(seed: int = 0) -> Network:
    """Its normalisations have seen something, so that no channel is nothing by chance."""
    torch.manual_seed(seed)
    encoder = SuperEncoder(SPACE)
    network = Network(encoder, build_scorer("ctc", encoder.num_features, {}))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.normal_()  # pyright: ignore[reportOptionalMemberAccess]
                module.running_var.uniform_(0.5, 2)  # pyright: ignore[reportOptionalMemberAccess]
                module.weight.normal_()
                module.bias.normal_()
    return network.eval()


def drawn(seed: int) -> dict[str, int]:
    generator = torch.Generator().manual_seed(seed)
    return {slot.name: int(torch.randint(len(slot.options), (), generator=generator)) for slot in SPACE.slots}


@pytest.mark.parametrize("seed", range(12))
def test_a_derived_network_gives_what_its_path_gives(seed: int) -> None:
    network, choices = super_network(seed), drawn(seed)
    encoder = network.encoder
    assert isinstance(encoder, SuperEncoder)
    signal = torch.randn(2, 1, 40)
    derived = derived_network(network, choices, HEAD)
    blocks = [block.size for _, block, _ in SPACE.blocks(choices)]
    assert [block["size"] for block in SPACE.architecture(choices)["config"]["blocks"]] == blocks
    with torch.no_grad():
        with encoder.following(encoder.architecture.only(choices)):
            inside = network(signal)
        outside = derived(signal)
        assert outside.std() > 0.01
        torch.testing.assert_close(outside, inside, atol=1e-5, rtol=1e-5)
        for alpha, name in zip(encoder.architecture.alphas, encoder.architecture.names, strict=True):
            alpha[choices[name]] += 1  # the likeliest now
        assert torch.equal(network(signal), inside)


def test_of_two_paths_the_active_one_gives_the_output_and_both_get_gradients() -> None:
    network = super_network()
    encoder = network.encoder
    assert isinstance(encoder, SuperEncoder)
    signal = torch.randn(2, 1, 40)
    for seed in range(6):
        torch.manual_seed(seed)
        parts, _ = encoder.architecture.two_paths()
        with encoder.following(parts):
            both = network(signal)
        active = {
            name: next(part.option for part in some if part.gate is None or float(part.gate.detach()) == 1)
            for name, some in parts.items()
        }
        with encoder.following(encoder.architecture.only(active)):
            torch.testing.assert_close(both, network(signal), atol=1e-5, rtol=1e-5)
        encoder.architecture.zero_grad()
        both.square().mean().backward()
        for name, alpha in zip(encoder.architecture.names, encoder.architecture.alphas, strict=True):
            assert alpha.grad is not None
            if name.endswith("operator"):
                pair = sorted(part.option for part in parts[name])
                assert alpha.grad.nonzero().flatten().tolist() == pair
                assert float(alpha.grad.sum()) == pytest.approx(0, abs=1e-6)


def test_a_mixture_is_the_sum_of_its_paths() -> None:
    space = ConvolutionSpace((Stage((4,), (3, 5), layers=1),), dropout=0.0)
    torch.manual_seed(0)
    encoder = SuperEncoder(space).eval()
    signal = torch.randn(2, 1, 30)
    parts, _ = encoder.architecture.mixture()
    weights = torch.tensor([0.3, 0.7])
    slot = "stage0.layer0.operator"
    mixed = {**parts, slot: tuple(Part(o, weight) for o, weight in enumerate(weights))}
    with encoder.following(mixed):
        found = encoder(signal)
    alone = []
    for option in (0, 1):
        with encoder.following({**parts, slot: (Part(option),)}):
            alone.append(encoder(signal))
    torch.testing.assert_close(found, 0.3 * alone[0] + 0.7 * alone[1])


@pytest.mark.parametrize("weight_bits", [2, 4, 8])
def test_bits_round_weights_and_inputs(weight_bits: int) -> None:
    torch.manual_seed(0)
    block = SeparableBlock(4, SeparableConfig(6, 3), "relu", 0.0).eval()
    x = torch.randn(2, 4, 20)
    rounded = copy.deepcopy(block)
    top = 2 ** (weight_bits - 1) - 1
    for module in rounded.modules():
        if isinstance(module, nn.Conv1d):
            for channel in module.weight.data:
                step = channel.abs().max() / top
                channel.copy_((channel / step).round() * step)
    bits = [((weight_bits, 32), None)]
    torch.testing.assert_close(run_block(block, x, None, bits), rounded(x), atol=1e-5, rtol=1e-5)
    # the input of the first convolution: 16 values at most
    seen = run_block(SeparableBlock(4, SeparableConfig(4, 1), "none", 0.0).eval(), x, None, [((32, 4), None)])
    assert not torch.equal(seen, run_block(block, x, None, [((32, 32), None)]))
    conv = SeparableBlock(1, SeparableConfig(1, 1), "none", 0.0).eval()
    values = run_block(conv, torch.randn(1, 1, 500), None, [((32, 2), None)])
    assert 2 <= len(values.detach().unique()) <= 4
