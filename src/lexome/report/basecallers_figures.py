"""The tables and plots of `lexome bench basecallers`, from plain values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lexome.report.axes import Axis, nice_range
from lexome.report.charts import interval_text, value_text
from lexome.report.frontier_figures import rate_label, rate_text
from lexome.report.panels import Panel, Points
from lexome.report.tables import Table

NOT_TRAINED, NONE_MAPPED, UNKNOWN = "not trained", "none mapped", "-"
PUBLISHED = "Published, on other reads and other machines: not to be compared with what was measured here"


def basecallers_table(figures: Mapping[str, Any]) -> Table:
    """What was measured; without reads there are no columns for them."""
    has_reads, is_cpu = figures["data"]["reads"] is not None, _is_cpu(figures)
    head = ("model", "parameters", "bytes", "MAC/sample", "samples/s")
    head += ("per CPU-s", "called, per CPU-s") if is_cpu else ("called/s",)
    if has_reads:
        head += ("identity (median of mapped reads)", "95%", "mean of all reads", "mapped", "reads")
        head += ("mapped bases",)
    rows = []
    for model in figures["models"]:
        network, called = model["speed"]["network"], model["speed"]["called"]
        row = (
            model["label"], f"{model['parameters']:,}", f"{model['weight_bytes']:,}",
            rate_text(model["macs_per_sample"]), rate_text(network["samples_per_s"]),
        )  # fmt: skip
        rates = (network["samples_per_cpu_s"],) if is_cpu else ()
        row += tuple(rate_text(rate) for rate in (*rates, called[figures["protocol"]["rate"]]))
        rows.append(row + (_judged(model) if has_reads else ()))
    return Table(head, tuple(rows), _caption(figures))


def _judged(model: Mapping[str, Any]) -> tuple[str, ...]:
    reads = model["reads"]
    if reads is None:
        return (NOT_TRAINED, *[UNKNOWN] * 5)
    median, interval = reads["identity_median"], reads["intervals"]["identity_median"]
    every = reads["identity_mean_all_reads"]
    return (
        NONE_MAPPED if median is None else value_text(median, "percent"),
        interval_text(interval, "percent") or UNKNOWN,
        UNKNOWN if every is None else value_text(every, "percent"),
        f"{reads['mapped']:,}", f"{reads['reads']:,}", f"{reads['mapped_bases']:,}",
    )  # fmt: skip


def _caption(figures: Mapping[str, Any]) -> str:
    reads = figures["data"]["reads"]
    if reads is None:
        return "Measured here; no reads were given, so there is no identity"
    part = "all reads" if reads["max_reads"] is None else f"the first {reads['max_reads']} reads"
    files = ", ".join(file["name"] for file in reads["files"])
    return f"Measured here: {part} of {files} on {reads['reference']}"


def _is_cpu(figures: Mapping[str, Any]) -> bool:
    return figures["protocol"]["rate"] == "samples_per_cpu_s"


def published_table(figures: Mapping[str, Any]) -> Table:
    """What others published, as numbers."""
    rows = [
        (
            row["name"],
            UNKNOWN if row["parameters"] is None else f"{row['parameters']:,}",
            UNKNOWN if row["kilobases_per_s"] is None else f"{row['kilobases_per_s']:,.1f}",
            row["machine"] or UNKNOWN,
            UNKNOWN if row["mismatches_millions"] is None else f"{row['mismatches_millions']:.1f}",
            UNKNOWN if row["accuracy"] is None else value_text(row["accuracy"], "percent"),
        )
        for row in figures["published"]["basecallers"]
    ]
    head = ("model", "parameters", "kilobases/s", "machine", "mismatches (millions)", "accuracy")
    return Table(head, tuple(rows), PUBLISHED, "lrrlrr")


def claims_table(figures: Mapping[str, Any]) -> Table:
    """What others published as ratios."""
    names = ("of", "to", "what", "times", "source")
    rows = [tuple(str(claim[name]) for name in names) for claim in figures["published"]["claims"]]
    return Table(("model", "against", "what", "published as", "source"), tuple(rows), align="lllll")


def ratios_table(figures: Mapping[str, Any]) -> Table:
    """What was measured, divided by what the first model has."""
    names = ("parameters", "weight_bytes", "macs_per_sample", "network", "called", "mapped_bases")
    rows = []
    for row in figures["ratios"]:
        more = row["identity_median_difference"]
        points = UNKNOWN if more is None else f"{100 * more:+.2f}"
        rows.append((row["label"], *(_times(row[name]) for name in names), points))
    speed = rate_label(figures)
    head = (
        "model", "parameters", "bytes", "MAC/sample", f"{speed}, network", "the same, called", "mapped bases",
        "median identity, points",
    )  # fmt: skip
    return Table(head, tuple(rows), f"Times as much as {figures['models'][0]['label']}, measured here")


def _times(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3g}"


def basecallers_panels(figures: Mapping[str, Any]) -> list[Panel]:
    """Identity, mapped bases and bytes, each against throughput; only those with a point."""
    models, rate = figures["models"], figures["protocol"]["rate"]
    timed = [model for model in models if model["speed"]["called"][rate] is not None]
    if not timed:
        return []

    def rate_of(model: Mapping[str, Any]) -> float:
        return model["speed"]["called"][rate]

    rates = [rate_of(model) for model in timed]
    x = Axis(f"{rate_label(figures)}, signal to bases", min(rates) / 1.8, max(rates) * 1.8, "count", log=True)
    judged = [model for model in timed if model["reads"] and model["reads"]["identity_median"] is not None]
    panels = []
    if judged:
        intervals = [_ends(model["reads"]["intervals"]["identity_median"]) for model in judged]
        values = [model["reads"]["identity_median"] for model in judged]
        low, high = nice_range(*_spread([*values, *(end for pair in intervals if pair for end in pair)]))
        y = Axis("identity, median of mapped reads", low, min(1.0, high) if low < 1 else high, "percent")
        series = _series("", judged, rate_of, values, intervals)
        panels.append(Panel("Identity", x, y, [series]))
        bases = [model["reads"]["mapped_bases"] for model in judged]
        y = Axis("bases", 0.0, nice_range(0.0, max(bases))[1], "count")
        panels.append(Panel("Mapped bases", x, y, [_series("", judged, rate_of, bases)]))
    sizes = [model["weight_bytes"] for model in timed]
    y = Axis("bytes of weights", min(sizes) / 1.8, max(sizes) * 1.8, "count", log=True)
    both = []
    for name, is_trained in (("trained", True), (NOT_TRAINED, False)):
        some = [model for model in timed if model["is_trained"] == is_trained]
        if some:
            stored = [model["weight_bytes"] for model in some]
            both.append(_series(name, some, rate_of, stored, is_hollow=not is_trained))
    return [*panels, Panel("Stored bytes", x, y, both)]


def _series(
    name: str,
    models: Sequence[Mapping[str, Any]],
    rate_of: Callable[[Mapping[str, Any]], float],
    y: Sequence[float],
    intervals: Sequence[tuple[float, float] | None] = (),
    *,
    is_hollow: bool = False,
) -> Points:
    labels = [model["label"] for model in models]
    return Points(name, [rate_of(model) for model in models], y, labels, intervals, is_hollow=is_hollow)


def _ends(interval: Sequence[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (interval[0], interval[1])


def _spread(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)
