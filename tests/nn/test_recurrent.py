"""The LSTM layer against its equations, step by step."""

import numpy as np
import pytest
import torch

from lexome.nn.recurrent import DirectionalLstm, LstmConfig


def by_hand(layer: DirectionalLstm, x_TC: np.ndarray) -> np.ndarray:
    """One sequence through the layer in float64, in the order of its direction."""
    weights = {name: p.detach().numpy().astype(np.float64) for name, p in layer.rnn.named_parameters()}
    size = layer.config.size
    bias = weights.get("bias_ih_l0", 0.0) + weights.get("bias_hh_l0", 0.0)
    h, c = np.zeros(size), np.zeros(size)
    out = np.empty((len(x_TC), size))
    order = range(len(x_TC))
    for t in reversed(order) if layer.config.reverse else order:
        gates = weights["weight_ih_l0"] @ x_TC[t] + weights["weight_hh_l0"] @ h + bias
        i, f, g, o = np.split(gates, 4)
        sigmoid = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out[t] = h
    return out


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_forward_follows_the_equations(reverse: bool, bias: bool) -> None:
    torch.manual_seed(0)
    layer = DirectionalLstm(3, LstmConfig(4, reverse=reverse, bias=bias))
    for parameter in layer.parameters():
        parameter.data = torch.randn(parameter.shape)
    x = np.random.default_rng(1).standard_normal((2, 17, 3)).astype(np.float32)
    y = layer(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(y, np.stack([by_hand(layer, s) for s in x]), rtol=1e-4, atol=1e-5)


def test_initial_weights_are_orthogonal_per_gate_and_remember() -> None:
    layer = DirectionalLstm(6, LstmConfig(6, reverse=False))
    weights = dict(layer.rnn.named_parameters())
    for gate in weights["weight_hh_l0"].detach().chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(6), rtol=1e-5, atol=1e-5)
    i, f, g, o = (weights["bias_ih_l0"] + weights["bias_hh_l0"]).detach().chunk(4)
    assert f.eq(1).all()
    assert not torch.cat([i, g, o]).any()


def test_a_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        LstmConfig(0, reverse=True)
