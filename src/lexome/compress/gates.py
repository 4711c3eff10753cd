"""Recurrent layers that learn how many units they need: a gate for every unit, and a price for open ones.

Source: Frensel, Al-Ars and Hofstee 2024 (BCB): a gate s of every unit of an LSTM multiplies the unit's rows
in W and U, its columns in U, its bias and its activations; s is a hard-concrete variable (Louizos 2018),
drawn anew for every batch of training and 0 or 1 when the network is used; the expected number of open gates
is added to the loss, with a weight that is small at first, so that the network learns to call before it is
cut.
What differs: of the activations only the output gate's are multiplied (so the fused kernels can be used); for
gates of 0 and 1 that is the same. `max_open` bounds how many units a network that is judged or saved may
have, so that a training of any length gives a network of the size asked for.

Shapes: N batch, T steps, C features in, H units.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.checkpoint.store import Checkpoint
from lexome.compress.masks import innermost
from lexome.compress.structured import cut
from lexome.compress.units import units_of
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.nn.recurrent import RecurrentLayer
from lexome.train.around import TaskAround
from lexome.train.task import Losses, Progress, Task

GAMMA, ZETA = -0.1, 1.1  # the stretch of a gate before it is clamped to 0 and 1
TEMPERATURE = 2 / 3
START_SD = 0.1


@dataclass(frozen=True)
class GatesConfig:
    """The price of units: the table [gates] of a recipe.

    Attributes:
        penalty: added to the loss for every gate that is expected to be open.
        late_penalty: the same after `delay_steps`.
        delay_steps: training steps with the first penalty.
        threshold: a unit stays whose gate, without noise, is at least so far open.
        start: mean of the gates' first log-alpha (the published 1 stands for gates 78% open).
        max_open: part of all gated units that a saved network may have at most; the most open ones stay.
    """

    penalty: float = 5e-8
    late_penalty: float = 2e-7
    delay_steps: int = 10_000
    threshold: float = 0.3
    start: float = 1.0
    max_open: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.penalty < math.inf and 0 <= self.late_penalty < math.inf) or self.delay_steps < 0:
            raise ValueError("penalty, late_penalty and delay_steps must not be negative")
        if not 0 < self.threshold < 1 or not 0 < self.max_open <= 1:
            raise ValueError("threshold must be between 0 and 1, max_open above 0 and at most 1")

    @property
    def bound(self) -> float:
        """The log-alpha at which a gate without noise is `threshold` open."""
        share = (self.threshold - GAMMA) / (ZETA - GAMMA)
        return math.log(share / (1 - share))


class GatedLstm(nn.Module):
    """An LSTM of one layer with a gate for every unit: (N, T, C) -> (N, T, H) and no state.

    Args:
        rnn: the LSTM; its weights are used as they are.
        start: mean of the first log-alpha.
        bound: log-alpha from which on a unit is there when the network is not trained.
    """

    def __init__(self, rnn: nn.LSTM, start: float, bound: float) -> None:
        super().__init__()
        self.rnn, self.bound = rnn, bound
        self.log_alpha = nn.Parameter(torch.empty(rnn.hidden_size).normal_(start, START_SD))

    def sample(self) -> Float[Tensor, " H"]:
        """Gates between 0 and 1, drawn anew."""
        uniform = torch.empty_like(self.log_alpha).uniform_(1e-6, 1 - 1e-6)
        noisy = (uniform.log() - (1 - uniform).log() + self.log_alpha) / TEMPERATURE
        return (noisy.sigmoid() * (ZETA - GAMMA) + GAMMA).clamp(0, 1)

    def open_units(self) -> Tensor:
        """Which units are there when the network is not trained (bool, H); the most open one always is."""
        is_open = self.log_alpha.detach() >= self.bound
        is_open[self.log_alpha.argmax()] = True
        return is_open

    def expected_open(self) -> Tensor:
        """The expected number of gates above 0."""
        return (self.log_alpha - TEMPERATURE * math.log(-GAMMA / ZETA)).sigmoid().sum()

    def forward(self, x_NTC: Float[Tensor, "N T C"]) -> tuple[Float[Tensor, "N T H"], None]:
        """All outputs, from a zero state."""
        gate_H = self.sample() if self.training else self.open_units().to(x_NTC.dtype)
        rows = gate_H.repeat(4)
        made = []
        for name, weight in self.rnn.named_parameters():
            gated = weight * (rows[:, None] if weight.ndim > 1 else rows)
            # the kernel's state lacks the factor of the output gate: the columns of U have it twice
            made.append(gated * gate_H.square() if name.startswith("weight_hh") else gated)
        zeros = x_NTC.new_zeros(1, len(x_NTC), self.rnn.hidden_size)
        y_NTH = torch.lstm(x_NTC, (zeros, zeros), made, self.rnn.bias, 1, 0.0, self.training, False, True)[0]
        return y_NTH * gate_H, None


class GateTask(TaskAround[Task]):
    """The task within, whose recurrent layers learn their sizes.

    Args:
        config: what units cost.
        inner: the task without gates; it may be another method's, such as distillation.
    """

    def __init__(self, config: GatesConfig, inner: Task) -> None:
        super().__init__(inner)
        self.config = config

    def build(self) -> nn.Module:
        """What the task within builds, with gates in all its LSTM layers whose units can be taken out.

        Raises:
            UsageError: if there is no such layer.
        """
        model = self.inner.build()
        network = innermost(self.inner, model)
        modules = dict(network.named_modules())
        for one in units_of(network).units:
            layer = modules[one.layer]
            if isinstance(layer, RecurrentLayer) and isinstance(layer.rnn, nn.LSTM):
                layer.rnn = GatedLstm(layer.rnn, self.config.start, self.config.bound)
        if not self._gated(model):
            raise UsageError("gates are for LSTM layers whose units can be taken out; the network has none")
        return model

    def _gated(self, model: nn.Module) -> dict[str, GatedLstm]:
        """The layers with gates, by their name in the network."""
        network = innermost(self.inner, model)
        return {
            name: layer.rnn
            for name, layer in network.named_modules()
            if isinstance(layer, RecurrentLayer) and isinstance(layer.rnn, GatedLstm)
        }

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> Losses:
        """That of the task within and the price of the open gates; `parts` says how many are expected."""
        losses = self.inner.loss(model, batch, progress)
        gated = list(self._gated(model).values())
        expected = torch.stack([one.expected_open() for one in gated]).sum()
        config = self.config
        price = config.penalty if progress.step < config.delay_steps else config.late_penalty
        total = losses.total + price * expected
        units = sum(len(one.log_alpha) for one in gated)
        parts = {
            **losses.parts,
            "loss": float(total.detach()),
            "open_units": float(expected.detach()) / units,
        }
        return Losses(total, parts, losses.counts, losses.weight)

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """The metrics of the task within, every gate 0 or 1."""
        share = self._set_bounds(model)
        return {**super().evaluate(model, split), "open_units": share}

    def _set_bounds(self, model: nn.Module) -> float:
        """Decides which units are there, and gives their part."""
        gated = list(self._gated(model).values())
        alphas = torch.cat([one.log_alpha.detach() for one in gated]).sort(descending=True).values
        allowed = max(1, round(self.config.max_open * len(alphas)))
        for one in gated:
            one.bound = max(self.config.bound, float(alphas[allowed - 1]))
        return sum(int(one.open_units().sum()) for one in gated) / len(alphas)

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network cut to the units that are there: ordinary, smaller layers."""
        share = self._set_bounds(model)
        made = {**provenance, "gates": {**to_dict(self.config), "open_units": share}}
        with self._without_gates(model) as open_units:
            whole = super().checkpoint(model, made)
            units = units_of(innermost(self.inner, model)).units
        keep = {one.layer: open_units.get(one.layer, np.arange(one.width)) for one in units}
        return cut(whole, units, keep)

    @contextmanager
    def _without_gates(self, model: nn.Module) -> Iterator[dict[str, np.ndarray]]:
        """Within the block the layers are ordinary ones; gives the units that are there, by layer."""
        gated = self._gated(model)
        modules = dict(innermost(self.inner, model).named_modules())
        try:
            for name, one in gated.items():
                modules[name].rnn = one.rnn
            yield {name: one.open_units().nonzero()[:, 0].cpu().numpy() for name, one in gated.items()}
        finally:
            for name, one in gated.items():
                modules[name].rnn = one
