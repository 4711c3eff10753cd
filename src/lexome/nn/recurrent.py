"""Recurrent layers. Shapes: N batch, T steps, C features in, H features out."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import nn

from lexome.core.errors import nearest
from lexome.nn.gru_ablations import CODES, AblatedGru
from lexome.nn.min_gru import MinGru
from lexome.nn.mlstm import Mlstm
from lexome.nn.parallel_lstm import DEFAULT_ITERATIONS, ParallelLstm
from lexome.nn.slstm import Slstm
from lexome.nn.stepped_lstm import SteppedLstm

Kind = Literal[
    "lstm", "gru", "elman", "lstm_steps", "lstm_scripted", "parallel_lstm", "slstm", "mlstm", "min_gru",
    "gru_ablation",
]  # fmt: skip
CELLS: dict[Kind, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}
GATES: dict[Kind, int] = {
    "lstm": 4, "gru": 3, "elman": 1, "lstm_steps": 4, "lstm_scripted": 4, "parallel_lstm": 4, "slstm": 4,
    "mlstm": 4, "min_gru": 2, "gru_ablation": 3,
}  # fmt: skip
# Torch's order of the gates is input, forget, cell, output and reset, update, new: the same place for both
# gates that decide whether the state is kept. The cells of this package have theirs there too.
KEEPING_GATE = 1


@dataclass(frozen=True)
class RecurrentConfig:
    """One recurrent layer.

    Attributes:
        size: features out.
        reverse: whether it runs from the last step to the first.
        bias: whether the gates have biases.
        kind: "lstm", "gru" (the variant whose reset gate acts after the recurrent product, as in cuDNN),
            "elman" (one tanh of input and state, no gates), "lstm_steps" and "lstm_scripted" (an LSTM
            without its fused kernel, `nn.stepped_lstm`), "parallel_lstm" (`nn.parallel_lstm`), "slstm"
            (`nn.slstm`), "mlstm" (`nn.mlstm`), "min_gru" (`nn.min_gru`) or "gru_ablation"
            (`nn.gru_ablations`).
        splits: parts of the sequence that run side by side, each from a zero state.
        iterations: of a parallel LSTM (default 3); None for other kinds.
        heads: of an sLSTM or mLSTM (default 1); None for other kinds.
        ablation: code of an ablated GRU (default "baseline"); None for other kinds.
        dropout: part of the outputs dropped in training, before anything is added to them.
        residual: whether the input, of the same size, is added to the output.
        layer_norm: whether the result is normalised over its features.
        rank: the products with the input go through so many features, by a linear map without a bias in front
            of the gates: W x = U (V x). None: directly. Not for ablated GRUs.
    """

    size: int
    reverse: bool
    bias: bool = True
    kind: Kind = "lstm"
    splits: int = 1
    iterations: int | None = None
    heads: int | None = None
    ablation: str | None = None
    dropout: float = 0.0
    residual: bool = False
    layer_norm: bool = False
    rank: int | None = None

    def __post_init__(self) -> None:
        if self.size < 1 or self.splits < 1:
            raise ValueError("the size and the splits of a recurrent layer must be positive")
        if self.iterations is not None and (self.kind != "parallel_lstm" or self.iterations < 2):
            raise ValueError("iterations are for recurrent layers of the kind parallel_lstm, 2 or more")
        has_heads = self.kind in ("slstm", "mlstm")
        if self.heads is not None and (not has_heads or self.heads < 1 or self.size % self.heads):
            raise ValueError("heads are for recurrent layers of the kinds slstm, mlstm and divide the size")
        if self.ablation is not None and self.kind != "gru_ablation":
            raise ValueError("ablations are for recurrent layers of the kind gru_ablation")
        if self.ablation is not None and self.ablation not in CODES:
            raise ValueError(f"unknown ablation '{self.ablation}'; {nearest(self.ablation, CODES)}")
        if not 0 <= self.dropout < 1:
            raise ValueError("dropout must be at least 0 and below 1")
        if self.rank is not None and (self.rank < 1 or self.kind == "gru_ablation"):
            raise ValueError("a rank must be positive, and is not for the kind gru_ablation")

    @property
    def looks_ahead(self) -> bool:
        """Whether a step depends on later ones."""
        return self.reverse or CODES[self.ablation or "baseline"].before == "transformer"


class RecurrentLayer(nn.Module):
    """One recurrent layer that runs in one direction: (N, T, C) -> (N, T, size).

    Weights start orthogonal per gate, the bias of the gate that keeps the state (an LSTM's forget gate, a
    GRU's update gate) at one: torch's default initialisation lets the activations of a stack fade. That bias
    stands in the input bias; the recurrent bias starts at zero.

    With `splits`, the sequence is cut into parts of equal length (the last one filled up), which run as a
    larger batch: less waiting for the step before, and states that begin anew at the cuts.

    Source: Hochreiter and Schmidhuber 1997 with the forget gate of Gers 2000 (LSTM), Cho 2014 (GRU), Elman
    1990; Ordonez Cardenas 2024, sections 5.1.1 (splits) and 4.2.1 (sum, normalisation and dropout of
    0.1 to 0.2 for Elman layers; their order is not said there).
    """

    def __init__(self, in_features: int, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        if config.residual and in_features != config.size:
            raise ValueError(
                f"{in_features} features cannot be added to {config.size}: residual needs one size"
            )
        self.down = None if config.rank is None else nn.Linear(in_features, config.rank, bias=False)
        self.rnn = _cell(config.rank or in_features, config)
        self.norm = nn.LayerNorm(config.size) if config.layer_norm else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        if self.down is not None:
            nn.init.orthogonal_(self.down.weight)
        weights = dict(self.rnn.named_parameters())
        gates = GATES[self.config.kind]
        for name in (name for name in ("weight_ih_l0", "weight_hh_l0") if name in weights):
            for gate in weights[name].data.chunk(gates):
                nn.init.orthogonal_(gate)
        if self.config.bias:
            for name in (name for name in ("bias_ih_l0", "bias_hh_l0") if name in weights):
                nn.init.zeros_(weights[name])
            if gates > 1:
                nn.init.ones_(weights["bias_ih_l0"].data.chunk(gates)[KEEPING_GATE])
        if isinstance(self.rnn, AblatedGru | Mlstm):
            self.rnn.adjust_start()
        if self.norm is not None:
            self.norm.reset_parameters()

    def forward(self, x_NTC: Float[torch.Tensor, "N T C"]) -> Float[torch.Tensor, "N T H"]:
        """Runs the layer over the whole sequence from a zero state."""
        gated_NTC = self.narrowed(x_NTC)
        y_NTH = self._run(gated_NTC.flip(1)).flip(1) if self.config.reverse else self._run(gated_NTC)
        if self.config.dropout:
            y_NTH = nn.functional.dropout(y_NTH, self.config.dropout, self.training)
        if self.config.residual:
            y_NTH = x_NTC + y_NTH
        return y_NTH if self.norm is None else self.norm(y_NTH)

    def narrowed(self, x_NTC: torch.Tensor) -> torch.Tensor:
        """What the gates take of the input: its map to `rank` features, or the input itself."""
        return x_NTC if self.down is None else self.down(x_NTC)

    def _run(self, x_NTC: torch.Tensor) -> torch.Tensor:
        splits = self.config.splits
        if splits == 1:
            return self.rnn(x_NTC)[0]
        num_batch, num_steps, _ = x_NTC.shape
        filled = nn.functional.pad(x_NTC, (0, 0, 0, -num_steps % splits))
        parts = filled.reshape(num_batch * splits, filled.shape[1] // splits, x_NTC.shape[2])
        return self.rnn(parts)[0].reshape(num_batch, filled.shape[1], self.config.size)[:, :num_steps]


def _cell(in_features: int, config: RecurrentConfig) -> nn.Module:
    """A module (N, T, C) -> (N, T, size) and a state, forwards, with torch's names of weights."""
    match config.kind:
        case "parallel_lstm":
            iterations = config.iterations or DEFAULT_ITERATIONS
            return ParallelLstm(in_features, config.size, bias=config.bias, iterations=iterations)
        case "lstm_steps" | "lstm_scripted":
            script = config.kind == "lstm_scripted"
            return SteppedLstm(in_features, config.size, bias=config.bias, script=script)
        case "slstm":
            return Slstm(in_features, config.size, bias=config.bias, heads=config.heads or 1)
        case "mlstm":
            return Mlstm(in_features, config.size, bias=config.bias, heads=config.heads or 1)
        case "gru_ablation":
            options = CODES[config.ablation or "baseline"]
            return AblatedGru(in_features, config.size, bias=config.bias, options=options)
        case "min_gru":
            return MinGru(in_features, config.size, bias=config.bias)
        case kind:
            return CELLS[kind](in_features, config.size, bias=config.bias, batch_first=True)  # pyright: ignore[reportCallIssue]
