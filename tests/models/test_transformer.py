"""The encoder of ONT's transformer basecallers."""

from typing import Any

import pytest
import torch

from lexome.core.config import from_dict
from lexome.decode.crf_loss import crf_head_loss
from lexome.models.registry import new_network
from lexome.models.transformer import Transformer, TransformerConfig
from lexome.nn.attention import AttentionConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.initialise import scale_to_data
from lexome.nn.transformer import TransformerLayer

TINY: dict[str, Any] = {
    "convs": [{"size": 8, "kernel": 5}, {"size": 16, "kernel": 9, "stride": 6}],
    "attention": {"num_heads": 2, "window": [15, 16]},
    "feed_forwards": [32, 24],
    "upsample": 2,
}
PUBLISHED: dict[str, Any] = {
    "convs": [
        {"size": size, "kernel": kernel, "stride": stride, "batch_norm": True}
        for size, kernel, stride in ((64, 5, 1), (64, 5, 1), (128, 9, 3), (128, 9, 2), (512, 5, 2))
    ],
    "attention": {"num_heads": 8, "window": [127, 128]},
    "feed_forwards": [2048] * 18,
    "upsample": 2,
}
HEAD = {"state_len": 2, "bias": False, "activation": "none", "scale": 5.0}


def tiny(**changes: Any) -> Transformer:
    torch.manual_seed(0)
    return Transformer(from_dict(TransformerConfig, TINY | changes, "test"))


def test_the_published_size() -> None:
    with torch.device("meta"):
        network = new_network(
            {"name": "transformer", "config": PUBLISHED}, {"name": "crf", "config": HEAD | {"state_len": 5}}
        )
    assert sum(p.numel() for p in network.parameters()) == 78_719_936
    assert (network.stride, network.chunk_multiple, network.num_outputs) == (6, 12, 5 * 4**5)


def test_shapes_stride_and_names() -> None:
    encoder = tiny()
    assert (encoder.stride, encoder.chunk_multiple, encoder.num_features, encoder.skips) == (3, 6, 16, ())
    assert encoder(torch.zeros(2, 1, 600)).shape == (2, 200, 16)
    assert encoder(torch.zeros(1, 1, 6)).shape == (1, 2, 16)
    modules = dict(encoder.named_modules())
    assert [type(modules[name]).__name__ for name in encoder.prunable] == ["ConvBlock"] + [
        "GatedFeedForward"
    ] * 2
    assert [layer.feed_forward.into.weight.shape[0] // 2 for layer in encoder.layers] == [32, 24]  # pyright: ignore


def test_without_upsampling() -> None:
    encoder = tiny(upsample=1)
    assert (encoder.stride, encoder.chunk_multiple) == (6, 6)
    assert encoder(torch.zeros(2, 1, 600)).shape == (2, 100, 16)


def test_layers_take_their_constants_from_the_depth_or_the_config() -> None:
    assert [(layer.alpha, layer.beta) for layer in tiny().layers] == [(4**0.25, 16**-0.25)] * 2
    stated = tiny(deepnorm_alpha=1.5, deepnorm_beta=0.5)
    assert [(layer.alpha, layer.beta) for layer in stated.layers] == [(1.5, 0.5)] * 2


def test_what_a_step_hears_is_bounded_by_windows_and_kernels() -> None:
    encoder = tiny(attention={"num_heads": 2, "window": [3, 2]}).eval()
    x = torch.randn(1, 1, 600, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[0, 0, 300] += 1
    with torch.no_grad():
        differs = (encoder(x) - encoder(changed))[0].abs().amax(-1) > 1e-7
    steps = differs.nonzero().flatten()
    # the convolutions reach 6 samples to each side: the steps 49.0 to 51.0 of the transformer, each made two
    assert 2 * (49 - 2 * 2) <= int(steps.min()) < 2 * 49
    assert 2 * 51 < int(steps.max()) < 2 * (52 + 2 * 3)


def test_a_step_does_not_depend_on_where_its_chunk_begins() -> None:
    """Far from the ends; positions are only distances, so nothing but rounding may differ."""
    encoder = tiny().eval()
    x = torch.randn(1, 1, 1200, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole, part = encoder(x)[0], encoder(x[..., 300:])[0]
    torch.testing.assert_close(part[80:-1], whole[180:-1], rtol=0, atol=1e-5)


def test_a_new_network_is_scaled_to_data_but_for_the_layers_of_the_transformer() -> None:
    torch.manual_seed(0)
    network = new_network({"name": "transformer", "config": TINY}, {"name": "crf", "config": HEAD})
    before = {name: p.clone() for name, p in network.named_parameters()}
    factors = scale_to_data(network, torch.randn(4, 1, 600))
    assert set(factors) == {"encoder.convs.0", "encoder.convs.1", "encoder.upsample.linear", "scorer"}
    inside = [name for name, m in network.named_modules() if isinstance(m, TransformerLayer)]
    for name, parameter in network.named_parameters():
        scaled = name.endswith("weight") and not any(name.startswith(layer) for layer in inside)
        assert torch.equal(parameter, before[name]) != scaled, name


@pytest.mark.parametrize("window", [[15, 16], None])
def test_a_small_network_learns(window: list[int] | None) -> None:
    """Chunks whose current says the base: the loss falls in a few steps, and every weight takes part."""
    torch.manual_seed(0)
    attention = {"num_heads": 2, "window": window}
    network = new_network(
        {"name": "transformer", "config": TINY | {"attention": attention}}, {"name": "crf", "config": HEAD}
    )
    targets = torch.randint(1, 5, (8, 20))
    signal = (targets.float() - 2.5).repeat_interleave(12, dim=1)[:, None] + 0.1 * torch.randn(8, 1, 240)
    lengths = torch.full((8,), 20)
    scale_to_data(network, signal)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = crf_head_loss(network(signal), targets, lengths).mean()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0], losses


CONVS = (ConvConfig(8, 5, stride=6),)
ATTENTION = AttentionConfig(2, (3, 3))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"convs": ()}, "at least one"),
        ({"feed_forwards": ()}, "at least one"),
        ({"feed_forwards": (8, 0)}, "must be positive"),
        ({"upsample": 0}, "must be positive"),
        ({"in_channels": 0}, "must be positive"),
        ({"upsample": 4}, "upsample 4 does not divide the stride 6"),
        ({"attention": AttentionConfig(3, None)}, "8 features do not divide into 3 heads"),
        ({"attention": AttentionConfig(8, None)}, "8 features do not divide into 8 heads of even size"),
    ],
)
def test_senseless_configs_are_refused(wrong: dict[str, Any], message: str) -> None:
    right = {"convs": CONVS, "attention": ATTENTION, "feed_forwards": (8,)}
    with pytest.raises(ValueError, match=message):
        TransformerConfig(**(right | wrong))
