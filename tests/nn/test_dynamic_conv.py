"""Dynamic convolutions against a loop over steps, features and taps."""

import numpy as np
import pytest
import torch

from lexome.nn.dynamic_conv import DynamicConv, dynamic_convolution


def slow(x_TD: np.ndarray, weight_THK: np.ndarray) -> np.ndarray:
    steps, size = x_TD.shape
    _, heads, taps = weight_THK.shape
    y = np.zeros((steps, size))
    for t, d, k in np.ndindex(steps, size, taps):
        there = t + k - taps // 2
        if 0 <= there < steps:
            y[t, d] += weight_THK[t, d // (size // heads), k] * x_TD[there, d]
    return y


@pytest.mark.parametrize(("taps", "heads"), [(1, 2), (3, 1), (7, 3), (31, 2)])
def test_it_is_the_loop(taps: int, heads: int) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 9, 6), torch.randn(2, 9, heads, taps)
    expected = np.stack(
        [slow(*pair) for pair in zip(x.double().numpy(), weight.double().numpy(), strict=True)]
    )
    np.testing.assert_allclose(dynamic_convolution(x, weight).numpy(), expected, rtol=0, atol=1e-5)


def test_the_block_gates_makes_kernels_and_joins() -> None:
    torch.manual_seed(0)
    block = DynamicConv(6, 2, 5).double()
    x = torch.randn(1, 8, 6, dtype=torch.float64)
    values, gates = block.into(x).chunk(2, dim=-1)
    gated = values / (1 + torch.exp(-gates))
    raw = (gated @ block.weights.weight.T).reshape(1, 8, 2, 5).exp()
    kernels = raw / raw.sum(-1, keepdim=True)
    seen = slow(gated[0].detach().numpy(), kernels[0].detach().numpy())
    expected = seen @ block.out.weight.detach().numpy().T + block.out.bias.detach().numpy()
    np.testing.assert_allclose(block(x)[0].detach().numpy(), expected, rtol=0, atol=1e-12)


def test_taps_are_dropped_only_in_training() -> None:
    torch.manual_seed(0)
    block = DynamicConv(6, 2, 5, weight_dropout=0.5)
    x = torch.randn(1, 8, 6)
    assert not torch.equal(block(x), block(x))
    assert torch.equal(block.eval()(x), block(x))


@pytest.mark.parametrize(
    ("heads", "kernel", "message"), [(4, 3, "into 4 heads"), (0, 3, "into 0 heads"), (2, 4, "odd, not 4")]
)
def test_senseless_blocks_are_refused(heads: int, kernel: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DynamicConv(6, heads, kernel)
