"""The page and the picture of `lexome bench frontier`, from plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.report.axes import Axis
from lexome.report.charts import value_text
from lexome.report.frontier_figures import (
    frontier_panels,
    frontier_points,
    frontier_tables,
    judged_by,
    rate_label,
    rate_text,
)
from lexome.report.page import Block, Card, Cards, Facts, Figure, Figures, Prose, Section, write_page
from lexome.report.panels import Panel, Points, scatter
from lexome.report.picture import write_png
from lexome.report.tables import Table

TITLE = "Throughput and accuracy"
BUSY_BELOW = 0.9  # a thread that gets less of its core than this was disturbed
_EXPLAINED = Table(
    ("column", "meaning"),
    (
        ("samples/s", "samples of current per second, from signal to scores, median of the repeats"),
        ("quartiles", "a quarter of the repeats was slower than the first, a quarter faster than the second"),
        ("per CPU-s", "samples per second of the processor, all threads together"),
        ("with decoding", "samples per second from signal to bases, at the best batch size"),
        ("latency, p95", "one chunk by itself: median, and what 95% of them stay below"),
        ("front", "no other model is better in one of throughput and identity and as good in the other"),
        (
            "all of it",
            "samples per second from file to aligned read: reading, decoding and mapping included",
        ),
    ),
    align="ll",
)


def write_frontier_page(path: Path, figures: Mapping[str, Any]) -> None:
    """Writes the page of a benchmark.

    Args:
        path: the HTML file.
        figures: what `frontier.json` holds.

    Raises:
        LexomeError: if the file cannot be written.
    """
    speed, accuracy = frontier_tables(figures)
    drawn = [
        Figure(panel.title, scatter(panel, f"{panel.title}: throughput and identity"), _caption(panel))
        for panel in frontier_panels(figures)
    ]
    plots, left = [Figures(tuple(drawn))] if drawn else [], _left_out(figures)
    sections = [
        Section("", [Cards(_cards(figures))]),
        Section("Throughput against accuracy", [*plots, *_notes(figures)]),
        Section("How fast", [speed, _sweep(figures), *([left] if left.rows else []), _EXPLAINED]),
        Section("How accurate", [accuracy, Prose(_judged_on(figures))]),
        Section("How this was measured", [Prose(text) for text in _protocol(figures)]),
        Section("On what", [Facts(figures["machine"], mono=False)]),
        Section("How this was made", [Facts(_made(figures))]),
    ]
    write_page(path, TITLE, sections, subtitle=", ".join(model["label"] for model in figures["models"]))


def write_frontier_png(path: Path, figures: Mapping[str, Any]) -> None:
    """Writes the two plots of a benchmark as a picture; see `write_frontier_page`."""
    write_png(path, frontier_panels(figures))


def _caption(panel: Panel) -> str:
    rings = "; rings are below it" if any(one.is_hollow for one in panel.series) else ""
    return f"Dots on the line are the Pareto front{rings}. Bars are 95% intervals; throughput on a log scale."


def _cards(figures: Mapping[str, Any]) -> tuple[Card, ...]:
    points = [point for point in frontier_points(figures, "best") if point.on_front]
    cards = [Card("On the Pareto front", str(len(points)), f"of {len(figures['models'])} models")]
    if points:
        accurate, fast = max(points, key=lambda p: p.identity), max(points, key=lambda p: p.rate)
        cards.append(Card("Most accurate", value_text(accurate.identity, "percent"), accurate.label))
        cards.append(Card("Fastest", rate_text(fast.rate), f"{rate_label(figures)}, {fast.label}"))
    return tuple(cards)


def _sweep(figures: Mapping[str, Any]) -> Figures | Prose:
    swept = [model for model in figures["models"] if model["speed"]["sweep"]]
    timings = [one for model in swept for one in model["speed"]["sweep"]]
    if not timings:
        return Prose("No batch size could be measured.")
    rate = figures["protocol"]["rate"]
    rates, sizes = [t[rate] for t in timings], [t["batch_size"] for t in timings]
    x = Axis("batch size", min(sizes) / 1.5, max(sizes) * 6.0, log=True)  # names stand at the right
    y = Axis(rate_label(figures), min(rates) / 1.5, max(rates) * 1.5, "count", log=True)
    series = []
    for model in swept:
        own = model["speed"]["sweep"]
        names = ("",) * (len(own) - 1) + (model["label"],)
        across, up = [t["batch_size"] for t in own], [t[rate] for t in own]
        series.append(Points(model["label"], across, up, names, is_joined=True))
    chart = scatter(Panel("", x, y, series), "Throughput by batch size")
    return Figures((Figure("Throughput by batch size", chart, "Medians; both axes on a log scale."),))


def _left_out(figures: Mapping[str, Any]) -> Table:
    rows = [
        (model["label"], str(one["batch_size"]), one["reason"])
        for model in figures["models"]
        for one in model["speed"]["left_out"]
    ]
    return Table(("model", "batch size", "why it was not measured"), tuple(rows), align="lrl")


def _notes(figures: Mapping[str, Any]) -> list[Block]:
    """What a reader of the plots must know: who is missing, who stopped early, and a busy machine."""
    fixed, largest = figures["protocol"]["fixed_batch"], figures["protocol"]["max_batch"]
    said = []
    for model in figures["models"]:
        speed, label = model["speed"], model["label"]
        if judged_by(model)[0] is None:
            said.append(f"{label} is in no plot: none of its reads was found on the reference.")
        if speed["fixed_left_out"]:
            said.append(f"{label} was not measured at batch size {fixed}: {speed['fixed_left_out']}.")
        if speed["best"] and speed["best"]["batch_size"] == max(largest, fixed):
            said.append(f"{label} was fastest at the largest batch size tried; a larger one may be faster.")
    share = busy_share(figures)
    if share is not None and share < BUSY_BELOW:
        said.append(
            f"The machine did other work: a thread that measured had only {share:.0%} of a core, at the "
            "worst. Samples per CPU-second are the fairer figure here, and --by cpu compares by them; on an "
            "idle machine the samples per second would be higher."
        )
    return [Prose(text) for text in said]


def busy_share(figures: Mapping[str, Any]) -> float | None:
    """The part of its core that a measuring thread got, the least of all models; None on a GPU."""
    shares = []
    for model in figures["models"]:
        best = model["speed"]["best"]
        if best and best["cpu_s"] is not None:
            threads = min(int(figures["machine"]["threads"]), best["batch_size"])
            shares.append(best["cpu_s"] / best["wall_s"] / threads)
    return min(shares, default=None)


def _judged_on(figures: Mapping[str, Any]) -> str:
    reads, store, bootstrap = (figures["data"][name] for name in ("reads", "store", "bootstrap"))
    level = f"{100 * bootstrap['level']:g}%"
    text = []
    if reads is not None:
        files = ", ".join(file["name"] for file in reads["files"])
        part = "all reads" if reads["max_reads"] is None else f"the first {reads['max_reads']} reads"
        text.append(
            f"Identity is matches per alignment column of a read, the median of those that minimap2 finds on "
            f"{reads['reference']}; {part} of {files}, the same for every model. A model that finds fewer "
            "reads may owe a higher median to having lost the bad ones: look at how many are mapped."
        )
    if store is not None:
        text.append(
            f"Label identity is matches per column of the alignment of a chunk's call with its label, the "
            f"mean of at most {store['chunks']} {store['split']} chunks of {store['store']}."
        )
    text.append(f"Intervals: {level}, from {bootstrap['resamples']} resamples of the reads.")
    return " ".join(text)


def _protocol(figures: Mapping[str, Any]) -> list[str]:
    protocol, threads = figures["protocol"], figures["machine"]["threads"]
    timing = protocol["timing"]
    shared = (
        f"; on the CPU {threads} threads share the chunks of a batch" if threads != "1" else "; in one thread"
    )
    return [
        f"Random signal goes through each network in lexome's own engine ({_engines(figures)}), in batches "
        f"of 1, 2, 4, ... up to {protocol['max_batch']} chunks, and of {protocol['fixed_batch']}{shared}. "
        f"After {timing['warm_ups']} warm-up, each batch size is repeated at least {timing['min_repeats']} "
        f"times and for {timing['min_s']:g} s; the median counts. A batch size that would take more than "
        f"{timing['max_s']:g} s, or more memory than was allowed, is left out.",
        f"{protocol['fixed_batch']} chunks at a time are what a MinION with 512 pores gives; the best batch "
        "size is what a run that is over, or a larger machine, allows.",
        "These figures hold for this machine, these versions and this engine: another one may order the "
        "models otherwise.",
    ]


def _engines(figures: Mapping[str, Any]) -> str:
    return ", ".join(dict.fromkeys(str(model["engine"]) for model in figures["models"]))


def _made(figures: Mapping[str, Any]) -> dict[str, str]:
    commands = list(dict.fromkeys(figures["commands"]))
    return {
        **({"command": commands[0]} if len(commands) == 1 else {}),
        **({f"command {i}": text for i, text in enumerate(commands, 1)} if len(commands) > 1 else {}),
        **{model["label"]: f"{model['model']} ({model['architecture']})" for model in figures["models"]},
        "device": figures["protocol"]["device"],
        "lexome": figures["lexome_version"],
    }
