"""The task of labels for every sample, in the training loop."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.simulate.oscillator import OscillatorConfig
from lexome.tasks.synthetic.signals import Kind, SignalSource
from lexome.tasks.synthetic.task import LabelledSignals, SyntheticConfig, SyntheticTask
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.optim import OptimConfig
from lexome.train.task import Progress, Task


def network(kernel: int = 5, stride: int = 1) -> dict[str, Any]:
    blocks = [
        {"size": 8, "kernel": kernel, "separable": False, "stride": stride},
        {"size": 8, "kernel": kernel, "separable": False},
    ]
    return {"name": "quartznet", "config": {"blocks": blocks, "dropout": 0.0}}


def task_of(kind: Kind, samples: int = 120, **changes: Any) -> SyntheticTask:
    source = SignalSource(kind, samples, OscillatorConfig(noise=0.05, noise_factor=0.0))
    fields = {"margin_samples": 20, "judged_signals": 40, "optim": OptimConfig(lr=1e-2, warmup_steps=3)}
    return SyntheticTask(SyntheticConfig(source, **{**fields, **changes}), network())


class Told(nn.Module):
    """Says what it is told to, whatever it is given: the truth of the batches in turn, with errors or not."""

    def __init__(self, answers: list[torch.Tensor], classes: int) -> None:
        super().__init__()
        self.answers, self.classes = iter(answers), classes
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, signal_NCS: torch.Tensor) -> torch.Tensor:
        return 20.0 * nn.functional.one_hot(next(self.answers), self.classes).float()


def labels_of(task: SyntheticTask, split: str) -> list[torch.Tensor]:
    batches = task.batches(split, batch_size=0, seed=0, rank=0, world=1, skip=0)
    return [batch.labels_NS for batch in batches]


def test_it_is_a_task_and_judges_all_signals() -> None:
    task = task_of("bases")
    assert isinstance(task, Task)
    labels = labels_of(task, "test")
    assert [len(some) for some in labels] == [32, 8]
    metrics = task.evaluate(Told(labels, 4), "test")
    inner = torch.cat(labels)[:, 20:100]
    assert metrics["accuracy"] == 1.0
    assert metrics["samples"] == 40 * 80
    assert metrics["majority_accuracy"] == float(inner.flatten().bincount().max()) / 3200
    wrong = [some.clone() for some in labels]
    for some in wrong:
        some[:, :20] = some[:, 100:] = 0  # in the margins, which do not count
        some[:, 20:30] = (some[:, 20:30] + 1) % 4
    assert task.evaluate(Told(wrong, 4), "test")["accuracy"] == pytest.approx(1 - 10 / 80)


def test_borders_are_judged_within_a_sample() -> None:
    task = task_of("borders")
    labels = labels_of(task, "validation")
    shifted = [some.roll(1, dims=1) for some in labels]
    exact, near = (task.evaluate(Told(some, 2), "validation") for some in (labels, shifted))
    assert exact["border_precision"] == 1.0
    assert exact["border_recall"] > 0.93  # of two borders in a row the network's word is one place
    assert near["border_f1"] > exact["border_f1"] - 0.06
    assert near["accuracy"] < 0.85 < exact["majority_accuracy"]
    assert 0.25 < exact["even_f1"] < 0.42
    assert task.primary_metric == "border_f1"


def test_no_split_has_signals_of_another() -> None:
    task = task_of("bases")
    arguments = {"batch_size": 40, "rank": 0, "world": 1, "skip": 0}
    trained = [next(task.batches("training", seed=seed, **arguments)).signal_NCS for seed in (0, 1)]
    held_out = [
        torch.cat([batch.signal_NCS for batch in task.batches(split, seed=0, **arguments)])
        for split in ("validation", "test")
    ]
    found = {row.numpy().tobytes() for part in (*trained, *held_out) for row in part}
    assert len(found) == 160


def test_processes_share_the_batch_of_one_and_skipping_skips() -> None:
    for kind in ("oscillator", "bases"):
        task = task_of(kind)
        alone = task.batches("training", batch_size=6, seed=3, rank=0, world=1, skip=0)
        batches = [next(alone), next(alone)]
        assert float((batches[0].signal_NCS - batches[1].signal_NCS).abs().max()) > 0.1
        for rank in (0, 1):
            one = task.batches("training", batch_size=3, seed=3, rank=rank, world=2, skip=1)
            torch.testing.assert_close(next(one).signal_NCS, batches[1].signal_NCS[3 * rank : 3 * rank + 3])


def test_the_loss_is_the_cross_entropy_of_the_inner_samples() -> None:
    task = task_of("bases")
    batch = LabelledSignals(torch.zeros(2, 1, 120), torch.randint(4, (2, 120)))
    scores = torch.randn(2, 120, 4)
    model = nn.Module()
    model.forward = lambda signal: scores  # pyright: ignore[reportAttributeAccessIssue]
    found = task.loss(model, batch, Progress(0, 1, 0)).total
    chosen = scores.log_softmax(dim=2).gather(2, batch.labels_NS[:, :, None])[:, 20:100]
    torch.testing.assert_close(found, -chosen.mean())


def test_a_small_network_learns_the_oscillator(tmp_path: Path) -> None:
    task = task_of("oscillator")
    loop = LoopConfig(steps=60, batch_size=16, validate_every=60, device="cpu")
    train(task, loop, tmp_path, {"name": "small"}, {})
    best = build_network(load(tmp_path / "model"))
    metrics = task.evaluate(best, "test")
    assert metrics["accuracy"] > 0.8 > 2 * metrics["majority_accuracy"]
    assert np.isfinite(metrics["loss"])


def test_networks_that_do_not_fit_are_refused() -> None:
    config = task_of("bases").config
    with pytest.raises(UsageError, match="one step of 2 samples"):
        SyntheticTask(config, network(stride=2)).build()
    with pytest.raises(UsageError, match="has 3 classes; needed are 1 and 4"):
        SyntheticTask(config, network(), {"name": "classes", "config": {"classes": 3}}).build()
    with pytest.raises(ValueError, match="no sample to judge"):
        task_of("bases", margin_samples=60)
