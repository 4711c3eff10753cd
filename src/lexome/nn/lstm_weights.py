"""The weights of an LSTM under torch's names. Shapes: N batch, T steps, C in, H out, G = 4 H gates."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LstmWeights(nn.Module):
    """Weights of four gates, not yet drawn; cells that use them otherwise than torch build on this.

    Args:
        input_size: C.
        hidden_size: H.
        state_size: features of the state that reach a gate, mostly H.
        bias: whether the gates have biases.
    """

    def __init__(self, input_size: int, hidden_size: int, state_size: int, *, bias: bool) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size, state_size))
        self.bias_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size)) if bias else None
        self.bias_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size)) if bias else None

    def of_input(self, x_NTC: Float[Tensor, "N T C"]) -> Float[Tensor, "N T G"]:
        """The gates' shares of input and biases, of all steps at once."""
        gates_NTG = nn.functional.linear(x_NTC, self.weight_ih_l0, self.bias_ih_l0)
        return gates_NTG if self.bias_hh_l0 is None else gates_NTG + self.bias_hh_l0
