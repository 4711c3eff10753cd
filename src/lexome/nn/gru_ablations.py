"""A GRU whose parts can be taken out one by one. Shapes: N batch, T steps, C features in, H out.

Source: Ordonez Cardenas 2024, section 4.2.1 and table 4.1, whose codes `CODES` keeps.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.core.errors import UsageError
from lexome.nn.loops import in_export

Function = Literal["sigmoid", "tanh", "relu", "none"]


@dataclass(frozen=True)
class Gate:
    """What a gate depends on.

    Attributes:
        sees: the input, the state before, or both.
        activation: what follows.
        constant: a number that the gate always is, instead.
    """

    sees: Literal["both", "input", "state"] = "both"
    activation: Function = "sigmoid"
    constant: float | None = None


@dataclass(frozen=True)
class GruOptions:
    """Which GRU.

    With r the reset gate, z the update gate and h[t-1] the state before, the whole one is

        c = tanh(W x + U (r h[t-1]) + b),    h[t] = (1 - z) h[t-1] + z c

    Attributes:
        update: z.
        reset: r.
        candidate_sees: what c depends on; "state" with r, "plain_state" without.
        candidate_activation: what follows in c.
        carries: whether (1 - z) h[t-1] is added.
        before: what stands for h[t-1] in all equations: the state, zero, the input of the step before, or
        what
            a convolution (`conv` inputs wide, up to that one) or a transformer layer makes of it.
        conv: width of that convolution.
        output: what h[t] is: the equation, the input x[t], or what `before` stands for, at t itself.
        pointwise: only the diagonals of the matrices are used: products with vectors.
    """

    update: Gate = field(default_factory=Gate)
    reset: Gate = field(default_factory=Gate)
    candidate_sees: Literal["both", "input", "state", "plain_state"] = "both"
    candidate_activation: Function = "tanh"
    carries: bool = True
    before: Literal["state", "zero", "input", "conv", "transformer"] = "state"
    conv: int = 1
    output: Literal["state", "input", "before"] = "state"
    pointwise: bool = False


# The rows of table 4.1. "6.2" there: "each weight matrix one-by-one"; here all of them at once. "6.1" has no
# bound: its states can explode (there: "training collapsed").
CODES: dict[str, GruOptions] = {
    "baseline": GruOptions(),
    "alt_baseline": GruOptions(before="transformer", output="before"),
    "1": GruOptions(carries=False),
    "2.1": GruOptions(update=Gate(sees="input")),
    "2.2": GruOptions(update=Gate(sees="state")),
    "2.3": GruOptions(update=Gate(activation="none")),
    **{f"2.4.{i}": GruOptions(update=Gate(constant=1 - i / 4)) for i in range(5)},
    "3.1": GruOptions(candidate_activation="none"),
    "3.2": GruOptions(candidate_activation="relu"),
    "3.3": GruOptions(candidate_sees="input"),
    "3.4": GruOptions(candidate_sees="state"),
    "3.5": GruOptions(candidate_sees="plain_state"),
    "4.1": GruOptions(reset=Gate(sees="input")),
    "4.2": GruOptions(reset=Gate(sees="state")),
    "4.3": GruOptions(reset=Gate(activation="none")),
    "4.4": GruOptions(reset=Gate(activation="relu")),
    **{f"4.5.{i}": GruOptions(reset=Gate(constant=i / 4)) for i in range(5)},
    "5.1": GruOptions(before="zero"),
    "5.2": GruOptions(output="input"),
    "5.3": GruOptions(before="input"),
    **{f"5.4.{i}": GruOptions(before="conv", conv=2**i) for i in range(4)},
    "5.5": GruOptions(before="transformer"),
    "6.1": GruOptions(
        update=Gate(activation="none"), reset=Gate(activation="none"), candidate_activation="none"
    ),
    "6.2": GruOptions(pointwise=True),
}


class AblatedGru(nn.Module):
    """A GRU with options: (N, T, C) -> (N, T, H).

    Its weights are named like torch's, gates in the order reset, update, candidate; one bias. Unlike torch's
    GRU the reset gate acts before the product with U, and z is the share of the new (equations 2.13 to 2.16).
    What an option leaves out keeps its weights, unused. Steps run one by one in plain torch, side by side
    where h[t-1] is replaced; not for onnxruntime.

    Args:
        input_size: C.
        hidden_size: H.
        bias: whether there is a bias.
        options: which GRU.
    """

    def __init__(self, input_size: int, hidden_size: int, *, bias: bool, options: GruOptions) -> None:
        super().__init__()
        same = options.pointwise or options.output != "state" or options.before != "state"
        if same and input_size != hidden_size:
            raise ValueError(f"this GRU needs as many features in ({input_size}) as out ({hidden_size})")
        self.options = options
        self.weight_ih_l0 = nn.Parameter(torch.empty(3 * hidden_size, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.empty(3 * hidden_size, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.empty(3 * hidden_size)) if bias else None
        self.replacement: nn.Module | None = None
        if options.before == "conv":
            self.replacement = nn.Conv1d(hidden_size, hidden_size, options.conv)
        elif options.before == "transformer":
            heads = max(n for n in (8, 4, 2, 1) if hidden_size % n == 0)
            self.replacement = nn.TransformerEncoderLayer(
                hidden_size, heads, 4 * hidden_size, dropout=0.0, batch_first=True
            )

    def adjust_start(self) -> None:
        """Turns torch's start into this one's: z is the share of the new, diagonals orthogonal."""
        with torch.no_grad():
            if self.bias_ih_l0 is not None:
                self.bias_ih_l0.neg_()
            if self.options.pointwise:
                for weight in (self.weight_ih_l0, self.weight_hh_l0):
                    for gate in weight.chunk(3):
                        gate.copy_(torch.diag(torch.randint(0, 2, (len(gate),)) * 2.0 - 1))

    def forward(self, x_NTC: Float[Tensor, "N T C"]) -> tuple[Float[Tensor, "N T H"], None]:
        """All states, from zero.

        Raises:
            UsageError: while a graph is exported.
        """
        if in_export():
            raise UsageError("ablated GRUs cannot run with onnxruntime; choose the torch engine")
        options = self.options
        if options.output == "input":
            return x_NTC, None
        weight_ih, weight_hh = (self._matrices(w) for w in (self.weight_ih_l0, self.weight_hh_l0))
        of_input = nn.functional.linear(x_NTC, weight_ih)
        bias = x_NTC.new_zeros(weight_ih.shape[0]) if self.bias_ih_l0 is None else self.bias_ih_l0
        if options.before == "state":
            h = x_NTC.new_zeros(len(x_NTC), weight_hh.shape[1])
            states = []
            for now in of_input.unbind(1):
                h = _step(now, h, weight_hh, bias, options)
                states.append(h)
            return torch.stack(states, 1), None
        if options.before == "zero":
            return _step(of_input, torch.zeros_like(x_NTC), weight_hh, bias, options), None
        made = self._replaced(x_NTC)
        if options.output == "before":
            return made, None
        before = nn.functional.pad(made[:, :-1], (0, 0, 1, 0))
        return _step(of_input, before, weight_hh, bias, options), None

    def _matrices(self, weight: Tensor) -> Tensor:
        if not self.options.pointwise:
            return weight
        return torch.cat([torch.diag(gate.diagonal()) for gate in weight.chunk(3)])

    def _replaced(self, x_NTC: Tensor) -> Tensor:
        if self.replacement is None:
            return x_NTC
        if self.options.before == "transformer":
            return self.replacement(x_NTC)
        seen = nn.functional.pad(x_NTC.transpose(1, 2), (self.options.conv - 1, 0))
        return self.replacement(seen).transpose(1, 2)


def _step(of_input: Tensor, h: Tensor, weight_hh: Tensor, bias: Tensor, options: GruOptions) -> Tensor:
    """One step, or all of them if their states before are known: (..., 3 H) and (..., H) -> (..., H)."""
    x_r, x_z, x_c = of_input.chunk(3, dim=-1)
    u_r, u_z, u_c = weight_hh.chunk(3)
    b_r, b_z, b_c = bias.chunk(3)
    r = _gate(options.reset, x_r, h @ u_r.T, b_r)
    z = _gate(options.update, x_z, h @ u_z.T, b_z)
    reset_h = h if options.candidate_sees == "plain_state" else r * h
    of_state = reset_h @ u_c.T
    match options.candidate_sees:
        case "both":
            total = x_c + of_state
        case "input":
            total = x_c
        case _:
            total = of_state
    new = z * _activated(total + b_c, options.candidate_activation)
    return (1 - z) * h + new if options.carries else new


def _gate(gate: Gate, of_input: Tensor, of_state: Tensor, bias: Tensor) -> Tensor:
    if gate.constant is not None:
        return torch.full_like(of_input, gate.constant)
    seen = {"both": of_input + of_state, "input": of_input, "state": of_state}[gate.sees]
    return _activated(seen + bias, gate.activation)


def _activated(x: Tensor, function: Function) -> Tensor:
    match function:
        case "sigmoid":
            return torch.sigmoid(x)
        case "tanh":
            return torch.tanh(x)
        case "relu":
            return nn.functional.relu(x)
        case "none":
            return x
