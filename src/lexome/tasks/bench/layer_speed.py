"""Speed of layers and of the machine: cases over sizes, their products per second, ratios to a baseline.

A subject is one question, such as what heads cost. It has groups of series; a series is one layer (or
product, or network) over sizes; all its timings follow the protocol of `tasks.bench.timing`.

What is said of another machine cannot be compared in seconds, so every figure also stands as a ratio to a
baseline of the same run, per second and per second of the processor.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.tasks.bench.timing import GPU, BatchTiming, Clock, TimingConfig, throughput

Run = Callable[[Any], object]


@dataclass(frozen=True)
class SpeedRequest:
    """What is asked for.

    Attributes:
        device: "cpu" or "cuda:N".
        threads: of torch, on the CPU.
        max_batch: the largest batch size, where a subject goes through them.
        timing: repeats and limits of every point.
    """

    device: str = "cpu"
    threads: int = 1
    max_batch: int = 256
    timing: TimingConfig = TimingConfig()

    @property
    def is_gpu(self) -> bool:
        """Whether the work is done on a GPU."""
        return self.device.startswith(GPU)


@dataclass(frozen=True)
class Opened:
    """A case ready to run.

    Attributes:
        run: takes a batch.
        macs_per_item: multiply-accumulates of an item; None: they say nothing here.
        peak_bytes: measures the memory that a batch takes; None: it is not asked for.
    """

    run: Run
    macs_per_item: int | None = None
    peak_bytes: Callable[[Any], int] | None = None


@dataclass(frozen=True)
class Case:
    """Something that takes batches.

    Attributes:
        open: builds it, when its turn comes.
        make_input: makes a batch of so many items.
        samples_per_item: what an item counts.
    """

    open: Callable[[], Opened]
    make_input: Callable[[int], Any]
    samples_per_item: int = 1


@dataclass(frozen=True)
class Spot:
    """A point that is to be measured.

    Attributes:
        x: its place on the axis of its group.
        batch_size: items at a time.
        case: what runs; spots that share one are one sweep over batch sizes.
        work: how much there is to do, in any unit of its series: if a spot is left out, those with more work
            are left out untried. 0: nothing is known.
    """

    x: int
    batch_size: int
    case: Case
    work: float = 0.0


@dataclass(frozen=True)
class Series:
    """Spots in the order in which they are measured."""

    name: str
    spots: tuple[Spot, ...]


@dataclass(frozen=True)
class Group:
    """Series that belong into one plot.

    Attributes:
        title: what it shows.
        axis: what x is.
        unit: what a sample is, in the plural.
        series: in drawing order.
        baseline: the series that all are compared with, at the same x; empty: each with itself.
        at_first: compared with the baseline's first spot instead.
        note: what a reader must know.
        shown: the figures of its points that are drawn, a plot each.
    """

    title: str
    axis: str
    unit: str
    series: tuple[Series, ...]
    baseline: str = ""
    at_first: bool = False
    note: str = ""
    shown: tuple[str, ...] = ("samples_per_s",)

    def __post_init__(self) -> None:
        if self.series and self.baseline and self.baseline not in [one.name for one in self.series]:
            raise ValueError(f"group '{self.title}' has no series '{self.baseline}'")


@dataclass(frozen=True)
class Subject:
    """One question.

    Attributes:
        title: in a few words.
        about: what is measured, and how it differs from the source.
        source: where the thesis has it.
        groups: what is measured.
        derive: further plain values, by name, from the measured groups.
    """

    title: str
    about: str
    source: str
    groups: tuple[Group, ...]
    derive: Callable[[Sequence[dict[str, Any]]], dict[str, Any]] = lambda groups: {}


def batch_series(name: str, case: Case, batch_sizes: Sequence[int]) -> Series:
    """One case over batch sizes."""
    return Series(name, tuple(Spot(size, size, case) for size in batch_sizes))


def spots_of(subject: Subject) -> int:
    """How many points there are to measure."""
    return sum(len(series.spots) for group in subject.groups for series in group.series)


def measure_subject(
    subject: Subject,
    timing: TimingConfig,
    clock: Clock,
    *,
    new_meter: Callable[[], Callable[[], int]] = lambda: lambda: 0,
    on_spot: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """Measures all groups of a subject.

    Args:
        subject: what to measure.
        timing: repeats and limits of every point.
        clock: what it is timed with.
        new_meter: makes the `grown_bytes` of `timing.throughput`, anew for every case.
        on_spot: told of every point when it is done or left out, with the name of its series.

    Returns:
        Plain values: title, about, source, groups with their series and points, and what the subject derives.
    """
    groups = [_measure_group(group, timing, clock, new_meter, on_spot) for group in subject.groups]
    return {
        "title": subject.title,
        "about": subject.about,
        "source": subject.source,
        "groups": groups,
        **subject.derive(groups),
    }


def _measure_group(
    group: Group,
    timing: TimingConfig,
    clock: Clock,
    new_meter: Callable[[], Callable[[], int]],
    on_spot: Callable[[str], None],
) -> dict[str, Any]:
    series = []
    for one in group.series:
        points, left_out = _measure_series(one, timing, clock, new_meter, on_spot)
        series.append({"name": one.name, "points": points, "left_out": left_out})
    told = to_dict(replace(group, series=()))
    measured = {**told, "series": series}
    add_ratios(measured)
    return measured


def _measure_series(
    series: Series,
    timing: TimingConfig,
    clock: Clock,
    new_meter: Callable[[], Callable[[], int]],
    on_spot: Callable[[str], None],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    points: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    too_much = (float("inf"), 0)  # the least work that was left out, and where
    for _, some in groupby(series.spots, key=lambda spot: id(spot.case)):
        spots = list(some)
        case = spots[0].case
        if spots[0].work > too_much[0]:
            left_out += [{"x": s.x, "reason": f"more work than {too_much[1]:,}, left out too"} for s in spots]
        else:
            opened = case.open()
            found = throughput(
                opened.run,
                case.make_input,
                [spot.batch_size for spot in spots],
                case.samples_per_item,
                config=timing,
                clock=clock,
                grown_bytes=new_meter(),
            )
            for spot in spots:
                at = found.at(spot.batch_size)
                if at is not None:
                    points.append(_point(spot, at, opened))
                    continue
                left_out.append({"x": spot.x, "reason": found.why_not(spot.batch_size)})
                if spot.work:
                    too_much = min(too_much, (spot.work, spot.x))
        for _ in spots:
            on_spot(series.name)
    return points, left_out


def _point(spot: Spot, timing: BatchTiming, opened: Opened) -> dict[str, Any]:
    """The figures of one spot; a multiply-accumulate is two floating-point operations."""
    macs = None if opened.macs_per_item is None else opened.macs_per_item * spot.batch_size
    peak = None if opened.peak_bytes is None else opened.peak_bytes(spot.case.make_input(spot.batch_size))
    return {
        "x": spot.x,
        **to_dict(timing),
        "cores": None if timing.cpu_s is None else timing.cpu_s / timing.wall_s,
        "macs": macs,
        "gflop_per_s": None if macs is None else 2e-9 * macs / timing.wall_s,
        "gflop_per_cpu_s": None if macs is None or timing.cpu_s is None else 2e-9 * macs / timing.cpu_s,
        "peak_bytes": peak,
    }


def add_ratios(group: dict[str, Any]) -> None:
    """Gives every point of a measured group its ratios to the baseline; None where that was not measured.

    Args:
        group: with `baseline`, `at_first` and `series`; changed in place.
    """
    by_name = {one["name"]: one for one in group["series"]}
    for one in group["series"]:
        reference = by_name[group["baseline"] or one["name"]]
        firsts = sorted([p["x"] for p in reference["points"]] + [p["x"] for p in reference["left_out"]])
        measured = {point["x"]: point for point in reference["points"]}
        for point in one["points"]:
            found = measured.get(firsts[0] if group["at_first"] else point["x"])
            for rate, ratio in (("samples_per_s", "ratio"), ("samples_per_cpu_s", "ratio_per_cpu_s")):
                known = found is not None and point[rate] is not None and found[rate] is not None
                point[ratio] = point[rate] / found[rate] if known else None  # pyright: ignore[reportOptionalSubscript]


def find_points(groups: Sequence[dict[str, Any]], title: str, series: str) -> list[dict[str, Any]]:
    """The measured points of a series, by the title of its group; empty if there is none."""
    return [
        point
        for group in groups
        if group["title"] == title
        for one in group["series"]
        if one["name"] == series
        for point in one["points"]
    ]


def check_some(subject: str, figures: dict[str, Any]) -> None:
    """Says if nothing at all could be measured.

    Raises:
        UsageError: if so, with the first reason.
    """
    series = [one for group in figures["groups"] for one in group["series"]]
    if any(one["points"] for one in series):
        return
    reasons = [one["left_out"][0]["reason"] for one in series if one["left_out"]]
    raise UsageError(f"{subject}: nothing could be measured: {reasons[0]}; give it more time or memory")
