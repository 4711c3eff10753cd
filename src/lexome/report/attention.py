"""The report of `lexome evaluate attention`: a table and a page with heat maps, from plain values."""

from collections.abc import Mapping, Sequence
from math import exp
from pathlib import Path
from typing import Any

from lexome.report.charts import value_text
from lexome.report.heatmap import HeatMap, heat_map
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Section, write_page
from lexome.report.similarity import layer_name
from lexome.report.tables import Table

EVEN = "even"
_MOST_COLUMNS = 51  # of offsets; more are put together
_TICKS = 6


def layer_names(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """The layers' modules for a reader: without what all of them end with."""
    parts = [layer_name(layer["module"]).split(".") for layer in layers]
    while len(parts) > 1 and all(len(p) > 1 and p[-1] == parts[0][-1] for p in parts):
        parts = [p[:-1] for p in parts]
    return [".".join(p) for p in parts]


def attention_table(figures: Mapping[str, Any]) -> Table:
    """Every head of every layer, and even attention below them."""
    rows = [
        (
            name,
            head,
            f"{values['distance']:.2f}",
            _ends(values["intervals"]["distance"]) if head != EVEN else "",
            f"{values['offset']:+.2f}",
            f"{values['entropy_nats']:.2f}",
            value_text(values["near"], "percent"),
            "-" if values["edge"] is None else value_text(values["edge"], "percent"),
        )
        for name, layer in zip(layer_names(figures["layers"]), figures["layers"], strict=True)
        for head, values in _heads(layer)
    ]
    columns = ("layer", "head", "distance", "95%", "offset", "entropy", "within 1", "at the edge")
    caption = (
        f"Attention of {figures['model']['name']}: distances in {figures['unit']}, entropy in nats; "
        f"'{EVEN}': spread evenly over all that may be seen"
    )
    return Table(columns, tuple(rows), caption, "llrrrrrr")


def _heads(layer: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [*((str(i), head) for i, head in enumerate(layer["heads"], 1)), (EVEN, layer["even"])]


def _ends(interval: Sequence[float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.2f}–{interval[1]:.2f}"


def write_attention_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of one network.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    unit = figures["unit"]
    sections = [
        Section("", [_cards(figures)]),
        Section("Head by head", [_figures(figures)], lead=_LEAD.format(unit=unit)),
        Section("Where they look", [_offsets(figures)]),
        Section("All figures", [attention_table(figures)]),
        Section("How this was made", [Facts(_made(figures, command))]),
    ]
    write_page(path, "Where the attention looks", sections, subtitle=figures["model"]["name"])


_LEAD = (
    "Averages over all {unit} that look. The baseline is attention spread evenly over all that a layer may "
    "look at: a head at its distance need not be spread like it, so see the entropy, too."
)


def _cards(figures: Mapping[str, Any]) -> Cards:
    heads = [head for layer in figures["layers"] for head in layer["heads"]]
    even = [layer["even"] for layer in figures["layers"]]
    distance = sum(head["distance"] for head in heads) / len(heads)
    entropy = sum(head["entropy_nats"] for head in heads) / len(heads)
    by_chance = sum(one["distance"] for one in even) / len(even)
    spread = sum(one["entropy_nats"] for one in even) / len(even)
    noun = "windows" if "windows" in figures else "chunks"
    cards = [
        Card("Mean distance", f"{distance:.2f}", f"{figures['unit']}; spread evenly: {by_chance:.2f}"),
        Card(
            "Looked at", f"{exp(entropy):.1f}", f"{figures['unit']} (exp of entropy); even: {exp(spread):.1f}"
        ),
        Card("Heads", str(len(heads)), f"in {len(figures['layers'])} layers"),
        Card("Averaged over", f"{figures[noun]:,}", f"{noun} of {figures['reads']:,} reads"),
    ]
    return Cards(tuple(cards))


def _figures(figures: Mapping[str, Any]) -> Figures:
    layers = figures["layers"]
    names = layer_names(layers)
    number = max(len(layer["heads"]) for layer in layers)
    columns = [*(str(i) for i in range(1, number + 1)), EVEN]
    drawn = []
    for key, title, caption in (
        ("distance", "Distance", f"Mean |i - j| of what is looked at, in {figures['unit']}."),
        ("entropy_nats", "Entropy", "Of the weights, in nats: 0 if one position gets all of it."),
    ):
        values = [
            [
                *(head[key] for head in layer["heads"]),
                *[None] * (number - len(layer["heads"])),
                layer["even"][key],
            ]
            for layer in layers
        ]
        high = max(value for row in values for value in row if value is not None)
        picture = HeatMap(values, names, columns, 0.0, high or 1.0, across="head", down="layer")
        drawn.append(Figure(title, heat_map(picture, f"{title} of every head"), caption))
    return Figures(tuple(drawn))


def _offsets(figures: Mapping[str, Any]) -> Figures:
    """The mass of every head by offset; heads of layers that see other offsets in a figure of their own."""
    groups: dict[tuple[int, ...], list[tuple[str, Sequence[float]]]] = {}
    for name, layer in zip(layer_names(figures["layers"]), figures["layers"], strict=True):
        rows = groups.setdefault(tuple(layer["offsets"]), [])
        rows += [(f"{name}, {head}", values["mass"]) for head, values in _heads(layer) if head != EVEN]
    drawn = []
    for offsets, rows in groups.items():
        per_cell = -(-len(offsets) // _MOST_COLUMNS)
        starts = range(0, len(offsets), per_cell)
        values = [[sum(mass[start : start + per_cell]) for start in starts] for _, mass in rows]
        ticks = {i for i, start in enumerate(starts) if i % max(1, len(starts) // _TICKS) == 0}
        columns = [
            f"{offsets[start]:+d}".replace("+0", "0") if i in ticks else "" for i, start in enumerate(starts)
        ]
        high = max(max(row) for row in values) or 1.0
        picture = HeatMap(
            values, [name for name, _ in rows], columns, 0.0, high, 3, f"offset in {figures['unit']}"
        )
        wide = f", {per_cell} offsets in a cell" if per_cell > 1 else ""
        caption = (
            f"Part of each head's attention (layer, head) by offset from the position that looks{wide}; the "
            f"darkest is {value_text(high, 'percent')}."
        )
        drawn.append(Figure("Attention by offset", heat_map(picture, "Attention by offset"), caption))
    return Figures(tuple(drawn))


def _made(figures: Mapping[str, Any], command: str) -> dict[str, str]:
    bootstrap = figures["bootstrap"]
    return {
        "command": command,
        "model": figures["model"]["model"],
        "store": f"{figures['store']}, {figures['split']}",
        "lexome": figures["lexome_version"],
        "intervals": f"{100 * bootstrap['level']:g}%, percentile bootstrap over reads, "
        f"{bootstrap['resamples']} resamples, seed {bootstrap['seed']}",
    }
