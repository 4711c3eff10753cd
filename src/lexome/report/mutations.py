"""The tables and the page of `lexome lm mutate`, from plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.report.cladogram import cladogram
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Section, write_page
from lexome.report.tables import Table

SETS = {"all": "All pairs", "changed": "Pairs whose child is another sequence than its parent"}
RIGHT, AMONG, WRONG = "right", "among the five", "wrong"
COLOURS = {RIGHT: "c3", AMONG: "c1", WRONG: "c2"}
_COLUMNS = ("top1", "top5", "mean_distance", "median_distance")


@dataclass(frozen=True)
class Foretold:
    """What became of the branches of a tree.

    Attributes:
        system: who foretold.
        parents: of every node, before it; -1 for the root.
        outcomes: of the branch above every node: a key of `COLOURS`, or "" for those not asked for.
        is_changed: whether the branch changes the sequence.
    """

    system: str
    parents: Sequence[int]
    outcomes: Sequence[str]
    is_changed: Sequence[bool]


def mutation_tables(figures: Mapping[str, Any]) -> list[Table]:
    """Table 5: a row per predictor, for all pairs and for those that changed."""
    return [_table(figures, name, title) for name, title in SETS.items()]


def _table(figures: Mapping[str, Any], name: str, title: str) -> Table:
    rows = tuple(
        (system["name"], system["kind"], *(_cell(system[name][column], column) for column in _COLUMNS))
        for system in figures["systems"]
    )
    count, parents = figures["pairs"][name], figures["parents"][name]
    caption = f"{title}: {count} of {parents} different parents"
    return Table(("predictor", "kind", "Top-1", "Top-5", "mean LD", "median LD"), rows, caption, "llrrrr")


def _cell(figure: Mapping[str, Any], column: str) -> str:
    value, both = figure["value"], figure["interval"]
    if value is None:
        return "-"
    scale, digits = (100, 1) if column.startswith("top") else (1, 0 if column.startswith("median") else 2)
    sign = "%" if scale == 100 else ""
    text = f"{scale * value:.{digits}f}{sign}" if scale == 100 or digits else f"{value:g}"
    return text if both is None else f"{text} ({scale * both[0]:.{digits}f}-{scale * both[1]:.{digits}f})"


def counts_tables(figures: Mapping[str, Any]) -> list[Table]:
    """What `prepare` counted: the pairs of every set, and the substitutions."""
    rows = tuple(
        (name, *(f"{one[key]:,}" for key in ("pairs", "changed", "different_parents", "different_sequences")))
        for name, one in figures["sets"].items()
    )
    sets = Table(("set", "pairs", "changed", "parents", "sequences"), rows, "Pairs of parent and child")
    spectrum = figures["sets"]["all"]["spectrum"]
    total = max(sum(spectrum.values()), 1)
    kinds = tuple((kind, f"{count:,}", f"{count / total:.1%}") for kind, count in spectrum.items())
    return [sets, Table(("substitution", "count", "share"), kinds, "Substitutions between parent and child")]


def write_mutation_page(
    path: Path, figures: Mapping[str, Any], foretold: Sequence[Foretold] = (), *, command: str
) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        foretold: trees to draw, one for each model.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    sections = [Section("", [Cards(tuple(_cards(figures)))])]
    lead = (
        "Top-1: the first child foretold is the true one, to the letter; Top-5: one of the first five is. "
        "LD: edits between the first one and the true child. In brackets 95% intervals over parents. Copying "
        "the parent is what a model must beat; the ceiling is the best that a map from parents to children "
        "can reach."
    )
    sections.append(Section("How well children are foretold", mutation_tables(figures), lead=lead))
    if foretold:
        drawn = tuple(_tree(one) for one in foretold)
        sections.append(Section("Where in the tree", [Figures(drawn)]))
    made = {
        "command": command, "pairs": f"{figures['file']}, set '{figures['split']}'",
        "lexome": figures["lexome_version"],
    }  # fmt: skip
    sections.append(Section("How this was made", [Facts(made)]))
    write_page(path, "Mutations", sections, subtitle="Children of sequences, foretold and true")


def _cards(figures: Mapping[str, Any]) -> list[Card]:
    best = next((s for s in figures["systems"] if s["kind"] == "model"), figures["systems"][0])
    copy = next(s for s in figures["systems"] if s["name"] == "copy the parent")
    note = f"copy: {_cell(copy['all']['top1'], 'top1')}"
    return [
        Card(f"Top-1 of {best['name']}", _cell(best["all"]["top1"], "top1").split(" ")[0], note),
        Card("Top-5, changed pairs", _cell(best["changed"]["top5"], "top5").split(" ")[0]),
        Card("pairs", f"{figures['pairs']['all']:,}", f"{figures['pairs']['changed']:,} changed"),
    ]


def _tree(one: Foretold) -> Figure:
    svg = cladogram(
        one.parents, one.outcomes, COLOURS, dots=one.is_changed, description=f"Cladogram: {one.system}"
    )
    caption = (
        "The root is in the middle, every branch a pair of parent and child. Coloured: the pairs that were "
        "foretold; with a dot: the child differs from its parent. Grey: pairs of other sets."
    )
    return Figure(one.system, svg, caption)
