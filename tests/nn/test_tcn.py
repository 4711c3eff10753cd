"""Causal convolutions: as sums written out, as torch's weight normalisation, and blind for what comes."""

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from lexome.nn.tcn import CausalBlock, WeightNormConv


def test_a_convolution_is_its_sums_over_the_past() -> None:
    torch.manual_seed(0)
    conv = WeightNormConv(2, 3, 3, 4)
    nn.init.normal_(conv.gain)
    nn.init.normal_(conv.bias)
    x = torch.randn(1, 2, 15)
    direction, gain, bias = (
        p.detach().numpy().astype(np.float64) for p in (conv.direction, conv.gain, conv.bias)
    )
    expected = np.empty((3, 15))
    for d, t in np.ndindex(3, 15):
        kernel = gain[d] * direction[d] / np.linalg.norm(direction[d])
        seen = [(tap, t - (2 - tap) * 4) for tap in range(3)]
        expected[d, t] = bias[d] + sum(kernel[:, tap] @ x[0, :, s].numpy() for tap, s in seen if s >= 0)
    np.testing.assert_allclose(conv(x)[0].detach().numpy(), expected, rtol=0, atol=1e-5)


def test_weights_are_normalised_as_torch_does_it() -> None:
    torch.manual_seed(0)
    conv = WeightNormConv(2, 3, 3, 2)
    nn.init.normal_(conv.gain)
    twin = weight_norm(nn.Conv1d(2, 3, 3, dilation=2, padding=4))
    with torch.no_grad():
        twin.get_parameter("parametrizations.weight.original1").copy_(conv.direction)
        twin.get_parameter("parametrizations.weight.original0").copy_(conv.gain[:, None, None])
        twin.get_parameter("bias").copy_(conv.bias)
    x = torch.randn(2, 2, 20)
    torch.testing.assert_close(conv(x), twin(x)[..., :20])


def test_a_block_gates_twice_and_adds_its_input() -> None:
    torch.manual_seed(0)
    for channels in (2, 4):
        block = CausalBlock(channels, 4, 3, 2).eval()
        nn.init.normal_(block.norm.bias)
        x = torch.randn(1, channels, 12)
        y = x
        for conv in (block.first, block.second):
            values, gates = conv(y).chunk(2, dim=1)
            y = values * torch.sigmoid(gates)
        if isinstance(block.residual, nn.Conv1d):
            y = y + torch.einsum("dc,nct->ndt", block.residual.weight[..., 0], x)
            y = y + block.residual.bias[:, None]  # type: ignore[index]
        else:
            y = y + x
        y = y / (1 + block.norm.eps) ** 0.5 + block.norm.bias[:, None]
        torch.testing.assert_close(block(x), torch.where(y > 0, y, 0.01 * y))
        assert isinstance(block.residual, nn.Identity) == (channels == 4)
