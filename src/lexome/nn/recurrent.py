"""Recurrent layers. Shapes: N batch, T steps, C features in, H features out."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import nn

Kind = Literal["lstm", "gru", "elman"]
CELLS: dict[Kind, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}
GATES: dict[Kind, int] = {"lstm": 4, "gru": 3, "elman": 1}
# Torch's order of the gates is input, forget, cell, output and reset, update, new: the same place for both
# gates that decide whether the state is kept.
KEEPING_GATE = 1


@dataclass(frozen=True)
class RecurrentConfig:
    """One recurrent layer.

    Attributes:
        size: features out.
        reverse: whether it runs from the last step to the first.
        bias: whether the gates have biases.
        kind: "lstm", "gru" (the variant whose reset gate acts after the recurrent product, as in cuDNN) or
            "elman" (one tanh of input and state, no gates).
    """

    size: int
    reverse: bool
    bias: bool = True
    kind: Kind = "lstm"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError("the size of a recurrent layer must be positive")

    @property
    def looks_ahead(self) -> bool:
        """Whether a step depends on later ones."""
        return self.reverse


class RecurrentLayer(nn.Module):
    """One recurrent layer that runs in one direction: (N, T, C) -> (N, T, size).

    Weights start orthogonal per gate, the bias of the gate that keeps the state (an LSTM's forget gate, a
    GRU's update gate) at one: torch's default initialisation lets the activations of a stack fade. That bias
    stands in the input bias; the recurrent bias starts at zero.

    Source: Hochreiter and Schmidhuber 1997 with the forget gate of Gers 2000 (LSTM), Cho 2014 (GRU), Elman
    1990.
    """

    def __init__(self, in_features: int, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        cell = CELLS[config.kind]
        self.rnn = cell(in_features, config.size, bias=config.bias, batch_first=True)  # pyright: ignore[reportCallIssue]
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        weights = dict(self.rnn.named_parameters())
        gates = GATES[self.config.kind]
        for name in ("weight_ih_l0", "weight_hh_l0"):
            for gate in weights[name].data.chunk(gates):
                nn.init.orthogonal_(gate)
        if self.config.bias:
            nn.init.zeros_(weights["bias_ih_l0"])
            nn.init.zeros_(weights["bias_hh_l0"])
            if gates > 1:
                nn.init.ones_(weights["bias_ih_l0"].data.chunk(gates)[KEEPING_GATE])

    def forward(self, x_NTC: Float[torch.Tensor, "N T C"]) -> Float[torch.Tensor, "N T H"]:
        """Runs the layer over the whole sequence from a zero state."""
        if self.config.reverse:
            return self.rnn(x_NTC.flip(1))[0].flip(1)
        return self.rnn(x_NTC)[0]
