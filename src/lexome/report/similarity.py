"""The report of `lexome evaluate similarity`: tables and a page with heat maps, from plain values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.report.heatmap import HeatMap, heat_map
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Section, write_page
from lexome.report.tables import Table

Matrix = Sequence[Sequence[float | None]]

ENCODER = "encoder."


def layer_name(name: str) -> str:
    """A layer's name for a reader: without the part that nearly all have."""
    return name.removeprefix(ENCODER)


def similarity_tables(figures: Mapping[str, Any]) -> tuple[Table, Table, Table]:
    """CKA of the layers, the same with the second network before training, and each layer's best match."""
    first, second = figures["model_a"], figures["model_b"]
    rows = [layer_name(name) for name in first["layers"]]
    columns = [layer_name(name) for name in second["layers"]]
    named = f"{first['name']} (rows) and {second['name']} (columns)"
    return (
        _matrix(f"Linear CKA of the layers of {named}", rows, columns, figures["cka"]),
        _matrix("The same with the second network before training", rows, columns, figures["cka_untrained"]),
        _matches(rows, columns, figures),
    )


def _matrix(caption: str, rows: Sequence[str], columns: Sequence[str], values: Matrix) -> Table:
    body = [(row, *map(_text, line)) for row, line in zip(rows, values, strict=True)]
    return Table(("layer", *columns), tuple(body), caption)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _matches(rows: Sequence[str], columns: Sequence[str], figures: Mapping[str, Any]) -> Table:
    body = []
    for row, values, untrained in zip(rows, figures["cka"], figures["cka_untrained"], strict=True):
        known = [(value, c) for c, value in enumerate(values) if value is not None]
        best = max(known, default=None)
        if best is None:
            body.append((row, "-", "-", "-"))
        else:
            body.append((row, columns[best[1]], _text(best[0]), _text(untrained[best[1]])))
    head = ("layer", "most like", "CKA", "before training")
    caption = f"For every layer of {figures['model_a']['name']}, the likest of {figures['model_b']['name']}"
    return Table(head, tuple(body), caption, "llrr")


def write_similarity_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of one comparison.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    first, second = figures["model_a"]["name"], figures["model_b"]["name"]
    sections = [
        Section("", [_cards(figures)]),
        Section("Layer by layer", [_maps(figures)], lead=_LEAD),
        Section("Best matches", [similarity_tables(figures)[2]]),
        Section("How this was made", [Facts(_made(figures, command))]),
    ]
    title = "How alike two networks represent their input"
    write_page(path, title, sections, subtitle=f"{first} and {second}")


_LEAD = (
    "Linear centred kernel alignment (CKA): 1 if one layer's features are the other's turned, mirrored and "
    "scaled, 0 if they have nothing to do with each other. Two networks on the same input are alike in part "
    "because of that input: compare with the map of the second network before its training."
)


def _maps(figures: Mapping[str, Any]) -> Figures:
    first, second = figures["model_a"], figures["model_b"]
    tables = similarity_tables(figures)
    drawn = []
    for key, title, table in (
        ("cka", "Trained", tables[0]),
        ("cka_untrained", f"{second['name']} before training", tables[1]),
    ):
        picture = HeatMap(
            figures[key],
            [layer_name(name) for name in first["layers"]],
            [layer_name(name) for name in second["layers"]],
            across=f"layers of {second['name']}",
            down=f"layers of {first['name']}",
        )
        caption = "Unbiased estimate; the darker, the more alike." + (
            " Empty: layers with another number of steps." if _has_gaps(figures[key]) else ""
        )
        drawn.append(Figure(title, heat_map(picture, f"CKA between layers, {title}"), caption, table))
    return Figures(tuple(drawn))


def _has_gaps(values: Matrix) -> bool:
    return any(value is None for row in values for value in row)


def _cards(figures: Mapping[str, Any]) -> Cards:
    best = [max((v for v in row if v is not None), default=None) for row in figures["cka"]]
    known = [value for value in best if value is not None]
    noun = "windows" if "windows" in figures else "chunks"
    positions = max(max(row) for row in figures["positions"])
    cards = [
        Card("Mean of the best matches", _text(sum(known) / len(known)) if known else "-", "over the layers"),
        Card("Lowest best match", _text(min(known)) if known else "-"),
        Card("Layers", f"{len(figures['cka'])} and {len(figures['cka'][0])}"),
        Card("Compared on", f"{figures[noun]:,}", f"{noun}, {positions:,} positions"),
    ]
    return Cards(tuple(cards))


def _made(figures: Mapping[str, Any], command: str) -> dict[str, str]:
    return {
        "command": command,
        "first": figures["model_a"]["model"],
        "second": figures["model_b"]["model"],
        "store": f"{figures['store']}, {figures['split']}",
        "lexome": figures["lexome_version"],
    }
