"""Attention of all to all against torch's own module."""

import pytest
import torch
from torch import nn

from lexome.nn.multihead import MultiHeadAttention


def twin_of(attention: MultiHeadAttention, size: int) -> nn.MultiheadAttention:
    twin = nn.MultiheadAttention(size, attention.num_heads, bias=False, batch_first=True)
    with torch.no_grad():
        parts = (attention.queries, attention.keys, attention.values)
        twin.in_proj_weight.copy_(torch.cat([layer.weight for layer in parts]))
        twin.out_proj.weight.copy_(attention.out.weight)
    return twin


def test_it_is_torchs_attention() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(12, 3)
    twin = twin_of(attention, 12)
    x, memory = torch.randn(2, 7, 12), torch.randn(2, 5, 12)
    torch.testing.assert_close(attention(x), twin(x, x, x)[0])
    torch.testing.assert_close(attention(x, memory), twin(x, memory, memory)[0])


def test_dropout_only_in_training() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(4, 2, dropout=0.5)
    x = torch.randn(1, 9, 4)
    assert not torch.equal(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))


@pytest.mark.parametrize("heads", [0, 5])
def test_heads_have_to_fit(heads: int) -> None:
    with pytest.raises(ValueError, match=f"12 features do not divide into {heads} heads"):
        MultiHeadAttention(12, heads)
