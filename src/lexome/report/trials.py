"""The report of `lexome bench variants`: a table and a page, from plain values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.report.axes import Axis
from lexome.report.charts import Bar, Series, bars, lines
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Prose, Section, write_page
from lexome.report.tables import Table

VALIDATION = "validation"
Rows = Sequence[Mapping[str, Any]]


def trials_table(figures: Mapping[str, Any]) -> Table:
    """One line per network: what it is, parameters, seeds, and its identity on every judged store."""
    columns = list(figures["columns"])
    stores = [VALIDATION, *figures["settings"]["tests"]]
    has_thesis = any(row["thesis"] for row in figures["rows"])
    body = []
    for row in ranked(figures["rows"]):
        cells = [str(row["labels"].get(column, "-")) for column in columns]
        cells += [f"{row['parameters']:,}", str(len(row["seeds"]))]
        cells += [_identity(row["figures"].get(store)) for store in stores]
        cells += [f"{row['figures'][VALIDATION]['loss']:.3f}" if row["figures"] else "failed"]
        cells += [f"{row['thesis']['value']:g}" if row["thesis"] else "-"] if has_thesis else []
        body.append(tuple(cells))
    head = (*columns, "parameters", "seeds", *stores, "loss", *(["thesis"] if has_thesis else []))
    align = "l" * len(columns) + "r" * (len(head) - len(columns))
    return Table(head, tuple(body), f"{figures['what']} ({figures['place']})", align)


def ranked(rows: Rows) -> list[Mapping[str, Any]]:
    """Rows by their width, and within one by identity, the highest first; failed ones last."""

    def place(row: Mapping[str, Any]) -> tuple[float, float]:
        width = row["labels"].get("width", row["labels"].get("filters", 0))
        identity = row["figures"][VALIDATION]["identity"] if row["figures"] else -1.0
        return width, -identity

    return sorted(rows, key=place)


def _identity(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "-"
    interval = "" if figures["low"] is None else f" ({figures['low']:.3f}-{figures['high']:.3f})"
    return f"{figures['identity']:.4f}{interval}"


def write_trials_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of an experiment.

    Args:
        path: the HTML file.
        figures: what the experiment's JSON holds.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    sections = [
        Section("", [_cards(figures)]),
        Section("Label identity", [_charts(figures)], lead=_LEAD),
        Section("All figures", [trials_table(figures)]),
    ]
    if figures["ordering"]:
        sections.append(Section("Beside the thesis", [Prose(ordering_text(figures["ordering"]))]))
    failures = [
        f"{' '.join(map(str, r['labels'].values()))}: {f}" for r in figures["rows"] for f in r["failures"]
    ]
    if failures:
        sections.append(Section("What failed", [Prose("; ".join(failures))]))
    if figures["missing"]:
        sections.append(Section("Not finished", [Prose(", ".join(figures["missing"]))]))
    sections.append(Section("How this was made", [Facts(_made(figures, command))]))
    write_page(path, figures["what"], sections, subtitle=figures["place"])


_LEAD = (
    "Matches over columns of the alignment of call and label, mean over the judged chunks and the seeds; the "
    "intervals are 95% bootstrap intervals over the chunks, which say what other chunks might have said of "
    "these networks, not what other trainings would have given."
)


def ordering_text(ordering: Mapping[str, Any]) -> str:
    """Agreement with the thesis, in words."""
    text = (
        f"Of {ordering['pairs']} pairs of networks of the same width that differ in the thesis, "
        f"{len(ordering['agree'])} stand the same way round here, {len(ordering['disagree'])} the other way, "
        f"{len(ordering['unclear'])} are too close to tell."
    )
    turned = [f"{name_of(p['first'])} and {name_of(p['second'])}" for p in ordering["disagree"]]
    return text + (f" The other way round: {'; '.join(turned)}." if turned else "")


def name_of(labels: Mapping[str, Any]) -> str:
    """The labels in one line."""
    shown = [str(value) for key, value in labels.items() if key != "head"]
    return " ".join(shown).replace("_", " ")


def _cards(figures: Mapping[str, Any]) -> Cards:
    done = [row for row in figures["rows"] if row["figures"]]
    best = max(done, key=lambda row: row["figures"][VALIDATION]["identity"], default=None)
    cards = [Card("Networks", str(len(done)), f"{sum(len(row['seeds']) for row in done)} trainings")]
    if best is not None:
        cards.append(
            Card("Best", _identity(best["figures"][VALIDATION]).split(" ")[0], name_of(best["labels"]))
        )
    return Cards(tuple(cards))


def _charts(figures: Mapping[str, Any]) -> Figures:
    stores = [VALIDATION, *figures["settings"]["tests"]]
    draw = _curves if figures["columns"][-1] == "kernel" else _bars
    return Figures(tuple(Figure(store, draw(figures, store)) for store in stores))


def _bars(figures: Mapping[str, Any], store: str) -> str:
    groups: dict[str, list[Bar]] = {}
    for row in ranked(figures["rows"]):
        if store in row["figures"]:
            found = row["figures"][store]
            labels = {k: v for k, v in row["labels"].items() if k in figures["columns"] and k != "width"}
            interval = None if found["low"] is None else (found["low"], found["high"])
            groups.setdefault(_group(row["labels"]), []).append(
                Bar(name_of(labels), found["identity"], interval)
            )
    return bars(groups, description=f"label identity of every network on {store}")


def _group(labels: Mapping[str, Any]) -> str:
    return f"width {labels['width']}" if "width" in labels else ""


def _curves(figures: Mapping[str, Any], store: str) -> str:
    by_filters: dict[str, list[tuple[float, float]]] = {}
    for row in figures["rows"]:
        if store in row["figures"]:
            place = (float(row["labels"]["kernel"]), row["figures"][store]["identity"])
            by_filters.setdefault(f"{row['labels']['filters']} filters", []).append(place)
    series = [
        Series(name, [x for x, _ in sorted(places)], [y for _, y in sorted(places)])
        for name, places in by_filters.items()
    ]
    values = [y for one in series for y in one.y]
    kernels = [x for one in series for x in one.x]
    low, high = min(values, default=0.0), max(values, default=1.0)
    return lines(
        series,
        Axis("kernel, samples", 0.0, max(kernels, default=1.0) + 1),
        Axis("label identity", max(0.0, low - 0.02), high + 0.02, "percent"),
        description=f"label identity by kernel on {store}",
    )


def _made(figures: Mapping[str, Any], command: str) -> dict[str, str]:
    settings = figures["settings"]
    amount = f"{settings['minutes']:g} minutes" if settings["minutes"] else f"{settings['chunks']:,} chunks"
    return {
        "command": command,
        "trained on": f"{amount} of {', '.join(settings['stores'])}, {settings['batch_size']} a step",
        "learning rate": f"{settings['lr']:g} at most; a quarter of it for networks of attention",
        "judged on": f"up to {settings['judged_chunks']:,} validation chunks of each store",
    }
