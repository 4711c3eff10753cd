"""Layers of the transformer against their formulas."""

import math

import torch

from lexome.nn.attention import AttentionConfig, surroundings
from lexome.nn.transformer import (
    GatedFeedForward,
    LinearUpsample,
    RmsNorm,
    TransformerLayer,
    deepnorm_alpha,
    deepnorm_beta,
)

CPU = torch.device("cpu")


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_the_published_constants() -> None:
    assert round(deepnorm_alpha(18), 7) == 2.4494897
    assert round(deepnorm_beta(18), 7) == 0.2886751


def test_rms_norm_is_that_of_torch() -> None:
    norm, torchs = RmsNorm(6), torch.nn.RMSNorm(6)
    norm.weight.data = torchs.weight.data = random(6)
    for scale in (1.0, 1e-3, 1e3):
        x = scale * random(2, 5, 6)
        torch.testing.assert_close(norm(x), torchs(x), rtol=1e-5, atol=1e-6)


def test_the_second_half_of_the_hidden_layer_is_the_gate() -> None:
    block = GatedFeedForward(4, 3)
    x = random(2, 5, 4)
    data, gate = x @ block.into.weight[:3].T, x @ block.into.weight[3:].T
    expected = (data * gate / (1 + torch.exp(-gate))) @ block.out.weight.T
    torch.testing.assert_close(block(x), expected)
    assert block.into.bias is block.out.bias is None


def test_a_layer_normalises_what_it_added() -> None:
    layer = TransformerLayer(8, AttentionConfig(2, (3, 3)), 5, alpha=1.7, beta=0.5)
    layer.attention_norm.weight.data, layer.feed_forward_norm.weight.data = random(2, 8)
    around = surroundings(20, 4, layer.attention.config, CPU)
    x = random(2, 20, 8)

    def normalised(y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return y / y.square().mean(-1, keepdim=True).sqrt() * weight

    middle = normalised(layer.attention(x, around) + 1.7 * x, layer.attention_norm.weight)
    expected = normalised(layer.feed_forward(middle) + 1.7 * middle, layer.feed_forward_norm.weight)
    torch.testing.assert_close(layer(x, around), expected, rtol=1e-5, atol=1e-5)


def test_initial_weights_are_xaviers_with_beta_where_something_is_added() -> None:
    torch.manual_seed(0)
    layer = TransformerLayer(128, AttentionConfig(2, None), 256, alpha=2.0, beta=0.25)
    queries, keys, values = layer.attention.qkv.weight.chunk(3)
    feed_forward = layer.feed_forward
    for weight, gain, fans in (
        (queries, 1.0, 128 + 128),
        (keys, 1.0, 128 + 128),
        (values, 0.25, 128 + 128),
        (layer.attention.out.weight, 0.25, 128 + 128),
        (feed_forward.into.weight, 0.25, 128 + 512),
        (feed_forward.out.weight, 0.25, 128 + 256),
    ):
        assert math.isclose(float(weight.detach().std()), gain * math.sqrt(2 / fans), rel_tol=0.05)
    assert not layer.attention.out.bias.any()


def test_upsampling_puts_the_steps_made_of_one_side_by_side() -> None:
    layer = LinearUpsample(3, 2)
    x = random(2, 4, 3)
    made = layer(x)
    assert made.shape == (2, 8, 3)
    for t in range(8):
        part = slice(3 * (t % 2), 3 * (t % 2) + 3)
        expected = x[:, t // 2] @ layer.linear.weight[part].T + layer.linear.bias[part]
        torch.testing.assert_close(made[:, t], expected)
