"""The recurrent layers against their equations, step by step."""

import dataclasses
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


ALL_KINDS: list[Any] = list(GATES)


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_layer_runs_in_its_direction(kind: Kind, reverse: bool) -> None:
    """A change in the middle reaches the steps behind it, in the layer's direction, and no others."""
    torch.manual_seed(0)
    layer = RecurrentLayer(3, RecurrentConfig(4, reverse=reverse, kind=kind))
    x = torch.randn(1, 9, 3)
    other = x.clone()
    other[0, 4] += 1
    differs = (layer(x) - layer(other))[0].abs().amax(-1) > 1e-7
    steps = torch.arange(9)
    last = 2 if kind == "parallel_lstm" else 9  # three iterations
    assert torch.equal(
        differs, (steps <= 4) & (steps >= 4 - last) if reverse else (steps >= 4) & (steps <= 4 + last)
    )


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [12, 10])
def test_splits_are_sequences_of_their_own(kind: Kind, reverse: bool, steps: int) -> None:
    torch.manual_seed(0)
    config = RecurrentConfig(4, reverse=reverse, kind=kind)
    whole = RecurrentLayer(3, config)
    split = RecurrentLayer(3, dataclasses.replace(config, splits=3))
    split.load_state_dict(whole.state_dict())
    x = torch.randn(2, steps, 3)
    if reverse:  # the shorter part is the last one that runs, the first one of the sequence
        parts = [part.flip(1) for part in x.flip(1).split(4, dim=1)][::-1]
    else:
        parts = list(x.split(4, dim=1))
    torch.testing.assert_close(split(x), torch.cat([whole(part) for part in parts], 1), rtol=0, atol=1e-6)


def test_new_kinds_start_remembering_and_orthogonal() -> None:
    kinds: list[tuple[Kind, int]] = [("parallel_lstm", 4), ("slstm", 4), ("min_gru", 2)]
    for kind, gates in kinds:
        layer = RecurrentLayer(6, RecurrentConfig(6, reverse=False, kind=kind))
        for gate in layer.rnn.get_parameter("weight_ih_l0").detach().chunk(gates):
            torch.testing.assert_close(gate @ gate.T, torch.eye(6), rtol=1e-5, atol=1e-5)
        biases = layer.rnn.get_parameter("bias_ih_l0").detach().chunk(gates)
        assert [bias.unique().tolist() for bias in biases] == [[i == 1] for i in range(gates)]
    four_heads = RecurrentLayer(6, RecurrentConfig(8, reverse=False, kind="slstm", heads=4))
    assert four_heads.rnn.get_parameter("weight_hh_l0").shape == (32, 2)


def test_sum_and_normalisation_stand_behind_the_layer() -> None:
    torch.manual_seed(0)
    plain = RecurrentLayer(5, RecurrentConfig(5, reverse=True, kind="elman"))
    options: dict[str, Any] = {"dropout": 0.2, "residual": True, "layer_norm": True}
    layer = RecurrentLayer(5, RecurrentConfig(5, reverse=True, kind="elman", **options))
    layer.rnn.load_state_dict(plain.rnn.state_dict())
    x = torch.randn(2, 9, 5)
    total = x + plain(x)
    mean, variance = total.mean(-1, keepdim=True), total.var(-1, keepdim=True, unbiased=False)
    expected = (total - mean) / (variance + 1e-5).sqrt()
    torch.testing.assert_close(layer.eval()(x), expected, rtol=1e-5, atol=1e-5)
    layer.norm = None
    dropped = (layer.train()(x) - x).abs() < 1e-7
    assert 0.05 < float(dropped.float().mean()) < 0.4
    with pytest.raises(ValueError, match="residual needs one size"):
        RecurrentLayer(4, RecurrentConfig(5, reverse=True, residual=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0}, {"splits": 0}, {"iterations": 3}, {"kind": "parallel_lstm", "iterations": 1},
        {"heads": 2}, {"kind": "slstm", "heads": 3}, {"dropout": 1.0},
    ],
)  # fmt: skip
def test_senseless_configs_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be|must divide|are for recurrent layers"):
        RecurrentConfig(**({"size": 4, "reverse": True} | wrong))
