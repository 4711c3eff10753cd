"""How many heads attentions have, what cannot be, and the weights of those with some heads gone."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from lexome.nn.alibi import AlibiSelfAttention
from lexome.nn.attention import AttentionConfig, SelfAttention
from lexome.nn.banded_attention import BandedSelfAttention
from lexome.nn.global_attention import LocalGlobalAttention
from lexome.nn.heads import check_heads, check_numbered_heads, shape_of_heads
from lexome.nn.lsh_attention import LshAttention, LshConfig
from lexome.nn.multihead import MultiHeadAttention


def test_a_head_stays_as_wide_as_it_was() -> None:
    assert shape_of_heads(12, 4, None) == (4, 3)
    assert shape_of_heads(12, 4, 1) == (1, 3)
    for left in (0, 5):
        with pytest.raises(ValueError, match="1 to 4 can be left"):
            shape_of_heads(12, 4, left)
    with pytest.raises(ValueError, match="do not divide into 5 heads"):
        shape_of_heads(12, 5, None)


def test_heads_of_a_stack() -> None:
    check_heads(None, 3, 2)
    check_heads([1, 2, 2], 3, 2)
    with pytest.raises(ValueError, match="2 numbers for 3 layers"):
        check_heads([1, 2], 3, 2)
    for wrong in ([0, 1], [1, 3]):
        with pytest.raises(ValueError, match="1 to 2"):
            check_heads(wrong, 2, 2)


def test_numbered_heads_of_a_stack() -> None:
    check_numbered_heads(None, 2, 3)
    check_numbered_heads([[0, 2], [1]], 2, 3)
    for wrong in ([[2, 0], [1]], [[0, 0], [1]], [[3], [1]], [[-1], [1]]):
        with pytest.raises(ValueError, match="from 0 to 2, in order"):
            check_numbered_heads(wrong, 2, 3)
    with pytest.raises(ValueError, match="1 to 3"):
        check_numbered_heads([[], [1]], 2, 3)
    with pytest.raises(ValueError, match="1 numbers for 2 layers"):
        check_numbered_heads([[1]], 2, 3)


MAKE: dict[str, Callable[[int | None], nn.Module]] = {
    "banded": lambda left: BandedSelfAttention(12, 4, left=left),
    "global": lambda left: LocalGlobalAttention(12, 4, (2, 2), 0, left),
    "lsh": lambda left: LshAttention(12, 4, LshConfig(4, 2, 1), left),
    "multihead": lambda left: MultiHeadAttention(12, 4, left=left),
    "windowed": lambda left: SelfAttention(12, AttentionConfig(4, (2, 2)), left),
}


@pytest.mark.parametrize("name", list(MAKE))
def test_weights_are_those_of_the_heads_that_are_left(name: str) -> None:
    whole, half = MAKE[name](None), MAKE[name](2)
    sizes = [sum(w.numel() for w in one.parameters() if w.ndim == 2) for one in (whole, half)]
    assert sizes[1] * 2 == sizes[0]
    assert tuple(half.get_submodule("out").weight.shape) == (12, 6)  # type: ignore[union-attr]


def test_slopes_are_those_of_the_heads_that_are_left() -> None:
    attention = AlibiSelfAttention(8, 4, left=[1, 3])
    assert attention.out_features == 4
    biases_HK = torch.arange(12.0).reshape(4, 3)
    torch.testing.assert_close(attention._own(biases_HK), biases_HK[[1, 3]])
