"""Chain of thought: every version written out with the same layers."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lexome.nn.banded_attention import sinusoids
from lexome.nn.chain_of_thought import VERSIONS, Interleaved, ThoughtConfig, ThoughtLayer
from lexome.nn.encoder_layer import DecoderLayer, EncoderLayer
from lexome.nn.feed_forward import DenseConfig, DenseFeedForward
from lexome.nn.multihead import MultiHeadAttention

SIZE, CPU = 8, torch.device("cpu")


def layer(config: ThoughtConfig) -> ThoughtLayer:
    torch.manual_seed(0)
    reader = DecoderLayer(
        SIZE, MultiHeadAttention(SIZE, 2), MultiHeadAttention(SIZE, 2), DenseFeedForward(SIZE, DenseConfig(9))
    )
    encoder = EncoderLayer(SIZE, MultiHeadAttention(SIZE, 2), DenseFeedForward(SIZE, DenseConfig(9)))
    one = ThoughtLayer(SIZE, reader, encoder, config)
    for parameter in one.parameters():
        nn.init.normal_(parameter, std=0.5)
    return one.double()


def written_out(version: int, one: ThoughtLayer, x: Tensor) -> Tensor:
    """The five versions, each as the thesis tells it, for three vectors and two iterations."""
    steps, read, encode = x.shape[1], one.reader, one.encoder
    place = sinusoids(3, SIZE, CPU).double().expand(len(x), -1, -1)
    if version == 1:
        return encode(torch.cat([x, read(place, x)], 1))[:, :steps]
    assert one.between is not None
    assert one.end is not None
    between, end = (v.expand(len(x), 1, -1) for v in (one.between, one.end))
    if version == 2:
        return encode(torch.cat([x, between, read(place, x), end], 1))[:, :steps]
    if version == 3:
        first = read(place[:, :1], x)
        second = read(place[:, 1:2], torch.cat([x, between, first], 1))
        third = read(place[:, 2:], torch.cat([x, between, first, second], 1))
        return encode(torch.cat([x, between, first, second, third, end], 1))[:, :steps]
    assert one.start is not None
    first = read(place + one.start, x)
    if version == 4:
        second = read(first, torch.cat([x, between, first], 1))
        return encode(torch.cat([x, between, second, end], 1))[:, :steps]
    context = encode(torch.cat([x, between, first, end], 1))[:, :steps]
    second = read(first, torch.cat([context, between, first], 1))
    return x + encode(torch.cat([x, between, second, end], 1))[:, :steps]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_what_it_is_written_out(version: int) -> None:
    config = VERSIONS[version]
    one = layer(replace(config, steps=3, iterations=min(config.iterations, 2)))
    x = torch.randn(2, 11, SIZE, dtype=torch.float64)
    torch.testing.assert_close(one(x), written_out(version, one, x))


def test_every_weight_of_every_version_learns() -> None:
    for config in VERSIONS.values():
        one = layer(config)
        one(torch.randn(2, 11, SIZE, dtype=torch.float64)).square().sum().backward()
        idle = {name for name, p in one.named_parameters() if p.grad is None or p.grad.abs().max() == 0}
        # a vector that is alone looks at itself, whatever its queries and keys are
        alone = {f"reader.mixer.{part}.weight" for part in ("queries", "keys")}
        assert idle == (alone if config.stepwise else set())


def test_stepwise_iterations_read_the_former_reasoning_too() -> None:
    one = layer(ThoughtConfig(steps=2, stepwise=True, iterations=2))
    x = torch.randn(1, 5, SIZE, dtype=torch.float64)
    place = sinusoids(2, SIZE, CPU).double()[None]
    a = one.reader(place[:, :1], x)
    b = one.reader(place[:, 1:], torch.cat([x, a], 1))
    c = one.reader(a, torch.cat([x, a, b], 1))
    d = one.reader(b, torch.cat([x, a, b, c], 1))
    torch.testing.assert_close(one(x), one.encoder(torch.cat([x, c, d], 1))[:, :5])


class Sums(nn.Module):
    """A state: the sum of all that came."""

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(1)


@pytest.mark.parametrize(("steps", "every"), [(6, 2), (7, 3), (1, 4)])
def test_interleaved_vectors_stand_behind_every_few_steps(steps: int, every: int) -> None:
    one = Interleaved(Sums(), 3, every)
    x = torch.randn(2, steps, 3)
    vectors = torch.arange(steps)[:, None] // every * one.thought
    torch.testing.assert_close(one(x), x.cumsum(1) + vectors)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"iterations": 0}])
def test_senseless_configs_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        ThoughtConfig(**wrong)
    with pytest.raises(ValueError, match="must be positive"):
        Interleaved(nn.Identity(), 3, 0)
