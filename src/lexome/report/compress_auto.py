"""Tables and the page of `lexome compress auto`, from plain values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.report.axes import Axis, nice_range
from lexome.report.page import Block, Card, Cards, Facts, Figure, Figures, Prose, Section, write_page
from lexome.report.panels import Panel, Points, scatter
from lexome.report.tables import Table

COLUMNS = (
    "candidate", "identity", "loss", "95% interval", "unmapped", "CPU speed-up", "clock", "parameters",
    "bytes", "MAC/sample", "bounds",
)  # fmt: skip
MEANING = (
    "Identity: mean of the mapped reads. Loss: mean difference to the model's own reads, read by read, of "
    "those that the model maps; a read that is no longer mapped counts as a loss of all its identity. "
    "Speed-up: raw samples called per CPU-second, and per second of the clock, times the model's, measured "
    "in turn; the median of the rounds."
)


def auto_tables(figures: Mapping[str, Any]) -> list[Table]:
    """The candidates, what was not tried, and the chosen one on the reads kept for the report."""
    tables = [candidates_table(figures)]
    if figures["not_tried"]:
        rows = tuple((one["name"], one["reason"]) for one in figures["not_tried"])
        tables.append(Table(("not tried", "why"), rows, align="ll"))
    if figures["report"]:
        tables.append(report_table(figures))
    return tables


def candidates_table(figures: Mapping[str, Any]) -> Table:
    """All candidates below the model, on the reads that choose."""
    model = figures["model"]
    rows = [(model["name"], _part(model["identity_mean"]), "-", "-", "-", "1.00", "1.00", *_size(model), "")]
    rows += [
        (
            one["name"], _part(one["identity_mean"]), *_loss(one["loss"]), _speedup(one, "speedup_cpu"),
            _speedup(one, "speedup"), *_size(one), _bounds(one, figures["chosen"]),
        )
        for one in figures["candidates"]
    ]  # fmt: skip
    caption = f"{figures['reads']['choosing']} reads that choose"
    return Table(COLUMNS, tuple(rows), caption, align="l" + "r" * 9 + "l")


def report_table(figures: Mapping[str, Any]) -> Table:
    """The model and the chosen one on the reads that took no part in the choice."""
    report = figures["report"]
    rows = (
        (figures["model"]["name"], _part(report["model"]["identity_mean"]), "-", "-", "-", "1.00", "1.00"),
        (
            figures["chosen"], _part(report["chosen"]["identity_mean"]), *_loss(report["loss"]),
            _speedup(report["chosen"], "speedup_cpu"), _speedup(report["chosen"], "speedup"),
        ),
    )  # fmt: skip
    return Table(COLUMNS[:7], rows, f"{figures['reads']['reporting']} other reads, kept for the report")


def write_auto_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page: what was chosen, identity against speed-up, all candidates.

    Args:
        path: the HTML file.
        figures: what auto.json holds.
        command: how it was made.

    Raises:
        LexomeError: if the file cannot be written.
    """
    bounds, tables = figures["bounds"], auto_tables(figures)
    first: list[Block] = [Prose(f"{line[0].upper()}{line[1:]}.") for line in figures["lines"]]
    if figures["report"]:
        first = [Cards(_cards(figures)), *first, tables[-1]]
    asked = (
        f"Asked for: {bounds['target_speedup']:g} times the samples per CPU-second, at most "
        f"{100 * bounds['max_identity_loss']:g} points of identity lost."
    )
    drawn = Figure("Loss against speed-up", _picture(figures), "The lines end at the bounds.")
    rest = tables[1:2] if figures["not_tried"] else []
    facts = {"command": command, "lexome": figures["lexome_version"], **figures["machine"]}
    sections = [
        Section("", first, asked),
        Section("Candidates", [Figures((drawn,)), tables[0], Prose(MEANING), *rest], figures["training"]),
        Section("How this was made", [Facts(facts)]),
    ]
    write_page(path, f"{figures['model']['name']}, smaller and faster", sections)


def _cards(figures: Mapping[str, Any]) -> tuple[Card, ...]:
    report = figures["report"]
    chosen = next(one for one in figures["candidates"] if one["name"] == figures["chosen"])
    loss, interval, _ = _loss(report["loss"])
    speed = report["chosen"]["speed"]["speedup_cpu"]
    return (
        Card("Chosen", figures["chosen"], chosen["what"]),
        Card("Speed-up", f"{speed:.2f}x", "samples per CPU-second, on the other reads"),
        Card("Identity lost", loss, f"95% interval {interval}, on the other reads"),
        Card(
            "Bytes of weights", f"{chosen['weight_bytes']:,}", f"before: {figures['model']['weight_bytes']:,}"
        ),
    )


def _picture(figures: Mapping[str, Any]) -> str:
    bounds, rows = figures["bounds"], figures["candidates"]
    target, most = bounds["target_speedup"], 100 * bounds["max_identity_loss"]
    across = [1.0, target, *(one["speed"]["speedup_cpu"] for one in rows)]
    up = [0.0, most, *(end for one in rows for end in _ends(one["loss"]))]
    x = Axis("speed-up per CPU-second", *nice_range(min(across), max(across)))
    y = Axis("points of identity lost", *nice_range(min(up), max(up)))
    groups = {
        "within the loss": [one for one in rows if one["within_loss"]],
        "beyond it": [one for one in rows if not one["within_loss"]],
    }
    series = [_points(name, own) for name, own in groups.items() if own]
    series.append(Points("", [1.0], [0.0], (figures["model"]["name"],), is_hollow=True))
    series.append(Points("", [target, target, x.high], [y.low, most, most], is_joined=True))
    return scatter(Panel("Loss against speed-up", x, y, series), "Identity lost against speed-up")


def _points(name: str, rows: Sequence[Mapping[str, Any]]) -> Points:
    intervals = [
        None if one["loss"]["interval"] is None else (ends[0], ends[-1])
        for one in rows
        for ends in [_ends(one["loss"])]
    ]
    return Points(
        name,
        [one["speed"]["speedup_cpu"] for one in rows],
        [100 * one["loss"]["mean"] for one in rows],
        tuple(one["name"] for one in rows),
        intervals,
    )


def _ends(loss: Mapping[str, Any]) -> list[float]:
    """Low end, mean and high end in points, as far as they are known."""
    low, high = loss["interval"] or (loss["mean"], loss["mean"])
    return [100 * low, 100 * loss["mean"], 100 * high]


def _part(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _loss(loss: Mapping[str, Any]) -> tuple[str, str, str]:
    interval = loss["interval"]
    shown = "-" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
    return f"{loss['mean']:.4f}", shown, str(loss["unmapped"])


def _speedup(row: Mapping[str, Any], which: str) -> str:
    return f"{row['speed'][which]:.2f}"


def _size(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{row['parameters']:,}", f"{row['weight_bytes']:,}", f"{row['macs_per_sample']:,.0f}"


def _bounds(row: Mapping[str, Any], chosen: str | None) -> str:
    words = {
        (True, True): "both met", (True, False): "loss met", (False, True): "speed-up met",
        (False, False): "none met",
    }[row["within_loss"], row["fast_enough"]]  # fmt: skip
    return f"{words}, chosen" if row["name"] == chosen else words
