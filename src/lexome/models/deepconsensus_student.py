"""A student of DeepConsensus that starts from its teacher's weights.

Source: Belyaeva 2022 (distilled DeepConsensus) and the program of DeepConsensus 1.2.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from lexome.core.errors import UsageError
from lexome.models.deepconsensus import ConsensusLayer, ConsensusScorer, DeepConsensus
from lexome.nn.network import Network

Mapping = Literal["top", "alternating", "bottom", "random"] | Sequence[int]


def teacher_layers(mapping: Mapping, num_student: int, num_teacher: int) -> tuple[int, ...]:
    """The teacher's layer (counted from 1) that each layer of the student starts as.

    Args:
        mapping: "top" the last ones; "bottom" the first ones; "alternating" spread evenly from the first to
            the last (4 of 6: 1, 2, 4, 6, the best in the paper; a single one: the first); "random" none; or
            the layers themselves, one for each of the student's.
        num_student: layers of the student.
        num_teacher: layers of the teacher.

    Returns:
        One number per layer of the student, or none at all.

    Raises:
        UsageError: for layers that the teacher does not have, or too many.
    """
    if num_student > num_teacher and mapping in ("top", "alternating", "bottom"):
        raise UsageError(
            f"a student of {num_student} layers cannot start from the {mapping} layers of a teacher of "
            f"{num_teacher}; list the layers instead, or use 'random'"
        )
    if mapping == "random":
        return ()
    if mapping == "top":
        return tuple(range(num_teacher - num_student + 1, num_teacher + 1))
    if mapping == "bottom":
        return tuple(range(1, num_student + 1))
    if mapping == "alternating":
        steps = max(num_student - 1, 1)
        return tuple(1 + i * (num_teacher - 1) // steps for i in range(num_student))
    if isinstance(mapping, str):
        raise UsageError(
            f"unknown mapping '{mapping}' of layers; known: top, alternating, bottom, random, or a list"
        )
    layers = tuple(mapping)
    if len(layers) != num_student or not all(1 <= layer <= num_teacher for layer in layers):
        raise UsageError(
            f"the mapping {list(layers)} needs {num_student} layers, each 1 to {num_teacher} (the teacher's)"
        )
    return layers


@torch.no_grad()
def initialise_student(
    student: Network,
    teacher: Network,
    mapping: Mapping = "alternating",
    *,
    copy_gates: bool = False,
    copy_norm: bool = False,
) -> tuple[int, ...]:
    """Copies weights of a teacher into a new student.

    Embeddings, condenser and output layer are always copied, of the layers those that `mapping` names. As
    published, the gates stay closed and the last normalisation new, so the student starts as a linear model.

    Args:
        student: changed in place; as wide as the teacher.
        teacher: unchanged.
        mapping: see `teacher_layers`.
        copy_gates: also copy the gates of the sums (ReZero scales) of the layers.
        copy_norm: also copy the last normalisation.

    Returns:
        The layers copied, counted from 1.

    Raises:
        UsageError: if the networks do not fit together.
    """
    new, old = _encoder(student, "student"), _encoder(teacher, "teacher")
    layers = teacher_layers(mapping, len(new.layers), len(old.layers))
    _copy(new.embedding, old.embedding, "embedding")
    _copy(student.scorer, teacher.scorer, "output layer")
    if copy_norm:
        _copy(new.norm, old.norm, "normalisation")
    for number, (layer, source) in enumerate(zip(new.layers, layers, strict=False), 1):
        original = old.layers[source - 1]
        assert isinstance(layer, ConsensusLayer)
        assert isinstance(original, ConsensusLayer)
        for to, of in ((layer.attention, original.attention), (layer.feed_forward, original.feed_forward)):
            _copy(to.inner, of.inner, f"layer {number}")
            if copy_gates:
                to.gate.copy_(of.gate)
    return layers


def _encoder(network: Network, what: str) -> DeepConsensus:
    if not isinstance(network.encoder, DeepConsensus) or not isinstance(network.scorer, ConsensusScorer):
        raise UsageError(f"the {what} is not a DeepConsensus network")
    return network.encoder


def _copy(to: nn.Module, of: nn.Module, what: str) -> None:
    """Copies all parameters of a part; nothing if one does not fit."""
    theirs = dict(of.named_parameters())
    ours = dict(to.named_parameters())
    different = [n for n in ours.keys() | theirs.keys() if n not in theirs or n not in ours]
    different += [n for n in ours.keys() & theirs.keys() if ours[n].shape != theirs[n].shape]
    if different:
        raise UsageError(
            f"{what}: the student's shape is not the teacher's ({min(different)}); "
            "their rows, size and feed_forwards must agree"
        )
    for name, parameter in ours.items():
        parameter.copy_(theirs[name])
