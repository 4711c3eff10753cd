"""The parallel LSTM against the algorithm of its text and against torch's LSTM."""

import pytest
import torch

from lexome.nn.parallel_lstm import ParallelLstm


def filled(size: int, hidden: int, iterations: int, *, bias: bool = True) -> ParallelLstm:
    torch.manual_seed(0)
    layer = ParallelLstm(size, hidden, bias=bias, iterations=iterations)
    for parameter in layer.parameters():
        parameter.data = 0.7 * torch.randn(parameter.shape)
    return layer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("iterations", [9, 15])
def test_with_as_many_iterations_as_steps_it_is_an_lstm(bias: bool, iterations: int) -> None:
    layer = filled(3, 4, iterations, bias=bias)
    lstm = torch.nn.LSTM(3, 4, bias=bias, batch_first=True)
    lstm.load_state_dict(layer.state_dict())
    x = torch.randn(2, 9, 3)
    torch.testing.assert_close(layer(x)[0], lstm(x)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("iterations", [2, 3, 5])
def test_every_output_is_that_of_an_lstm_begun_so_many_steps_before(iterations: int) -> None:
    layer = filled(3, 4, iterations)
    lstm = torch.nn.LSTM(3, 4, batch_first=True)
    lstm.load_state_dict(layer.state_dict())
    x = torch.randn(2, 12, 3)
    expected = [lstm(x[:, max(0, t + 1 - iterations) : t + 1])[0][:, -1] for t in range(12)]
    torch.testing.assert_close(layer(x)[0], torch.stack(expected, 1), rtol=0, atol=1e-6)


def algorithm_1(cell: torch.nn.LSTMCell, x_TD: torch.Tensor, iterations: int) -> torch.Tensor:
    """The published pseudocode, line by line."""
    num_steps = len(x_TD)
    h = [torch.zeros(cell.hidden_size) for _ in range(num_steps)]
    c = [torch.zeros(cell.hidden_size) for _ in range(num_steps)]
    for _ in range(iterations):
        for i in range(num_steps):
            h[i], c[i] = cell(x_TD[i], (h[i], c[i]))
        for i in range(num_steps - 1):
            h[i], c[i] = h[i + 1], c[i + 1]
    return torch.stack(h)


@pytest.mark.parametrize("iterations", [2, 4])
def test_away_from_the_end_it_is_algorithm_1_one_step_aside(iterations: int) -> None:
    layer = filled(3, 4, iterations)
    cell = torch.nn.LSTMCell(3, 4)
    cell.load_state_dict({name.removesuffix("_l0"): p for name, p in layer.state_dict().items()})
    x = torch.randn(1, 20, 3)
    published = algorithm_1(cell, x[0], iterations)
    against_time = layer(x.flip(1))[0].flip(1)[0]
    inside = 20 - iterations
    torch.testing.assert_close(against_time[1 : inside + 1], published[:inside], rtol=0, atol=1e-6)


def test_one_iteration_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 iterations"):
        ParallelLstm(3, 4, iterations=1)
