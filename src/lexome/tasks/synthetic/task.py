"""Learning a label for every sample of simulated signal: the `Task` of the training loop.

Shapes: N batch, C channels (1), S samples, K classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.evaluate.border_f1 import BorderCounts, call_borders, count_borders, even_borders
from lexome.models.registry import new_network
from lexome.tasks.synthetic.signals import SignalSource
from lexome.train.device import moved
from lexome.train.optim import OptimConfig
from lexome.train.task import Losses, Outputs, Progress, Update, tapped

# Signals are drawn with 3 * seed for training, whatever its seed, and always with these for judging: no split
# has signals of another, and all trainings are judged on the same ones.
HELD_OUT_SEEDS = {"validation": 1, "test": 2}
NUM_SPLITS = 3
EVALUATED_AT_A_TIME = 32


@dataclass(frozen=True)
class LabelledSignals:
    """A batch."""

    signal_NCS: Tensor
    labels_NS: Tensor


@dataclass(frozen=True)
class SyntheticConfig:
    """What to learn.

    Attributes:
        source: of the signals.
        margin_samples: at both ends of a signal, which do not count: a network sees less there.
        judged_signals: of validation and of test.
        optim: of the training.
    """

    source: SignalSource
    margin_samples: int = 50
    judged_signals: int = 128
    optim: OptimConfig = OptimConfig()

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.margin_samples < self.source.samples:
            raise ValueError("the margins leave no sample to judge")
        if self.judged_signals < 1:
            raise ValueError(f"judged_signals must be at least 1, is {self.judged_signals}")


class SyntheticTask:
    """Signals -> a class at every sample, with any registered architecture of stride 1."""

    name = "synthetic"
    higher_is_better = True

    def __init__(
        self, config: SyntheticConfig, architecture: Mapping[str, Any], head: Mapping[str, Any] | None = None
    ) -> None:
        """Prepares the task.

        Args:
            config: what to learn.
            architecture: {"name": ..., "config": ...} of the encoder.
            head: None: "classes", with as many as there are labels.
        """
        self.config, self.architecture = config, dict(architecture)
        self.head = dict(head or {"name": "classes", "config": {"classes": config.source.classes}})
        self.primary_metric = "border_f1" if config.source.kind == "borders" else "accuracy"

    def build(self) -> nn.Module:
        """A new network.

        Raises:
            UsageError: if it does not make one step per sample, or has other classes than the labels.
        """
        network = new_network(self.architecture, self.head)
        if network.stride != 1 or network.num_outputs != self.config.source.classes:
            raise UsageError(
                f"this network makes one step of {network.stride} samples and has {network.num_outputs} "
                f"classes; needed are 1 and {self.config.source.classes}"
            )
        return network

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[LabelledSignals]:
        """See `Task.batches`; training signals never come twice, those of other splits are the same."""
        if split != "training":
            for first in range(0, self.config.judged_signals, EVALUATED_AT_A_TIME):
                count = min(EVALUATED_AT_A_TIME, self.config.judged_signals - first)
                yield self._batch(HELD_OUT_SEEDS[split], first, count)
            return
        own, step = slice(rank * batch_size, (rank + 1) * batch_size), skip
        while True:
            whole = batch_size * world
            batch = self._batch(NUM_SPLITS * seed, step * whole, whole)
            yield LabelledSignals(batch.signal_NCS[own], batch.labels_NS[own])
            step += 1

    def _batch(self, seed: int, first: int, count: int) -> LabelledSignals:
        signal_NS, labels_NS = self.config.source.draw(seed, first, count)
        return LabelledSignals(
            torch.from_numpy(signal_NS)[:, None], torch.from_numpy(labels_NS.astype(np.int64))
        )

    def outputs(self, model: nn.Module, batch: LabelledSignals, taps: Sequence[str] = ()) -> Outputs:
        """Scores (N, S, K), and the outputs of the modules named by `taps`."""
        return tapped(model, batch.signal_NCS, taps)

    def loss(self, model: nn.Module, batch: LabelledSignals, progress: Progress) -> Losses:
        """Cross entropy, the mean over the samples that count."""
        scores_NSK = self.outputs(model, batch).scores
        with progress.clock.phase("loss"):
            total = self._loss(scores_NSK, batch.labels_NS)
        return Losses(total, {"loss": float(total.detach())}, weight=float(len(batch.labels_NS)))

    @property
    def _inner(self) -> slice:
        margin = self.config.margin_samples
        return slice(margin, self.config.source.samples - margin)

    def _loss(self, scores_NSK: Tensor, labels_NS: Tensor) -> Tensor:
        inner = self._inner
        return cross_entropy(scores_NSK[:, inner].transpose(1, 2), labels_NS[:, inner])

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """Metrics over a split.

        Returns:
            `loss`; `accuracy`, of samples, and `majority_accuracy`, that of always naming the commonest
            class; `samples`. Of borders also `border_f1`, `border_precision`, `border_recall` within a
            sample, and `even_f1`, that of as many borders at even distances.
        """
        losses, right, counts_K = [], 0, np.zeros(self.config.source.classes, np.int64)
        found, even = BorderCounts(), BorderCounts()
        was_training = model.training
        model.eval()
        with torch.no_grad():
            device = next(model.parameters()).device
            for batch in self.batches(split, batch_size=0, seed=0, rank=0, world=1, skip=0):
                batch = moved(batch, lambda tensor: tensor.to(device))
                scores_NSK = model(batch.signal_NCS)
                losses.append(float(self._loss(scores_NSK, batch.labels_NS)) * len(scores_NSK))
                labels_NS = batch.labels_NS[:, self._inner].cpu().numpy()
                inner_NSK = scores_NSK[:, self._inner]
                right += int((inner_NSK.argmax(dim=2).cpu().numpy() == labels_NS).sum())
                counts_K += np.bincount(labels_NS.ravel(), minlength=len(counts_K))
                if self.config.source.kind == "borders":
                    probability_NS = inner_NSK.softmax(dim=2)[:, :, 1].double().cpu().numpy()
                    is_border = labels_NS == 1
                    found += count_borders(call_borders(probability_NS), is_border)
                    signals, samples = is_border.shape
                    share = float(is_border.mean())
                    even += count_borders(even_borders(signals, samples, share), is_border)
        model.train(was_training)
        whole = int(counts_K.sum())
        metrics = {
            "loss": sum(losses) / self.config.judged_signals,
            "accuracy": right / whole,
            "majority_accuracy": int(counts_K.max()) / whole,
            "samples": float(whole),
        }
        if self.config.source.kind == "borders":
            metrics |= {
                "border_f1": found.f1,
                "border_precision": found.matched / max(1, found.called),
                "border_recall": found.matched / max(1, found.true),
                "even_f1": even.f1,
            }
        return metrics

    def updates(self, progress: Progress) -> Sequence[Update]:
        """One step on a training batch, of all parameters."""
        return [Update("training", lambda model: list(model.parameters()), self.config.optim)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Nothing changes between validations."""
        return False

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network as it is; its signal is simulated, so it has no features."""
        return Checkpoint(
            self.name,
            Component(str(self.architecture["name"]), dict(self.architecture["config"])),
            Component(str(self.head["name"]), dict(self.head["config"])),
            {},
            None,
            {**provenance, "source": to_dict(self.config.source)},
            weights_of(model),
        )
