"""An LSTM written out step by step. Shapes: N batch, T steps, C features in, H out, G = 4 H gates."""

import torch
from jaxtyping import Float
from torch import Tensor

from lexome.nn.loops import loop_over_steps, scripted
from lexome.nn.lstm_weights import LstmWeights


class SteppedLstm(LstmWeights):
    """`torch.nn.LSTM` without its fused kernel: (N, T, C) -> (N, T, H).

    Source: Ordonez Cardenas 2024, section 5.1.2: what that kernel is worth. Its "Bonito" runs each operation
    of each step by itself, its "BonitoJIT" (`script`) passes the loop through torch's compiler of scripts,
    its "BonitoOptimized" is `torch.nn.LSTM`. Weights are those of `torch.nn.LSTM`.
    """

    def __init__(self, input_size: int, hidden_size: int, *, bias: bool = True, script: bool = False) -> None:
        super().__init__(input_size, hidden_size, hidden_size, bias=bias)
        self.script = script

    def forward(self, x_NTC: Float[Tensor, "N T C"]) -> tuple[Float[Tensor, "N T H"], None]:
        """All outputs, from a zero state; the last state is not given."""
        gates_NTG = self.of_input(x_NTC)
        run = scripted(lstm_loop) if self.script else lstm_loop
        return run(gates_NTG, self.weight_hh_l0), None


@loop_over_steps
def lstm_loop(gates_NTG: Tensor, weight_hh: Tensor) -> Tensor:
    """The recurrence over the gates' input parts."""
    h = torch.zeros_like(gates_NTG[:, 0, : weight_hh.shape[1]])
    c = torch.zeros_like(h)
    outputs: list[Tensor] = []
    for t in range(gates_NTG.shape[1]):
        gates = (gates_NTG[:, t] + h @ weight_hh.t()).chunk(4, dim=1)
        c = torch.sigmoid(gates[1]) * c + torch.sigmoid(gates[0]) * torch.tanh(gates[2])
        h = torch.sigmoid(gates[3]) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, 1)
