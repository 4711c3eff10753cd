"""The subjects of `lexome bench speed`, by name, and their measurement."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from lexome import __version__
from lexome.core.config import to_dict
from lexome.core.errors import UsageError, nearest
from lexome.tasks.bench.attention_speed import attention_subject
from lexome.tasks.bench.block_speed import experts_subject, heads_subject
from lexome.tasks.bench.footprint import memory_growth, memory_limit
from lexome.tasks.bench.growth import growth_subject
from lexome.tasks.bench.implementations import implementations_subject
from lexome.tasks.bench.kan_speed import kan_subject
from lexome.tasks.bench.layer_speed import SpeedRequest, Subject, check_some, measure_subject, spots_of
from lexome.tasks.bench.machine import machine_facts
from lexome.tasks.bench.roofline import roofline_subject
from lexome.tasks.bench.splitting import splitting_subject
from lexome.tasks.bench.timing import clock_for

SUBJECTS: dict[str, Callable[[SpeedRequest], Subject]] = {
    "roofline": roofline_subject,
    "splitting": splitting_subject,
    "growth": growth_subject,
    "kan": kan_subject,
    "experts": experts_subject,
    "heads": heads_subject,
    "implementations": implementations_subject,
    "attention": attention_subject,
}


def plan_speed(name: str, request: SpeedRequest) -> Subject:
    """What a subject measures.

    Raises:
        UsageError: for an unknown name, or a GPU that is not there.
    """
    if name not in SUBJECTS:
        raise UsageError(f"unknown subject '{name}'; {nearest(name, SUBJECTS)}")
    if request.device != "cpu" and not request.is_gpu:
        raise UsageError(f"device {request.device} is not known; cpu, or cuda:N")
    if request.is_gpu and not torch.cuda.is_available():
        raise UsageError(f"device {request.device}: no GPU that this torch can use; try --device cpu")
    return SUBJECTS[name](request)


def run_speed(
    name: str, subject: Subject, request: SpeedRequest, on_done: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """Measures a subject with the threads that are wanted.

    Args:
        name: of the subject.
        subject: as from `plan_speed`.
        request: the same.
        on_done: told how many points are done, of `spots_of(subject)`.

    Returns:
        Plain values for `report.layer_speed`.

    Raises:
        UsageError: if nothing could be measured within the limits.
    """
    done, previous = 0, torch.get_num_threads()

    def count(series: str) -> None:
        nonlocal done
        done += 1
        on_done(done)

    torch.set_num_threads(request.threads)
    try:
        measured = measure_subject(
            subject,
            replace(request.timing, max_bytes=memory_limit(request.device)),
            clock_for(request.device),
            new_meter=lambda: memory_growth(request.device),
            on_spot=count,
        )
    finally:
        torch.set_num_threads(previous)
    check_some(name, measured)
    return {
        "subject": name,
        **measured,
        "protocol": {
            "device": request.device,
            "threads": request.threads,
            "max_batch": request.max_batch,
            "points": spots_of(subject),
            "timing": to_dict(request.timing),
        },
        "machine": machine_facts(request.device, request.threads),
        "lexome_version": __version__,
    }
