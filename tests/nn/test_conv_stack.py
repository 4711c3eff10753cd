"""The convolutions in front of other layers."""

import pytest
import torch

from lexome.nn.conv import ConvConfig
from lexome.nn.conv_stack import conv_stack, stack_is_causal, stack_stride


def test_blocks_follow_each_other() -> None:
    convs = (ConvConfig(4, 5), ConvConfig(6, 7, stride=2), ConvConfig(3, 5, stride=3))
    stack = conv_stack(2, convs)
    assert stack_stride(convs) == 6
    assert [block.config for block in stack] == list(convs)  # pyright: ignore
    x = torch.randn(2, 2, 60)
    torch.testing.assert_close(stack(x), stack[2](stack[1](stack[0](x))))
    assert stack(x).shape == (2, 3, 10)


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
@pytest.mark.parametrize("strides", [(1, 3), (2, 3), (4, 1)])
def test_causal_is_what_an_impulse_says(padding: int, strides: tuple[int, int]) -> None:
    """The first step that a sample reaches is not before the step that the sample lies in."""
    convs = tuple(ConvConfig(2, 4, stride=s, padding=padding, activation="none", bias=False) for s in strides)
    stack, stride = conv_stack(1, convs), stack_stride(convs)
    ahead = []
    for sample in range(10 * stride, 11 * stride):
        x = torch.zeros(1, 1, 20 * stride)
        x[0, 0, sample] = 1
        first = int(stack(x).abs().sum((0, 1)).nonzero()[0])
        ahead.append(first * stride + stride - 1 < sample)
    assert stack_is_causal(convs) is not any(ahead)
