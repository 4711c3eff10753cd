"""Gradients of one step of a network with respect to its inputs, summed up by distance.

See `receptive_field` for what is measured.

Legend: N windows, C channels, S samples, T steps, K scores or positions, D features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lexome.core.errors import LexomeError
from lexome.nn.network import Network
from lexome.tasks.compare.layer_steps import LayerAxes, by_step, passing

SIGNAL = "signal"


@dataclass
class Profile:
    """A profile in the making: one row per read, the sums of its windows."""

    samples_per_position: int
    rows: list[np.ndarray] = field(default_factory=list)

    def add(self, lengths_NK: np.ndarray, read_N: np.ndarray) -> None:
        """Adds what was seen in some windows to the sums of their reads."""
        for lengths_K, read in zip(lengths_NK, read_N.tolist(), strict=True):
            while len(self.rows) <= read:
                self.rows.append(np.zeros(len(lengths_K)))
            self.rows[read] += lengths_K


@dataclass(frozen=True)
class Windows:
    """Some windows of reads, and the number of the read of each."""

    signal_NCS: Tensor
    read_N: np.ndarray


class Looking:
    """A network that is looked at, and what was seen so far."""

    def __init__(self, network: Network, names: Sequence[str], axes: dict[str, LayerAxes], seed: int) -> None:
        self.network, self.names, self.axes = network, names, axes
        self.of_scores: dict[str, Profile] = {}
        self.of_itself: dict[str, Profile] = {}
        self.generator = torch.Generator().manual_seed(seed)

    def add(self, windows: Windows) -> None:
        """Takes in the gradients of some windows.

        Raises:
            LexomeError: if the network has no gradients.
        """
        signal_NCS = windows.signal_NCS.clone().requires_grad_()
        with torch.enable_grad(), passing(self.network, self.names) as passed:
            scores_NTK = self.network(signal_NCS)
        if not scores_NTK.requires_grad:
            raise LexomeError("the scores of this network have no gradients with respect to its input")
        inputs = {n: x for n, x in passed.inputs.items() if self.axes[n].into is not None}
        known = {SIGNAL: signal_NCS, **{n: x for n, x in inputs.items() if x.requires_grad}}
        gradients = self._gradients(scores_NTK, list(known.values()))
        for (name, x), gradient in zip(known.items(), gradients, strict=True):
            axis = 2 if name == SIGNAL else self.axes[name].into
            self._keep(self.of_scores, name, x, gradient, axis, windows)
        for name, x in inputs.items():
            axis, output = self.axes[name].out, passed.outputs.get(name)
            if axis is None or output is None or not x.requires_grad or not output.requires_grad:
                continue
            (gradient,) = self._gradients(by_step(output, axis), [x])
            self._keep(self.of_itself, name, x, gradient, self.axes[name].into, windows)

    def _gradients(self, output_NTD: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        """Of random directions of the middle step's output."""
        middle_ND = output_NTD[:, output_NTD.shape[1] // 2]
        direction_ND = torch.randn(middle_ND.shape, generator=self.generator)
        direction_ND = direction_ND / direction_ND.norm(dim=1, keepdim=True)
        total = (middle_ND * direction_ND.to(middle_ND.device)).sum()
        return torch.autograd.grad(total, inputs, retain_graph=True, allow_unused=True)

    def _keep(
        self, to: dict[str, Profile], name: str, x: Tensor, gradient: Tensor | None, axis: int | None,
        windows: Windows,
    ) -> None:  # fmt: skip
        assert axis is not None
        samples, steps = windows.signal_NCS.shape[2], x.shape[axis]
        if samples % steps:
            return  # no whole number of samples a position; `receptive_field` names it as left out
        lengths = torch.zeros(len(x), steps) if gradient is None else by_step(gradient, axis).norm(dim=2)
        to.setdefault(name, Profile(samples // steps)).add(lengths.double().cpu().numpy(), windows.read_N)
