"""An LSTM whose steps all run at once, a few iterations long. Shapes: N batch, T steps, C in, H features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.lstm_weights import LstmWeights

DEFAULT_ITERATIONS = 3


class ParallelLstm(LstmWeights):
    """Every output is that of an LSTM which began `iterations` steps before: (N, T, C) -> (N, T, H).

    Weights have the names, shapes and gate order of `torch.nn.LSTM`, so those of a trained LSTM fit; with as
    many iterations as steps it is the LSTM. The work grows with the iterations, but nothing waits for the
    step before.

    Source: Ordonez Cardenas 2024, section 5.1.2, algorithm 1, there from the last step to the first (here the
    layer's direction: `RecurrentConfig.reverse`). Differs: at the ends the state is zero, where the algorithm
    lets the end's own state stand; states are not moved on once more after the last iteration, so a step
    takes in its own input (away from the ends the outputs are the algorithm's, one step aside). The text does
    not say how many iterations; 3 is what it found LSTMs to look back.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, bias: bool = True, iterations: int = DEFAULT_ITERATIONS
    ) -> None:
        super().__init__(input_size, hidden_size, hidden_size, bias=bias)
        if iterations < 2:
            raise ValueError("a parallel LSTM needs at least 2 iterations; with one it has no state")
        self.iterations = iterations

    def forward(self, x_NTC: Float[Tensor, "N T C"]) -> tuple[Float[Tensor, "N T H"], None]:
        """All outputs; no last state, since there is none."""
        gates_NTG = self.of_input(x_NTC)
        h_NTH, c_NTH = _step(gates_NTG, None)
        for _ in range(self.iterations - 1):
            h_NTH, c_NTH = (nn.functional.pad(state[:, :-1], (0, 0, 1, 0)) for state in (h_NTH, c_NTH))
            of_state_NTG = nn.functional.linear(h_NTH, self.weight_hh_l0)
            h_NTH, c_NTH = _step(gates_NTG + of_state_NTG, c_NTH)
        return h_NTH, None


def _step(gates_NTG: Tensor, c_NTH: Tensor | None) -> tuple[Tensor, Tensor]:
    i, f, g, o = gates_NTG.chunk(4, dim=-1)
    new_NTH = torch.sigmoid(i) * torch.tanh(g)
    if c_NTH is not None:
        new_NTH = torch.sigmoid(f) * c_NTH + new_NTH
    return torch.sigmoid(o) * torch.tanh(new_NTH), new_NTH
