"""The tables and plots of `lexome bench frontier`, from plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lexome.report.axes import Axis, nice_range
from lexome.report.charts import interval_text, value_text
from lexome.report.panels import Panel, Points
from lexome.report.tables import Table

FRONTS: tuple[str, ...] = ("best", "fixed")


@dataclass(frozen=True)
class FrontierPoint:
    """A model in a plot: samples per second, identity with its interval, and whether it is on the front."""

    label: str
    rate: float
    identity: float
    interval: tuple[float, float] | None
    on_front: bool


def frontier_tables(figures: Mapping[str, Any]) -> tuple[Table, Table]:
    """How fast every model is, and how accurate."""
    return _speed_table(figures), _accuracy_table(figures)


def _speed_table(figures: Mapping[str, Any]) -> Table:
    fixed = figures["protocol"]["fixed_batch"]
    rows = []
    for model in figures["models"]:
        speed = model["speed"]
        best, at, latency = speed["best"] or {}, speed["fixed"] or {}, speed["latency"]
        rows.append(
            (
                model["label"],
                f"{model['parameters']:,}",
                rate_text(model["macs_per_sample"]),
                str(best.get("batch_size", "-")),
                rate_text(best.get("samples_per_s")),
                _quartiles(best),
                rate_text(best.get("samples_per_cpu_s")),
                rate_text((speed["with_decoding"] or {}).get("samples_per_s")),
                rate_text(at.get("samples_per_s")),
                rate_text(at.get("samples_per_cpu_s")),
                _milliseconds(latency["median_s"]),
                _milliseconds(latency["p95_s"]),
                _front(model, fixed),
            )
        )
    head = (
        "model", "parameters", "MAC/sample", "best batch", "samples/s",
        "quartiles", "per CPU-s", "with decoding", f"samples/s at {fixed}", f"per CPU-s at {fixed}",
        "latency", "p95", "front",
    )  # fmt: skip
    chunk = figures["protocol"]["chunk_size"]
    return Table(
        head, tuple(rows), f"Speed, on chunks of {chunk:,} samples", "l" + "r" * (len(head) - 2) + "l"
    )


def _accuracy_table(figures: Mapping[str, Any]) -> Table:
    data = figures["data"]
    head: tuple[str, ...] = ("model",)
    if data["reads"] is not None:
        head += ("identity (median)", "95%", "mean", "mapped", "reads", "skipped", "bases", "all of it")
    if data["store"] is not None:
        head += ("label identity (mean)", "95% ", "chunks", "of reads")
    rows = []
    for model in figures["models"]:
        row: tuple[str, ...] = (model["label"],)
        reads, chunks = model["accuracy"]["reads"], model["accuracy"]["chunks"]
        if reads is not None:
            row += (
                _percent(reads["identity_median"]),
                interval_text(reads["identity_median_interval"], "percent") or "-",
                _percent(reads["identity_mean"]),
                f"{reads['mapped']:,}",
                f"{reads['reads']:,}",
                f"{reads['skipped']:,}",
                f"{reads['bases']:,}",
                f"{rate_text(reads['samples_per_s'])}/s",
            )
        if chunks is not None:
            row += (
                _percent(chunks["identity_mean"]),
                interval_text(chunks["identity_mean_interval"], "percent") or "-",
                f"{chunks['chunks']:,}",
                f"{chunks['reads']:,}",
            )
        rows.append(row)
    return Table(head, tuple(rows), "Accuracy")


def frontier_panels(figures: Mapping[str, Any]) -> list[Panel]:
    """Identity against throughput: at the best batch size, and at the fixed one; only those with a point."""
    fixed = figures["protocol"]["fixed_batch"]
    titles = dict(zip(FRONTS, ("At the best batch size", f"At batch size {fixed}"), strict=True))
    points = {name: frontier_points(figures, name) for name in FRONTS}
    everything = [point for some in points.values() for point in some]
    if not everything:
        return []
    rates = [point.rate for point in everything]
    x = Axis(rate_label(figures), min(rates) / 1.8, max(rates) * 1.8, "count", log=True)
    ends = [value for point in everything for value in (point.identity, *(point.interval or ()))]
    low, high = nice_range(min(ends), max(ends))
    label = "median identity" if figures["data"]["reads"] is not None else "mean identity with the labels"
    y = Axis(label, low, min(1.0, high) if low < 1.0 else high, "percent")
    panels = []
    for name, some in points.items():
        front = sorted((point for point in some if point.on_front), key=lambda point: point.rate)
        others = [point for point in some if not point.on_front]
        series = [_series("on the Pareto front", front, True), _series("below it", others, False)]
        if some:
            panels.append(Panel(titles[name], x, y, [one for one in series if one.x]))
    return panels


def frontier_points(figures: Mapping[str, Any], name: str) -> list[FrontierPoint]:
    """The models that have both a timing and an identity.

    Args:
        figures: what `frontier.json` holds.
        name: of the timing, "best" or "fixed".
    """
    points = []
    for model in figures["models"]:
        timing, (identity, interval) = model["speed"][name], judged_by(model)
        if timing is not None and identity is not None:
            on_front = model[f"pareto_{name}"]
            rate = timing[figures["protocol"]["rate"]]
            points.append(FrontierPoint(model["label"], rate, identity, interval, on_front))
    return points


def rate_label(figures: Mapping[str, Any]) -> str:
    """What the models are compared by, in words."""
    words = {"samples_per_s": "samples per second", "samples_per_cpu_s": "samples per CPU-second"}
    return words[figures["protocol"]["rate"]]


def judged_by(model: Mapping[str, Any]) -> tuple[float | None, tuple[float, float] | None]:
    """The identity of a model and its interval: that of reads where there is one, else that of chunks."""
    reads, chunks = model["accuracy"]["reads"], model["accuracy"]["chunks"]
    found, name = (reads, "identity_median") if reads is not None else (chunks, "identity_mean")
    interval = found[f"{name}_interval"]
    return found[name], None if interval is None else (interval[0], interval[1])


def _series(name: str, points: Sequence[FrontierPoint], on_front: bool) -> Points:
    return Points(
        name,
        [point.rate for point in points],
        [point.identity for point in points],
        [point.label for point in points],
        [point.interval for point in points],
        is_joined=on_front,
        is_hollow=not on_front,
    )


def rate_text(value: float | None) -> str:
    """Samples per second for a reader: three digits that mean something."""
    return "-" if value is None else f"{float(f'{value:.3g}'):,.0f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else value_text(value, "percent")


def _quartiles(timing: Mapping[str, Any]) -> str:
    if not timing:
        return "-"
    low, high = timing["samples_per_s_quartiles"]
    return f"{rate_text(low)}–{rate_text(high)}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def _front(model: Mapping[str, Any], fixed: int) -> str:
    names = {"best": "best", "fixed": str(fixed)}
    return ", ".join(names[name] for name in FRONTS if model[f"pareto_{name}"]) or "-"
