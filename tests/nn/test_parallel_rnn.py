"""The recurrence of a few iterations, against its formula step by step."""

from typing import Any

import numpy as np
import pytest
import torch

from lexome.nn.parallel_rnn import ParallelRnnLayer, ParallelRnnLayerConfig


def random_layer(**config) -> ParallelRnnLayer:
    torch.manual_seed(0)
    layer = ParallelRnnLayer(ParallelRnnLayerConfig(**config))
    for parameter in layer.parameters():
        parameter.data = 0.5 * torch.randn(parameter.shape)
    return layer


def by_hand(layer: ParallelRnnLayer, x_TD: np.ndarray) -> np.ndarray:
    """One sequence in float64; a step at a time, and within it every kernel position and group."""
    w = {name: p.detach().numpy().astype(np.float64) for name, p in layer.named_parameters()}
    config = layer.config
    if config.reverse:
        x_TD = x_TD[::-1]
    num_steps, size = x_TD.shape
    u = [w["input.weight"] @ x + w["input.bias"] for x in x_TD]
    h = [w["initial_D"]] * num_steps
    inputs = size // config.mixer_groups
    for n in range(config.iterations):
        new = []
        for t in range(num_steps):
            mixed = np.zeros(size)
            for d in range(size):
                first = d // inputs * inputs
                for k in range(config.mixer):
                    at = t + k - config.mixer // 2
                    if 0 <= at < num_steps:
                        mixed[d] += w["mixer.weight"][d, :, k] @ h[at][first : first + inputs]
            own = u[t + n] if t + n < num_steps else np.zeros(size)
            new.append(np.tanh(own + w["state.weight"][:, :, 0] @ mixed))
        h = new
    y_TD = np.stack(h)
    for group in np.split(np.arange(size), config.norm_groups):
        part = y_TD[:, group]
        y_TD[:, group] = (part - part.mean()) / np.sqrt(part.var() + 1e-5)
    y_TD = y_TD * w["norm.weight"] + w["norm.bias"]
    return y_TD[::-1] if config.reverse else y_TD


@pytest.mark.parametrize(
    "config",
    [
        {"size": 4},
        {"size": 4, "reverse": True},
        {"size": 6, "iterations": 1, "mixer": 1, "norm_groups": 3},
        {"size": 6, "iterations": 4, "mixer": 3, "mixer_groups": 2, "norm_groups": 2},
        {"size": 5, "iterations": 9, "mixer": 7, "mixer_groups": 5},
    ],
)
def test_forward_follows_the_formula(config: dict) -> None:
    layer = random_layer(**config)
    x = np.random.default_rng(1).standard_normal((2, 7, config["size"])).astype(np.float32)
    y = layer(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(y, np.stack([by_hand(layer, s) for s in x]), rtol=1e-4, atol=1e-5)


def test_without_a_mixer_to_the_sides_it_is_an_elman_network_of_few_steps() -> None:
    """Every output is torch's RNN, started anew at that step and run for the iterations."""
    layer = random_layer(size=4, iterations=3, mixer=1)
    layer.mixer.weight.data = torch.eye(4)[:, :, None]
    rnn = torch.nn.RNN(4, 4, batch_first=True)
    rnn.load_state_dict(
        {
            "weight_ih_l0": layer.input.weight,
            "weight_hh_l0": layer.state.weight[..., 0],
            "bias_ih_l0": layer.input.bias,
            "bias_hh_l0": torch.zeros(4),
        }
    )
    x = torch.randn(1, 12, 4)
    inside = range(12 - 2)  # behind these the input ends
    states = [rnn(x[:, t : t + 3], layer.initial_D.expand(1, 1, 4).contiguous())[1][0, 0] for t in inside]
    layer.norm = torch.nn.Identity()  # pyright: ignore
    torch.testing.assert_close(layer(x)[0, :10], torch.stack(states), rtol=0, atol=1e-6)


def test_a_new_layer_keeps_activations_and_gradients_alive() -> None:
    torch.manual_seed(0)
    layer = ParallelRnnLayer(ParallelRnnLayerConfig(32))
    x = torch.randn(4, 50, 32, requires_grad=True)
    y = layer(x)
    assert 0.9 < float(y.detach().std()) < 1.1
    (y * torch.randn_like(y)).sum().backward()
    assert x.grad is not None
    assert float(x.grad.std()) > 0.1


@pytest.mark.parametrize(
    "wrong",
    [{"size": 0}, {"iterations": 0}, {"mixer": 4}, {"mixer_groups": 3}, {"norm_groups": 3}, {"mixer": -1}],
)
def test_senseless_configs_are_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"size": 8}
    with pytest.raises(ValueError, match=r"must be positive|odd width|must divide"):
        ParallelRnnLayerConfig(**(right | wrong))
