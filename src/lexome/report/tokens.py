"""The reports of `lexome lm tokenizer report` and `sweep`: tables and pages, from plain values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.report.axes import Axis, nice_range
from lexome.report.charts import Bar, Series, bars, lines, value_text
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Section, write_page
from lexome.report.tables import Table

_EXPLAINED = Table(
    ("column", "meaning"),
    (
        ("bases/token", "compression: bases over tokens, special tokens not counted"),
        ("unknown", "tokens that stand for a letter or k-mer without a token of its own"),
        ("used", "the part of the vocabulary that occurs at all"),
        (
            "changed by an edit",
            "tokens between the first and the last that differ after one random edit; mean",
        ),
        ("leak", "bases of masked tokens (15%, each by itself) that unmasked tokens show as well"),
        ("orders differ", "tokens that the longest-first order places otherwise than the order of merges"),
    ),
    align="ll",
)


def token_tables(figures: Mapping[str, Any]) -> tuple[Table, Table]:
    """Compression, and what one edit and masking do; a row per tokenizer."""
    sizes = tuple(
        (
            one["name"],
            one["kind"],
            f"{one['vocab_size']:,}",
            _number(one["bases_per_token"]),
            _number(one["token_length_bp"]["median"]),
            _number(one["token_length_bp"]["max"]),
            _percent(one["unknown_rate"]),
            _percent(one["vocab_used_rate"]),
            _percent((one["orders"] or {}).get("tokens_different_rate")),
        )
        for one in figures["tokenizers"]
    )
    edits = tuple(
        (
            one["name"],
            *(
                f"{_number(e['changed_tokens']['mean'])} ({_percent(e['changed_rate']['mean'])})"
                for e in one["edits"].values()
            ),
            _percent(one["leak"]["seen_bases_rate"]),
            _percent(one["leak"]["fully_seen_rate"]),
        )
        for one in figures["tokenizers"]
    )
    head = (
        "tokenizer",
        "kind",
        "vocabulary",
        "bases/token",
        "median bp",
        "longest bp",
        "unknown",
        "used",
        "orders differ",
    )
    said = (
        f"{figures['windows']:,} windows of up to {figures['window_bp']:,} bp, of {figures['windows_seen']:,}"
    )
    return (
        Table(head, sizes, f"Tokens of {said}", "ll" + "r" * (len(head) - 2)),
        Table(
            ("tokenizer", "substitution", "insertion", "deletion", "leak", "fully seen"),
            edits,
            "Tokens changed by one edit (of all in the window); what masked tokens' neighbours show",
        ),
    )


def sweep_table(figures: Mapping[str, Any]) -> Table:
    """A row per size of the vocabulary."""
    rows = tuple(
        (
            f"{row['vocab_size']:,}",
            _number(row["vocab_mean_length_bp"]),
            _number(row["bases_per_token"]),
            _percent(row["length_ratio"]),
            f"{row['relative_flops']:.3f}",
            "-" if row["rarest_merge"] is None else f"{row['rarest_merge']:,}",
        )
        for row in figures["sizes"]
    )
    head = ("vocabulary", "mean token bp", "bases/token", "length ratio", "relative FLOPs", "rarest merge")
    return Table(
        head, rows, f"On {figures['windows']:,} windows; FLOPs of training on 500 bp", "r" * len(head)
    )


def write_token_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of `report`.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    sizes, edits = token_tables(figures)
    first = figures["tokenizers"][0]
    cards = tuple(
        Card(label, value, first["name"])
        for label, value in (
            ("Bases per token", _number(first["bases_per_token"])),
            ("Unknown tokens", _percent(first["unknown_rate"])),
            ("Changed by an insertion", _percent(first["edits"]["insertion"]["changed_rate"]["mean"])),
        )
    )
    changed = {
        kind: [
            Bar(one["name"], one["edits"][kind]["changed_rate"]["mean"] or 0.0)
            for one in figures["tokenizers"]
        ]
        for kind in first["edits"]
    }
    leak = {"": [Bar(one["name"], one["leak"]["seen_bases_rate"] or 0.0) for one in figures["tokenizers"]]}
    charts = (
        _lengths(figures["tokenizers"]),
        Figure("Tokens changed by one edit", bars(changed, description="Share of tokens changed by one edit"),
               "Side by side, an insertion or deletion shifts all k-mers behind it."),
        Figure("Masked bases that neighbours show", bars(leak, description="Share of masked bases shown"),
               "Overlapping k-mers give away what was masked."),
    )  # fmt: skip
    sections = [
        Section("", [Cards(cards)]),
        Section("Tokens", [sizes, Figures(charts[:1])]),
        Section("One edit; leaks", [Figures(charts[1:]), edits, _EXPLAINED]),
        Section("How this was made", [Facts(_made(figures, command))]),
    ]
    write_page(path, "Tokenizers", sections, subtitle=", ".join(one["name"] for one in figures["tokenizers"]))


def write_sweep_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of `sweep`; see `write_token_page`."""
    rows = figures["sizes"]
    x = Axis("vocabulary", rows[0]["vocab_size"] / 1.2, rows[-1]["vocab_size"] * 1.2, "count", log=True)
    shown = (
        ("bases_per_token", "Bases per token", "bases per token"),
        ("vocab_mean_length_bp", "Mean length of the tokens in the vocabulary", "bp"),
        ("relative_flops", "Training FLOPs on 500 bp, relative", "relative FLOPs"),
    )
    charts = []
    for key, title, unit in shown:
        values = [row[key] for row in rows]
        y = Axis(unit, *nice_range(0.0, max(values)))
        line = Series(title, [row["vocab_size"] for row in rows], values)
        charts.append(Figure(title, lines([line], x, y, description=title)))
    sections = [
        Section("Size of the vocabulary", [Figures(tuple(charts)), sweep_table(figures)]),
        Section("How this was made", [Facts(_made(figures, command))]),
    ]
    write_page(path, "Vocabulary sizes", sections)


def _lengths(tokenizers: Sequence[Mapping[str, Any]]) -> Figure:
    """How many tokens of each length; up to four tokenizers, which are as many as there are colours."""
    drawn = [one for one in tokenizers if one["tokens"]][:4]
    longest = max([2, *(len(one["token_length_counts"]) for one in drawn)])
    series = []
    for one in drawn:
        counts = one["token_length_counts"]
        lengths = [n for n in range(1, len(counts)) if counts[n]]
        series.append(Series(one["name"], lengths, [counts[n] / one["tokens"] for n in lengths]))
    chart = lines(
        series, Axis("bp", 0, longest), Axis("tokens", 0, 1, "percent"), description="Lengths of tokens"
    )
    return Figure("Lengths of tokens", chart)


def _made(figures: Mapping[str, Any], command: str) -> dict[str, str]:
    return {"command": command, **{key: str(value) for key, value in figures["made"].items()}}


def _number(value: float | None) -> str:
    return "-" if value is None else value_text(value, "number")


def _percent(value: float | None) -> str:
    return "-" if value is None else value_text(value, "percent")
