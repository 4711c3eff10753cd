"""A small read corrector learns from a large one: a `Task` around `CorrectTask`.

Source: Belyaeva 2022 (distilled DeepConsensus): the alignment loss, and the likeness of the student's
probabilities to the frozen teacher's, weighed 1 and 1e5; the student starts from layers of the teacher. What
differs: see `models.deepconsensus_student`; gates and normalisation may be copied as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load
from lexome.core.errors import UsageError
from lexome.decode.consensus_loss import distillation_loss
from lexome.models.deepconsensus_student import initialise_student
from lexome.nn.network import Network
from lexome.tasks.correct.model import pileup_config
from lexome.tasks.correct.task import CorrectTask, WindowBatch
from lexome.train.around import TaskAround
from lexome.train.task import Losses, Progress

OWN_METRICS = ("loss", "identity", "exact", "errors")


@dataclass(frozen=True)
class DistilConfig:
    """From whom to learn and how much.

    Attributes:
        teacher: a model (bundled or a folder) that takes the same windows.
        mapping: the teacher's layers (counted from 1) that the student's start as: "top", "alternating",
            "bottom", "random" (none of them, but embeddings and output layer all the same) or a list.
        copy_gates: also copy the gates of the sums; as published they start closed.
        copy_norm: also copy the last normalisation; as published it starts new.
        student_alpha: weight of the alignment loss.
        distill_alpha: weight of the likeness to the teacher.
        kind: "mse" of the probabilities, or "kl", the divergence from the teacher's.
        temperature: both networks' logits are divided by it.
    """

    teacher: str
    mapping: Literal["top", "alternating", "bottom", "random"] | tuple[int, ...] = "alternating"
    copy_gates: bool = False
    copy_norm: bool = False
    student_alpha: float = 1.0
    distill_alpha: float = 1e5
    kind: Literal["mse", "kl"] = "mse"
    temperature: float = 1.0

    def __post_init__(self) -> None:
        for key in ("student_alpha", "distill_alpha"):
            if not 0 <= getattr(self, key) < float("inf"):
                raise ValueError(f"{key} must be finite and at least 0, is {getattr(self, key)}")
        if not self.student_alpha and not self.distill_alpha:
            raise ValueError("student_alpha and distill_alpha are both 0: nothing to learn")
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature must be above 0 and finite, is {self.temperature}")


class DistilTask(TaskAround[CorrectTask]):
    """The task of the student; its teacher is loaded once and never changed."""

    def __init__(self, config: DistilConfig, inner: CorrectTask) -> None:
        super().__init__(inner)
        self.config = config
        if not config.teacher:
            raise UsageError("the recipe names no teacher; set distil.teacher to a model")
        if inner.config.start_from:
            raise UsageError("a student starts from its teacher: leave task.start_from empty")
        self.checkpoint_of_teacher = load(config.teacher)
        if self.checkpoint_of_teacher.task != "correct":
            raise UsageError(f"the teacher {config.teacher} does not correct reads")
        if pileup_config(self.checkpoint_of_teacher) != inner.pileup:
            raise UsageError(
                f"the teacher {config.teacher} takes other windows than the stores have; prepare its own"
            )
        self.teacher = build_network(self.checkpoint_of_teacher).requires_grad_(False)
        self._teacher_metrics: dict[str, dict[str, float]] = {}

    def build(self) -> nn.Module:
        """A student that starts from its teacher's weights."""
        student = self.inner.build()
        assert isinstance(student, Network)
        initialise_student(
            student, self.teacher, self.config.mapping,
            copy_gates=self.config.copy_gates, copy_norm=self.config.copy_norm,
        )  # fmt: skip
        return student

    def loss(self, model: nn.Module, batch: WindowBatch, progress: Progress) -> Losses:
        """The weighed sum of both losses, mean over the windows; `parts` has them without their weights."""
        config = self.config
        scores_NLK = self.inner.outputs(model, batch).scores
        with progress.clock.phase("teacher"), torch.no_grad():
            teacher_NLK = self.teacher.to(scores_NLK.device)(batch.rows_NRL)
        with progress.clock.phase("loss"):
            alignment = self.inner.alignment_loss(scores_NLK, batch).mean()
            unlike = distillation_loss(
                scores_NLK.float(), teacher_NLK.float(), config.kind, config.temperature
            ).mean()
            total = config.student_alpha * alignment + config.distill_alpha * unlike
        parts = {
            "loss": float(total.detach()),
            "alignment": float(alignment.detach()),
            "distillation": float(unlike.detach()),
        }
        return Losses(total, parts, {}, float(len(scores_NLK)))

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """The metrics of the task within; how the teacher does on the same windows as `teacher_...`."""
        if split not in self._teacher_metrics:
            self.teacher.to(next(model.parameters()).device)
            metrics = self.inner.evaluate(self.teacher, split)
            self._teacher_metrics[split] = {f"teacher_{name}": metrics[name] for name in OWN_METRICS}
        return self.inner.evaluate(model, split) | self._teacher_metrics[split]

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The student, with its teacher's name."""
        return self.inner.checkpoint(model, {**provenance, "teacher": self.checkpoint_of_teacher.name})
