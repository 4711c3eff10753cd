"""A GRU without dependence of its gates on the state. Shapes: N batch, T steps, C features in, H out."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.scan import linear_scan


class MinGru(nn.Module):
    """A mean of candidates that runs along: (N, T, C) -> (N, T, H).

    h[t] = k[t] h[t-1] + (1 - k[t]) (W x[t] + b),    k[t] = sigmoid(V x[t] + c)

    The state enters linearly only, so all steps are found at once by a parallel scan.

    Source: "Were RNNs all we needed?" (Feng 2024), minGRU in its plain form; k is the paper's 1 - z. Weights
    are named like torch's: `weight_ih_l0` is W above V, `bias_ih_l0` b above c.
    """

    def __init__(self, input_size: int, hidden_size: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(2 * hidden_size, input_size))
        self.bias_ih_l0 = nn.Parameter(torch.empty(2 * hidden_size)) if bias else None

    def forward(self, x_NTC: Float[Tensor, "N T C"]) -> tuple[Float[Tensor, "N T H"], None]:
        """All states, from zero; the last one is not given apart."""
        gates_NTG = nn.functional.linear(x_NTC, self.weight_ih_l0, self.bias_ih_l0)
        candidate_NTH, keep_NTH = gates_NTG.chunk(2, dim=-1)
        keep_NTH = torch.sigmoid(keep_NTH)
        return linear_scan(keep_NTH, (1 - keep_NTH) * candidate_NTH), None
