"""Quantisation as a method of training: a `Task` around a `Task`, through the one training loop.

The weights that are trained stay float32; every step rounds them anew, and the gradient passes through the
rounding. A training of no step is post-training quantisation. With `distill`, the network is pulled to the
scores of what it was before.

Source: Jacob et al. 2018, Esser et al. 2020 (`nn.fake_quant`). What differs: batch normalisations are folded
before the first step and keep their statistics, so that the grids are those that inference uses.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lexome.checkpoint.store import Checkpoint
from lexome.compress.distill import NetworkTask, unlikeness
from lexome.compress.quantize import Calibration, Quantised, calibrate, quantised
from lexome.compress.quantize_config import QuantizeConfig
from lexome.train.around import TaskAround
from lexome.train.task import Losses, Outputs, Progress, Update, watched

CALIBRATION_SEED = 0
CALIBRATION_BATCH = 16
SCORES = "scorer"  # module of `nn.network.Network`


class QuantizeTask(TaskAround[NetworkTask]):
    """A task whose network is quantised from its first step on.

    Args:
        config: which layers get how many bits.
        inner: the task of the float network; it builds the network with the weights to begin with.
    """

    def __init__(self, config: QuantizeConfig, inner: NetworkTask) -> None:
        super().__init__(inner)
        self.config = config
        self._float: nn.Module | None = None

    def network_of(self, model: nn.Module) -> nn.Module:
        """The float network within."""
        assert isinstance(model, Quantised)
        return model.network

    def calibration_inputs(self) -> Iterator[Tensor]:
        """Training chunks, the same each time."""
        batches = self.inner.batches(
            "training", batch_size=CALIBRATION_BATCH, seed=CALIBRATION_SEED, rank=0, world=1, skip=0
        )
        return (batch.signal_NCS for batch in batches)

    def build(self) -> Quantised:
        """The network with its grids, by the first training chunks."""
        return self.quantised(*self.calibrated())

    def calibrated(self) -> tuple[nn.Module, Calibration]:
        """The float network, its normalisations folded, and what goes into its layers."""
        network = self.inner.build()
        found = calibrate(network, self.calibration_inputs(), self.config.batches)
        return network, found

    def quantised(self, network: nn.Module, found: Calibration) -> Quantised:
        """A calibrated network with the grids of the configuration."""
        if self.config.distill:
            with torch.random.fork_rng(devices=[]):
                self._float = self.inner.build().eval().requires_grad_(False)
        return quantised(network, self.config, found, learn=self.config.ranges == "learned").train()

    def outputs(self, model: nn.Module, batch: Any, taps: Sequence[str] = ()) -> Outputs:
        """Those of the quantised network."""
        with _quantised(model).in_effect():
            return super().outputs(model, batch, taps)

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """The metrics of the quantised network."""
        with _quantised(model).in_effect():
            return super().evaluate(model, split)

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> Losses:
        """That of the task within, of the quantised network; and, with `distill`, how far it is off."""
        with _quantised(model).in_effect() as network:
            if self._float is None:
                return self.inner.loss(network, batch, progress)
            with watched(network, (SCORES,)) as ours:
                own = self.inner.loss(network, batch, progress)
        with progress.clock.phase("teacher"), torch.no_grad():
            teacher = self._float.to(ours[SCORES].device)
            wanted = self.inner.outputs(teacher, batch, (SCORES,)).features[SCORES]
        unlike = unlikeness(ours[SCORES], wanted, "mse")
        total = own.total + self.config.distill * unlike
        parts = {
            **own.parts, "label_loss": float(own.total.detach()), "loss": float(total.detach()),
            "distillation": float(unlike.detach()),
        }  # fmt: skip
        return Losses(total, parts, own.counts, own.weight)

    def updates(self, progress: Progress) -> Sequence[Update]:
        """Those of the task within; the first one trains the steps, too."""
        first, *others = super().updates(progress)

        def with_steps(model: nn.Module) -> list[nn.Parameter]:
            chosen = [*first.parameters(model), *_quantised(model).grids.parameters()]
            return [parameter for parameter in chosen if parameter.requires_grad]

        return [Update(first.split, with_steps, first.optimizer), *others]

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network with its weights on their grids."""
        plain, whole = super().checkpoint(model, provenance), _quantised(model)
        return dataclasses.replace(plain, weights=whole.weights(), quantization=whole.record(self.config))


def _quantised(model: nn.Module) -> Quantised:
    assert isinstance(model, Quantised)
    return model
