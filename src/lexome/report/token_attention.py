"""The page of `lexome lm attention`: maps of tokens, from plain values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.report.heatmap import HeatMap, heat_map
from lexome.report.page import Facts, Figure, Figures, Section, write_page
from lexome.report.tables import Table

MOST_CELLS = 64  # along a side; more tokens share cells
_NAMED = 40  # so many columns can be named one by one
_TICKS = 8


def head_table(figures: Mapping[str, Any]) -> Table:
    """Every head: how far it looks and how widely, on average over the sequences."""
    sums: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
    for one in figures["sequences"]:
        for head in one["heads"]:
            sums.setdefault((head["layer"], head["head"]), []).append(head)
    rows = tuple(
        (
            str(layer),
            str(head),
            f"{sum(h['distance_tokens'] for h in heads) / len(heads):.2f}",
            f"{sum(h['entropy_nats'] for h in heads) / len(heads):.2f}",
        )
        for (layer, head), heads in sums.items()
    )
    caption = f"Attention of {figures['model']}: mean distance in tokens, entropy in nats"
    return Table(("layer", "head", "distance", "entropy"), rows, caption, "llrr")


def write_token_attention_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    sections = [
        Section(one["name"], [Figures(tuple(_figure(one, m) for m in one["maps"]))], lead=_lead(one))
        for one in figures["sequences"]
    ]
    sections.append(Section("Heads", [head_table(figures)]))
    made = {"command": command, "model": figures["model"], "lexome": figures["lexome_version"]}
    sections.append(Section("How this was made", [Facts(made)]))
    write_page(path, "Attention of tokens", sections, subtitle=figures["model"])


def _lead(one: Mapping[str, Any]) -> str:
    said = f"{max(one['ends'])} bases in {len(one['tokens'])} tokens. "
    said += "A row is a token that looks, a column one that is looked at; "
    has_global = any("to_global_tokens" in head for head in one["heads"])
    said += "what a row lacks to 1 goes to global tokens." if has_global else "rows sum to 1."
    per_cell = _per_cell(one)
    if per_cell > 1:
        said += f" {per_cell} tokens share a cell: the mean of those that look, the sum of those looked at."
    return said


def _per_cell(one: Mapping[str, Any]) -> int:
    return -(-len(one["tokens"]) // MOST_CELLS)


def _figure(one: Mapping[str, Any], drawn: Mapping[str, Any]) -> Figure:
    per_cell = _per_cell(one)
    values = binned(drawn["weights"], per_cell)
    starts = range(0, len(one["tokens"]), per_cell)
    names = [_name(one, start) for start in starts]
    every = max(1, len(names) // _TICKS)
    columns = names if len(names) <= _NAMED else [n if i % every == 0 else "" for i, n in enumerate(names)]
    high = max(max(row) for row in values) or 1.0
    title = ", ".join(
        f"{'mean over ' + what + 's' if drawn[what] == 'mean' else f'{what} {drawn[what]}'}"
        for what in ("layer", "head")
    )
    picture = HeatMap(values, names, columns, 0.0, high, 3, "looked at", "looks")
    return Figure(
        title.capitalize(),
        heat_map(picture, f"Attention of {one['name']}, {title}"),
        f"The darkest cell is {high:.3f}.",
    )


def _name(one: Mapping[str, Any], token: int) -> str:
    """A token and the base where it begins, from 1; special tokens have none."""
    start, end = one["starts"][token], one["ends"][token]
    return one["tokens"][token] if start == end else f"{start + 1} {one['tokens'][token]}"


def binned(weights: Sequence[Sequence[float]], per_cell: int) -> list[list[float]]:
    """Puts tokens together: the mean over rows, the sum over columns, so that rows still sum to 1."""
    starts = range(0, len(weights), per_cell)
    sums = [[sum(row[c : c + per_cell]) for c in starts] for row in weights]
    cells = []
    for r in starts:
        rows = sums[r : r + per_cell]
        cells.append([sum(column) / len(rows) for column in zip(*rows, strict=True)])
    return cells
