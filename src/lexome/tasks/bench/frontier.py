"""Throughput against accuracy for any set of basecallers: the work of `lexome bench frontier`.

Source: figures 4.1 and 6.1 of the thesis "Towards faster sequence-to-sequence models for basecalling".
Differs: accuracy is that of reads against their reference (or of labelled chunks), with an interval, not a
validation accuracy alone; `timing` says what differs in the protocol.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lexome.checkpoint.store import Checkpoint
from lexome.core.config import to_dict
from lexome.report.frontier_figures import judged_by
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.bench.accuracy import judge_on_chunks, judge_on_reads
from lexome.tasks.bench.footprint import memory_limit
from lexome.tasks.bench.frontier_plan import FrontierPlan, NamedModel, open_named
from lexome.tasks.bench.kept import finish, keep
from lexome.tasks.bench.speed import fitting_size, measure_speed
from lexome.tasks.bench.timing import Rate, powers_of_two

if TYPE_CHECKING:
    from lexome.models.costs import NetworkCosts

Watch = Callable[[str, str, float | None], AbstractContextManager[Callable[[float], None]]]


@contextmanager
def unwatched(doing: str, unit: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Shows no progress."""
    yield lambda done: None


def measure_frontier(plan: FrontierPlan, watch: Watch = unwatched) -> dict[str, Any]:
    """Measures every model of a plan and writes the results, model by model.

    Args:
        plan: from `plan_frontier`.
        watch: shows progress: (what is done, what is counted, how many there are) -> called with those done.

    Returns:
        All figures as plain values, those of an earlier run included; also in `frontier.json`.

    Raises:
        LexomeError: if no read can be called, or a file cannot be written.
    """
    figures = plan.figures
    for model in plan.models:
        figures["models"].append(_measure(plan, model, watch))
        keep(plan.request.output, figures)
    mark_fronts(figures["models"], plan.request.speed.rate)
    finish(plan.request.output, figures)
    return figures


def _measure(plan: FrontierPlan, named: NamedModel, watch: Watch) -> dict[str, Any]:
    """All figures of one model; accuracy first, as it shows soonest that something is wrong."""
    request, model = plan.request, open_named(named.checkpoint, plan.request)
    accuracy = _accuracy(plan, named, model, watch)
    limit = request.max_memory_bytes or memory_limit(model.engine.device)
    speed = replace(request.speed, timing=replace(request.speed.timing, max_bytes=limit))
    costs = costs_of(named.checkpoint, fitting_size(model.engine, speed.chunk_size))
    sizes = powers_of_two(speed.max_batch, also=[speed.fixed_batch])
    with watch(f"timing {named.label}", "batch sizes", len(sizes)) as show:
        measured = measure_speed(
            model, speed, lambda size: show(sizes.index(size)), item_bytes=costs.peak_bytes
        )
    checkpoint = named.checkpoint
    return {
        "label": named.label,
        "model": named.source,
        "digest": named.digest,
        "name": checkpoint.name,
        "architecture": checkpoint.architecture.name,
        "parameters": checkpoint.num_parameters,
        "macs_per_sample": None if costs.uncounted else costs.macs_per_sample,
        "stride": model.stride,
        "engine": model.engine.name,
        "accuracy": accuracy,
        "speed": measured.to_json(speed.fixed_batch, speed.rate),
    }


def costs_of(checkpoint: Checkpoint, samples: int) -> "NetworkCosts":
    """What a network costs, counted while a chunk of so many samples runs."""
    from lexome.checkpoint.build import build_network  # torch, which the timing may do without
    from lexome.models.costs import network_costs

    return network_costs(build_network(checkpoint), samples)


def _accuracy(plan: FrontierPlan, named: NamedModel, model: BasecallModel, watch: Watch) -> dict[str, Any]:
    request = plan.request
    accuracy: dict[str, Any] = {"reads": None, "chunks": None}
    if plan.source is not None:
        assert plan.aligner is not None
        with watch(f"calling with {named.label}", "samples", None) as show:
            accuracy["reads"] = to_dict(judge_on_reads(model, plan.source, plan.aligner, on_samples=show))
    if request.store is not None:
        with watch(f"judging {named.label}", "chunks", request.chunks) as show:
            found = judge_on_chunks(
                named.source, request.store, request.chunks, model.engine.device, on_chunks=show
            )
        accuracy["chunks"] = to_dict(found)
    return accuracy


def mark_fronts(models: Sequence[dict[str, Any]], rate: Rate = "samples_per_s") -> None:
    """Tells every model whether it is on the Pareto front, by its best and by its fixed batch size.

    The identity is that of reads where there is one, else that of chunks.
    """
    identities = [judged_by(model)[0] for model in models]
    for name in ("best", "fixed"):
        rates = [(model["speed"][name] or {}).get(rate) for model in models]
        front = pareto(rates, identities)
        for number, model in enumerate(models):
            model[f"pareto_{name}"] = number in front


def pareto(x: Sequence[float | None], y: Sequence[float | None]) -> list[int]:
    """The points than which no other is better in one and at least as good in the other (more is better).

    Args:
        x: of every point; None: it is none.
        y: likewise.

    Returns:
        Their indices, by rising x; equal points are all among them.
    """
    known = [(a, b, i) for i, (a, b) in enumerate(zip(x, y, strict=True)) if a is not None and b is not None]
    return [
        i for a, b, i in sorted(known) if not any(c >= a and d >= b and (c > a or d > b) for c, d, _ in known)
    ]
