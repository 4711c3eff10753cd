"""The recurrent layers against their equations, step by step."""

from typing import Any

import numpy as np
import pytest
import torch

from lexome.nn.recurrent import CELLS, GATES, Kind, RecurrentConfig, RecurrentLayer

KINDS: list[Any] = ["lstm", "gru", "elman"]


def sigmoid(v: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-v))


def by_hand(layer: RecurrentLayer, x_TC: np.ndarray) -> np.ndarray:
    """One sequence through the layer in float64, in the order of its direction."""
    weights = {name: p.detach().numpy().astype(np.float64) for name, p in layer.rnn.named_parameters()}
    size = layer.config.size
    none = np.zeros(GATES[layer.config.kind] * size)
    h, c = np.zeros(size), np.zeros(size)
    out = np.empty((len(x_TC), size))
    order = range(len(x_TC))
    for t in reversed(order) if layer.config.reverse else order:
        of_input = weights["weight_ih_l0"] @ x_TC[t] + weights.get("bias_ih_l0", none)
        of_state = weights["weight_hh_l0"] @ h + weights.get("bias_hh_l0", none)
        match layer.config.kind:
            case "lstm":
                i, f, g, o = np.split(of_input + of_state, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
            case "gru":
                (r_x, z_x, n_x), (r_h, z_h, n_h) = np.split(of_input, 3), np.split(of_state, 3)
                update = sigmoid(z_x + z_h)
                h = (1 - update) * np.tanh(n_x + sigmoid(r_x + r_h) * n_h) + update * h
            case "elman":
                h = np.tanh(of_input + of_state)
        out[t] = h
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_forward_follows_the_equations(kind: Kind, reverse: bool, bias: bool) -> None:
    torch.manual_seed(0)
    layer = RecurrentLayer(3, RecurrentConfig(4, reverse=reverse, bias=bias, kind=kind))
    for parameter in layer.parameters():
        parameter.data = 0.7 * torch.randn(parameter.shape)
    x = np.random.default_rng(1).standard_normal((2, 17, 3)).astype(np.float32)
    y = layer(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(y, np.stack([by_hand(layer, s) for s in x]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_both_directions_are_those_of_torch(kind: Kind) -> None:
    """A bidirectional layer of torch is one layer of each direction, side by side."""
    torch.manual_seed(0)
    both = CELLS[kind](3, 5, batch_first=True, bidirectional=True)  # pyright: ignore[reportCallIssue]
    x = torch.randn(2, 11, 3)
    expected = both(x)[0].chunk(2, dim=-1)
    for reverse, suffix in ((False, ""), (True, "_reverse")):
        layer = RecurrentLayer(3, RecurrentConfig(5, reverse=reverse, kind=kind))
        layer.rnn.load_state_dict(
            {name: both.get_parameter(name + suffix) for name in layer.rnn.state_dict()}
        )
        torch.testing.assert_close(layer(x), expected[int(reverse)], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_initial_weights_are_orthogonal_per_gate_and_remember(kind: Kind) -> None:
    layer = RecurrentLayer(6, RecurrentConfig(6, reverse=False, kind=kind))
    weights = dict(layer.rnn.named_parameters())
    for name in ("weight_ih_l0", "weight_hh_l0"):
        gates = weights[name].detach().chunk(GATES[kind])
        assert [gate.shape for gate in gates] == [(6, 6)] * GATES[kind]
        for gate in gates:
            torch.testing.assert_close(gate @ gate.T, torch.eye(6), rtol=1e-5, atol=1e-5)
    biases = (weights["bias_ih_l0"] + weights["bias_hh_l0"]).detach().chunk(GATES[kind])
    expected = {"lstm": [0, 1, 0, 0], "gru": [0, 1, 0], "elman": [0]}[kind]
    assert [bias.unique().tolist() for bias in biases] == [[value] for value in expected]


@torch.no_grad()
def test_the_gate_that_starts_at_one_keeps_the_state() -> None:
    """What `KEEPING_GATE` says of torch's order: with a high bias an impulse stays, else it goes."""
    for kind in ("lstm", "gru"):
        kept = {}
        for bias in (9.0, -9.0):
            torch.manual_seed(0)
            layer = RecurrentLayer(1, RecurrentConfig(4, reverse=False, kind=kind))
            layer.rnn.get_parameter("weight_hh_l0").data.zero_()
            layer.rnn.get_parameter("bias_ih_l0").data.chunk(GATES[kind])[1].fill_(bias)
            x = torch.zeros(1, 30, 1)
            quiet = layer(x)[0, -1]
            x[0, 0] = 3.0
            kept[bias] = float((layer(x)[0, -1] - quiet).abs().max())
        assert kept[9.0] > 1e-5 > kept[-9.0], kind


def test_configurations_without_a_kind_are_lstms() -> None:
    assert isinstance(RecurrentLayer(3, RecurrentConfig(4, reverse=True)).rnn, torch.nn.LSTM)


def test_a_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        RecurrentConfig(0, reverse=True)
