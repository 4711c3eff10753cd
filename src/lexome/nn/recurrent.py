"""Recurrent layers. Shapes: N batch, T steps, C features in, H features out."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn


@dataclass(frozen=True)
class LstmConfig:
    """One LSTM layer.

    Attributes:
        size: features out.
        reverse: whether it runs from the last step to the first.
        bias: whether the gates have biases.
    """

    size: int
    reverse: bool
    bias: bool = True

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError("the size of an LSTM must be positive")


class DirectionalLstm(nn.Module):
    """One LSTM layer that runs in one direction: (N, T, C) -> (N, T, size).

    Weights start orthogonal per gate, the forget gate's bias at one (torch's default initialisation lets the
    activations of a stack fade). The forget bias stands in the input bias; the recurrent bias starts at zero.
    """

    def __init__(self, in_features: int, config: LstmConfig) -> None:
        super().__init__()
        self.config = config
        self.rnn = nn.LSTM(in_features, config.size, bias=config.bias, batch_first=True)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        weights = dict(self.rnn.named_parameters())
        for name in ("weight_ih_l0", "weight_hh_l0"):
            for gate in weights[name].data.chunk(4):
                nn.init.orthogonal_(gate)
        if self.config.bias:
            nn.init.zeros_(weights["bias_ih_l0"])
            nn.init.zeros_(weights["bias_hh_l0"])
            nn.init.ones_(weights["bias_ih_l0"].data.chunk(4)[1])  # torch's gate order: i, f, g, o

    def forward(self, x_NTC: Float[torch.Tensor, "N T C"]) -> Float[torch.Tensor, "N T H"]:
        """Runs the layer over the whole sequence from a zero state."""
        if self.config.reverse:
            return self.rnn(x_NTC.flip(1))[0].flip(1)
        return self.rnn(x_NTC)[0]
