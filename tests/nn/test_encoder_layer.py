"""Pre-norm layers against torch's own."""

import torch
from torch import nn

from lexome.nn.encoder_layer import NORM_EPS, DecoderLayer, EncoderLayer
from lexome.nn.feed_forward import DenseConfig, DenseFeedForward
from lexome.nn.multihead import MultiHeadAttention

SIZE, HEADS, HIDDEN = 12, 3, 20


def give(attention: MultiHeadAttention, twin: nn.MultiheadAttention) -> None:
    parts = (attention.queries, attention.keys, attention.values)
    twin.in_proj_weight.copy_(torch.cat([layer.weight for layer in parts]))
    twin.out_proj.weight.copy_(attention.out.weight)
    for bias in (twin.in_proj_bias, twin.out_proj.bias):  # ours have none
        bias.zero_()


def randomise(module: nn.Module) -> None:
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4)


@torch.no_grad()
def test_an_encoder_layer_is_torchs() -> None:
    torch.manual_seed(0)
    mixer, block = MultiHeadAttention(SIZE, HEADS), DenseFeedForward(SIZE, DenseConfig(HIDDEN))
    layer = EncoderLayer(SIZE, mixer, block)
    randomise(layer)
    twin = nn.TransformerEncoderLayer(
        SIZE, HEADS, HIDDEN, 0.0, batch_first=True, norm_first=True, layer_norm_eps=NORM_EPS
    )
    give(mixer, twin.self_attn)
    twin.norm1.load_state_dict(layer.mixer_norm.state_dict())
    twin.norm2.load_state_dict(layer.feed_forward_norm.state_dict())
    twin.linear1.load_state_dict(block.into.state_dict())
    twin.linear2.load_state_dict(block.out.state_dict())
    x = torch.randn(2, 9, SIZE)
    torch.testing.assert_close(layer(x), twin(x), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_decoder_layer_is_torchs() -> None:
    torch.manual_seed(0)
    mixer, reader = MultiHeadAttention(SIZE, HEADS), MultiHeadAttention(SIZE, HEADS)
    block = DenseFeedForward(SIZE, DenseConfig(HIDDEN))
    layer = DecoderLayer(SIZE, mixer, reader, block)
    randomise(layer)
    twin = nn.TransformerDecoderLayer(
        SIZE, HEADS, HIDDEN, 0.0, batch_first=True, norm_first=True, layer_norm_eps=NORM_EPS
    )
    give(mixer, twin.self_attn)
    give(reader, twin.multihead_attn)
    for ours, theirs in (
        (layer.mixer_norm, twin.norm1), (layer.reader_norm, twin.norm2),
        (layer.feed_forward_norm, twin.norm3), (block.into, twin.linear1), (block.out, twin.linear2),
    ):  # fmt: skip
        theirs.load_state_dict(ours.state_dict())
    x, memory = torch.randn(2, 9, SIZE), torch.randn(2, 4, SIZE)
    torch.testing.assert_close(layer(x, memory), twin(x, memory), rtol=1e-4, atol=1e-5)


def test_what_is_dropped_is_only_what_is_added() -> None:
    layer = EncoderLayer(4, nn.Identity(), nn.Identity(), dropout=1.0 - 1e-9)
    nn.init.zeros_(layer.feed_forward_norm.weight)
    x = torch.randn(1, 6, 4)
    torch.testing.assert_close(layer(x), x)
    assert not torch.equal(layer.eval()(x), x)
