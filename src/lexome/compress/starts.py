"""A student that begins as some of its teacher's layers."""

import torch
from torch import nn

from lexome.compress.layers import STACKS
from lexome.core.errors import UsageError
from lexome.models.deepconsensus_student import Mapping, teacher_layers


@torch.no_grad()
def start_as_layers(
    student: nn.Module, teacher: nn.Module, architecture: str, mapping: Mapping
) -> dict[str, tuple[int, ...]]:
    """Copies a teacher's weights into a student that is the same network with fewer layers (or as many).

    Everything outside of the stacks of equal layers (such as the LSTMs of a Bonito) is copied as it is.

    Args:
        student: changed in place.
        teacher: unchanged.
        architecture: the registered name of both.
        mapping: which of a stack's layers, counted from 1, the student's begin as; "random": none of them,
            but all that is outside. See `models.deepconsensus_student.teacher_layers`.

    Returns:
        For each stack the layers that were copied.

    Raises:
        UsageError: if the architecture has no stack of layers, or the two differ in more than their number.
    """
    stacks = STACKS.get(architecture, ())
    if not stacks:
        raise UsageError(f"distill.start: the architecture {architecture} is no stack of layers to begin as")
    ours, theirs = student.state_dict(), teacher.state_dict()
    sources = {name: name for name in ours}
    copied: dict[str, tuple[int, ...]] = {}
    for stack in stacks:
        prefix = f"encoder.{stack.modules}."
        counts = [len({n.removeprefix(prefix).split(".")[0] for n in names if n.startswith(prefix)})
                  for names in (ours, theirs)]  # fmt: skip
        if counts[0] == 0:
            continue
        copied[stack.modules] = layers = teacher_layers(mapping, *counts)
        for name in [n for n in ours if n.startswith(prefix)]:
            number, _, rest = name.removeprefix(prefix).partition(".")
            if layers:
                sources[name] = f"{prefix}{layers[int(number)] - 1}.{rest}"
            else:
                del sources[name]
    for name, source in sources.items():
        if source not in theirs or theirs[source].shape != ours[name].shape:
            there = "nothing" if source not in theirs else str(tuple(theirs[source].shape))
            raise UsageError(
                f"distill.start: the student's {name} {tuple(ours[name].shape)} cannot begin as its "
                f"teacher's {source}, which is {there}; only the number of layers may differ"
            )
    student.load_state_dict({name: theirs[source] for name, source in sources.items()}, strict=False)
    return copied
