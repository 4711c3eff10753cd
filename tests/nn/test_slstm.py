"""The sLSTM against its equations without the stabiliser, and with inputs that would overflow them."""

import numpy as np
import pytest
import torch

from lexome.nn.slstm import Slstm


def filled(size: int, hidden: int, *, bias: bool = True, heads: int = 1) -> Slstm:
    torch.manual_seed(0)
    layer = Slstm(size, hidden, bias=bias, heads=heads)
    for parameter in layer.parameters():
        parameter.data = 0.7 * torch.randn(parameter.shape)
    return layer


def by_hand(layer: Slstm, x_TC: np.ndarray) -> np.ndarray:
    """One sequence in float64, in sums that are not stabilised; each head's rows and columns spelt out."""
    w = {name: p.detach().numpy().astype(np.float64) for name, p in layer.named_parameters()}
    hidden = w["weight_ih_l0"].shape[0] // 4
    size = hidden // layer.heads
    whole = np.zeros((4, hidden, hidden))
    for gate in range(4):
        for row in range(hidden):
            first = row // size * size
            whole[gate, row, first : first + size] = w["weight_hh_l0"][gate * hidden + row]
    h, c, n = np.zeros(hidden), np.zeros(hidden), np.zeros(hidden)
    out = []
    for x in x_TC:
        both = w.get("bias_ih_l0", 0) + w.get("bias_hh_l0", 0) + w["weight_ih_l0"] @ x
        i, f, z, o = both.reshape(4, hidden) + whole @ h
        forget = 1 / (1 + np.exp(-f))
        c = forget * c + np.exp(i) * np.tanh(z)
        n = forget * n + np.exp(i)
        h = c / n / (1 + np.exp(-o))
        out.append(h)
    return np.stack(out)


@pytest.mark.parametrize(("bias", "heads"), [(True, 1), (True, 3), (False, 2)])
def test_forward_follows_the_equations(bias: bool, heads: int) -> None:
    layer = filled(3, 6, bias=bias, heads=heads)
    x = np.random.default_rng(1).standard_normal((2, 15, 3)).astype(np.float32)
    y = layer(torch.from_numpy(x))[0].detach().numpy()
    np.testing.assert_allclose(y, np.stack([by_hand(layer, s) for s in x]), rtol=1e-4, atol=1e-5)


def test_the_stabiliser_keeps_large_gates_in_range() -> None:
    layer = filled(3, 4)
    x = 300 * torch.randn(2, 30, 3)  # exp of the input gate alone would be infinite
    x.requires_grad_()
    y = layer(x)[0]
    y.sum().backward()
    assert y.isfinite().all()
    assert float(y.detach().abs().max()) <= 1
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_gradients_agree_with_differences() -> None:
    """Also that cutting the stabiliser off loses nothing."""
    layer = filled(2, 2).double()
    x = torch.randn(1, 6, 2, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda v: layer(v)[0], (x,))


def test_heads_must_divide_the_features() -> None:
    with pytest.raises(ValueError, match="do not divide into 4 heads"):
        Slstm(3, 6, heads=4)
