"""A small network learns from a large one while it learns its task: a `Task` around a `Task`.

Source: Ordonez Cardenas 2024, section 4.2.4 and figure 4.2. Beside the loss of the labels the student is
pulled to its teacher: either to the features of its encoder, which a linear map, trained along, brings to the
teacher's width (Kullback-Leibler divergence between the softmaxes over the features of a step), or to its
scores (mean square difference). After half of the training the teacher is left out. What differs: the weight
of the teacher, which is not published, and the temperature can be chosen.

Shapes: N batch, T steps, D features (K scores) of a step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, inf, pi
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load
from lexome.compress.starts import start_as_layers
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.decode.consensus_loss import distillation_loss
from lexome.features.same_signal import other_signal
from lexome.models.registry import new_network
from lexome.nn.network import Network
from lexome.train.around import TaskAround
from lexome.train.task import Losses, Progress, Task, Update, watched

TAPS = {"encoder": "encoder", "decoder": "scorer"}  # modules of `nn.network.Network`
Kind = Literal["kl", "mse", "probabilities"]
AUTO: dict[str, Kind] = {"encoder": "kl", "decoder": "mse"}
# features lie between -1 and 1: their softmaxes are all nearly flat, and differ by a hundredth of a nat
AUTO_WEIGHT = {"encoder": 30.0, "decoder": 1.0}


@dataclass(frozen=True)
class DistillConfig:
    """From whom to learn, what, and for how long: the table [distill] of a recipe.

    Attributes:
        teacher: a model (bundled or a folder) that takes the same signal in steps of the same length.
        target: "encoder", the features below the scores, of any width and with any head, or "decoder", the
            scores, with the same head.
        loss: "kl", the divergence of the student's softmax over the features (or scores) of a step from the
            teacher's, nats; "mse", the mean square difference of the features (or scores) themselves;
            "probabilities", that of their softmaxes; "auto": "kl" for the encoder and "mse" for the decoder,
            which were published as what works.
        weight: of this loss, beside 1 of the labels' loss; "auto" is 30 for the encoder, where the divergence
            is small, and 1 for the decoder. What was taken there is not published.
        schedule: of this weight: "constant" until the stop, or on a straight line ("linear") or half a cosine
            ("cosine") from its value at the beginning to zero at the stop.
        stop_fraction: part of the training (of its time, if `loop.minutes` is set) after which the student
            learns from its labels alone; 0 is the training without a teacher, to the bit.
        temperature: both sides are divided by it before their softmax; not for "mse".
        start: begin as layers of the teacher, from which the student must differ in their number alone:
            "top", "bottom", "alternating", a list of layers from 1 on, or "random" (what is not in a stack of
            layers is copied); empty: as without a teacher. See `compress.starts`.
    """

    teacher: str = ""
    target: Literal["encoder", "decoder"] = "encoder"
    loss: Literal["auto", "kl", "mse", "probabilities"] = "auto"
    weight: float | Literal["auto"] = "auto"
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    stop_fraction: float = 0.5
    temperature: float = 1.0
    start: Literal["", "top", "bottom", "alternating", "random"] | tuple[int, ...] = ""

    def __post_init__(self) -> None:
        if not 0 < self.factor < inf:
            raise ValueError(f"weight must be above 0 and finite, is {self.weight}")
        if not 0 <= self.stop_fraction <= 1:
            raise ValueError(f"stop_fraction must be from 0 to 1, is {self.stop_fraction}")
        if not 0 < self.temperature < inf:
            raise ValueError(f"temperature must be above 0 and finite, is {self.temperature}")
        if self.kind == "mse" and self.temperature != 1:
            raise ValueError("a temperature is for the losses 'kl' and 'probabilities', not for 'mse'")

    @property
    def kind(self) -> Kind:
        """The loss that `loss` stands for."""
        return AUTO[self.target] if self.loss == "auto" else self.loss

    @property
    def factor(self) -> float:
        """The number that `weight` stands for."""
        return AUTO_WEIGHT[self.target] if self.weight == "auto" else self.weight

    def factor_at(self, fraction: float) -> float:
        """The weight after a fraction of the training, by `schedule`; zero from the stop on."""
        if fraction >= self.stop_fraction:
            return 0.0
        passed = fraction / self.stop_fraction
        falls = {"constant": 1.0, "linear": 1 - passed, "cosine": (1 + cos(pi * passed)) / 2}
        return self.factor * falls[self.schedule]


@runtime_checkable
class NetworkTask(Task, Protocol):
    """A task that trains an encoder with a scorer, both named as in a recipe."""

    architecture: Mapping[str, Any]
    head: Mapping[str, Any]


class Taught(nn.Module):
    """What is trained: the student, and a map of its features to its teacher's, which only training knows."""

    def __init__(self, student: nn.Module, to_teacher: nn.Module) -> None:
        super().__init__()
        self.student, self.to_teacher = student, to_teacher


def unlikeness(student_NTD: Tensor, teacher_NTD: Tensor, kind: Kind, temperature: float = 1.0) -> Tensor:
    """How far a student's features (or scores) are from its teacher's, mean over batch and steps.

    Args:
        student_NTD: the student's, as wide as the teacher's.
        teacher_NTD: the teacher's; they get no gradient.
        kind: see `DistillConfig.loss`.
        temperature: see `DistillConfig.temperature`.

    Returns:
        Nats for "kl".
    """
    student_NTD, teacher_NTD = student_NTD.float(), teacher_NTD.detach().float()
    if kind == "mse":
        return (student_NTD - teacher_NTD).square().mean()
    of = "kl" if kind == "kl" else "mse"
    return distillation_loss(student_NTD, teacher_NTD, of, temperature).mean()


class DistillTask(TaskAround[NetworkTask]):
    """The task of a student; its teacher is loaded once and never changed.

    Args:
        config: whom to learn from.
        inner: the task of the student without a teacher.

    Raises:
        UsageError: if the teacher cannot teach this student.
    """

    def __init__(self, config: DistillConfig, inner: NetworkTask) -> None:
        super().__init__(inner)
        self.config = config
        if not config.teacher:
            raise UsageError("no teacher is named; set distill.teacher to a model")
        self.checkpoint_of_teacher = load(config.teacher)
        with torch.random.fork_rng(devices=[]):
            network = new_network(inner.architecture, inner.head)
        untrained = inner.checkpoint(network, {})
        if self.checkpoint_of_teacher.task != untrained.task:
            raise UsageError(
                f"the teacher {config.teacher} is a model for the task '{self.checkpoint_of_teacher.task}', "
                f"its student one for '{untrained.task}'"
            )
        self.teacher = build_network(self.checkpoint_of_teacher).requires_grad_(False)
        self._check_signal(untrained, network)
        if config.target == "decoder":
            self._check_head(untrained, network)
        if config.start:  # refused here, before anything is written
            start_as_layers(network, self.teacher, self._same_architecture(), config.start)
        self._tap = TAPS[config.target]

    def _check_signal(self, student: Checkpoint, network: Network) -> None:
        name, teacher = self.config.teacher, self.checkpoint_of_teacher
        if self.teacher.stride != network.stride:
            raise UsageError(
                f"the teacher {name} makes one step of {self.teacher.stride} samples, its student one of "
                f"{network.stride}: give the student's convolutions the teacher's strides"
            )
        if other := other_signal(teacher.features, student.features):
            words, theirs, ours = other
            raise UsageError(
                f"the teacher {name} takes signal of another {words} ({theirs}) than its student ({ours})"
            )

    def _check_head(self, student: Checkpoint, network: Network) -> None:
        theirs, ours = self.checkpoint_of_teacher.head, student.head
        state_lens = [head.config.get("state_len") for head in (theirs, ours)]
        if theirs.name != ours.name or len(set(state_lens)) > 1:
            raise UsageError(
                f"the teacher {self.config.teacher} has another head ({_head(theirs)}) than its student "
                f"({_head(ours)}): set distill.target to 'encoder', or take the same head"
            )
        assert self.teacher.num_outputs == network.num_outputs  # all else of a head leaves them as they are

    def _same_architecture(self) -> str:
        """The name of the student's architecture, which is also its teacher's."""
        own, theirs = str(self.inner.architecture["name"]), self.checkpoint_of_teacher.architecture.name
        if own != theirs:
            raise UsageError(f"distill.start: the teacher is a {theirs}, its student a {own}: no layer fits")
        if getattr(getattr(self.inner, "config", None), "start_from", ""):
            raise UsageError("distill.start: the student begins as its teacher: leave task.start_from empty")
        return own

    def network_of(self, model: nn.Module) -> nn.Module:
        """The student alone."""
        assert isinstance(model, Taught)
        return model.student

    def build(self) -> Taught:
        """A student as it would be without a teacher, and its map; the generator is left as without, too."""
        student = self.inner.build()
        assert isinstance(student, Network)
        if self.config.start:
            start_as_layers(student, self.teacher, self._same_architecture(), self.config.start)
        if self.config.target == "decoder":
            return Taught(student, nn.Identity())
        width, teachers = (int(n.encoder.num_features) for n in (student, self.teacher))  # type: ignore[arg-type]
        with torch.random.fork_rng(devices=[]):
            return Taught(student, nn.Linear(width, teachers))

    def is_taught(self, progress: Progress) -> bool:
        """Whether the teacher is asked at a step."""
        return self.config.factor_at(progress.fraction) > 0

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> Losses:
        """The loss of the task within, and its weight times how unlike the student is to its teacher.

        `parts` has the sum as "loss", and without their weights "label_loss" and, as long as the teacher is
        asked, "distillation".
        """
        assert isinstance(model, Taught)
        with watched(model.student, (self._tap,)) as ours:
            own = self.inner.loss(model.student, batch, progress)
        parts = {**own.parts, "label_loss": float(own.total.detach())}
        if not self.is_taught(progress):
            return Losses(own.total, parts, own.counts, own.weight)
        features_NTD = ours[self._tap]
        with progress.clock.phase("teacher"), torch.no_grad():
            outputs = self.inner.outputs(self.teacher.to(features_NTD.device), batch, (self._tap,))
        wanted_NTD = outputs.features[self._tap]
        if wanted_NTD.shape[:2] != features_NTD.shape[:2]:
            raise UsageError(
                f"the teacher {self.config.teacher} makes {wanted_NTD.shape[1]} steps of a chunk, its "
                f"student {features_NTD.shape[1]}: they cannot be compared"
            )
        with progress.clock.phase("loss"):
            unlike = unlikeness(
                model.to_teacher(features_NTD), wanted_NTD, self.config.kind, self.config.temperature
            )
            total = own.total + self.config.factor_at(progress.fraction) * unlike
        parts |= {"loss": float(total.detach()), "distillation": float(unlike.detach())}
        return Losses(total, parts, own.counts, own.weight)

    def updates(self, progress: Progress) -> Sequence[Update]:
        """Those of the task within; the first one trains the map, too."""
        first, *others = super().updates(progress)

        def with_map(model: nn.Module) -> list[nn.Parameter]:
            assert isinstance(model, Taught)
            return [*first.parameters(model), *model.to_teacher.parameters()]

        return [Update(first.split, with_map, first.optimizer), *others]

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The student, with its teacher's name and how it was taught."""
        config = self.config
        resolved = {
            "loss": config.kind, "weight": config.factor, "teacher": self.checkpoint_of_teacher.name,
        }  # fmt: skip
        return super().checkpoint(model, {**provenance, "distill": {**to_dict(config), **resolved}})


def _head(head: Any) -> str:
    state_len = head.config.get("state_len")
    return head.name if state_len is None else f"{head.name}, state_len {state_len}"
