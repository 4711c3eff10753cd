"""The mLSTM: all steps at once, one after the other, and the equations without the stabiliser."""

import numpy as np
import pytest
import torch

from lexome.nn.mlstm import FORGET_BIAS, Mlstm
from lexome.nn.recurrent import RecurrentConfig, RecurrentLayer


def filled(size: int, hidden: int, *, bias: bool = True, heads: int = 1) -> Mlstm:
    torch.manual_seed(0)
    layer = Mlstm(size, hidden, bias=bias, heads=heads)
    for parameter in layer.parameters():
        parameter.data = 0.7 * torch.randn(parameter.shape)
    return layer


def by_hand(layer: Mlstm, x_TC: np.ndarray) -> np.ndarray:
    """One sequence in float64, each head's matrix as the paper writes it."""
    w = {name: p.detach().numpy().astype(np.float64) for name, p in layer.named_parameters()}
    hidden = w["weight_ih_l0"].shape[0] // 4
    size = hidden // layer.heads
    memory = np.zeros((layer.heads, size, size))
    n = np.zeros((layer.heads, size))
    out = []
    for x in x_TC:
        q, k, v, o = (w["weight_ih_l0"] @ x + w.get("bias_ih_l0", 0)).reshape(4, layer.heads, size)
        k = k / np.sqrt(size)
        i, f = (w["weight_gates"] @ x + w.get("bias_gates", 0)).reshape(2, layer.heads)
        i, f = np.exp(i), 1 / (1 + np.exp(-f))
        h = np.zeros((layer.heads, size))
        for head in range(layer.heads):
            memory[head] = f[head] * memory[head] + i[head] * np.outer(v[head], k[head])
            n[head] = f[head] * n[head] + i[head] * k[head]
            h[head] = memory[head] @ q[head] / max(abs(n[head] @ q[head]), 1.0)
        out.append((h / (1 + np.exp(-o))).reshape(hidden))
    return np.stack(out)


@pytest.mark.parametrize(("bias", "heads"), [(True, 1), (True, 3), (False, 2)])
def test_both_forms_follow_the_equations(bias: bool, heads: int) -> None:
    layer = filled(3, 6, bias=bias, heads=heads)
    x = np.random.default_rng(1).standard_normal((2, 15, 3)).astype(np.float32)
    expected = np.stack([by_hand(layer, sequence) for sequence in x])
    with torch.no_grad():
        np.testing.assert_allclose(layer(torch.from_numpy(x))[0], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.step_by_step(torch.from_numpy(x)), expected, rtol=1e-4, atol=1e-5)


def test_large_gates_stay_in_range() -> None:
    layer = filled(3, 4, heads=2)
    x = 300 * torch.randn(2, 30, 3)  # exp of the input gate alone would be infinite
    x.requires_grad_()
    y = layer(x)[0]
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    torch.testing.assert_close(y, layer.step_by_step(x), rtol=1e-3, atol=1e-3)


def test_gradients_agree_with_differences() -> None:
    """Also that cutting the stabiliser off loses nothing."""
    layer = filled(2, 4, heads=2).double()
    x = torch.randn(1, 5, 2, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda v: layer(v)[0], (x,))


def test_as_a_kind_of_recurrent_layer() -> None:
    layer = RecurrentLayer(6, RecurrentConfig(6, reverse=True, kind="mlstm", heads=3))
    x = torch.randn(2, 9, 6)
    torch.testing.assert_close(layer(x), layer.rnn.step_by_step(x.flip(1)).flip(1))
    biases = layer.rnn.get_parameter("bias_gates").detach()
    torch.testing.assert_close(biases, torch.tensor([0.0, 0.0, 0.0, 3.0, 4.5, 6.0]))
    assert FORGET_BIAS == (3.0, 6.0)


def test_heads_must_divide_the_features() -> None:
    with pytest.raises(ValueError, match="do not divide into 4 heads"):
        Mlstm(3, 6, heads=4)
