"""Tables and page of `lexome lm gue`, from plain values, in the form of the tables of the DNABERT-2 paper."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.report.charts import Bar, bars
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Prose, Section, write_page
from lexome.report.tables import Table

NONE = "-"
PUBLISHED = "DNABERT-2, published"
_NAMES = {"kmer": "k-mer regression", "cnn": "CNN"}
_BASES = {"kmer": "k-mer regression", "cnn": "the CNN"}
_MAY_DIFFER = ("seed", "architecture")  # the CNN keeps stretches apart on some sets
_TOLD = ("method", "pooling", "epochs", "batch_size", "lr", "average_decay", "pretrain_epochs", "seed")


def gue_tables(figures: Mapping[str, Any]) -> list[Table]:
    """Scores by set, averages, contenders, differences to the baselines, footnotes."""
    return [
        *(_scores(figures, group) for group in _groups(figures)),
        _averages(figures),
        _contenders(figures),
        *(table for base in _BASES if (table := _differences(figures, base)).rows),
        footnotes(figures),
    ]


def write_gue_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    sections = [
        Section("", [Cards(_cards(figures))]),
        Section("Contenders", [_contenders(figures), _averages(figures)], _LEAD),
    ]
    for group in _groups(figures):
        rows = [row for row in figures["sets"] if row["group"] == group]
        drawn = {f"{row['name']}: {row['metric']}": _bars(row, figures["contenders"]) for row in rows}
        chart = Figure(group, bars(drawn, description=f"Scores of the sets of {group}"), _CAPTION)
        sections.append(Section(_title(figures, group), [Figures((chart,)), _scores(figures, group)]))
    differences = [table for base in _BASES if (table := _differences(figures, base)).rows]
    if differences:
        sections.append(Section("Differences", differences, "On the same resampled sequences."))
    sections += [
        Section("Footnotes", [footnotes(figures), Prose(_HOW)]),
        Section("How this was made", [Facts({"command": command, **_made(figures)})]),
    ]
    write_page(path, "Benchmarks of language models", sections, subtitle=", ".join(_names(figures)))


_LEAD = "Scores in percent; in brackets 95% bootstrap intervals over the tested sequences."
_CAPTION = "Whiskers: 95% bootstrap intervals over the tested sequences. What is below 0 is drawn at 0."
_HOW = (
    "Intervals say how much a score depends on which sequences are tested, not on the seed of a training. "
    "Several seeds count as their mean. Relative FLOPs: of training on the same bases, "
    "six per parameter and token, next to DNABERT-2 with 4.9 bases per token; vocabulary tables do not count."
)


def _shown(name: str) -> str:
    """A contender's name for a reader."""
    return _NAMES.get(name, name)


def _names(figures: Mapping[str, Any]) -> list[str]:
    return [_shown(name) for name in figures["contenders"]]


def _groups(figures: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["group"] for row in figures["sets"]))


def _title(figures: Mapping[str, Any], group: str) -> str:
    found = next(row for row in figures["averages"] if row["label"] == group)
    return group if found["title"] == group else f"{group}: {found['title']}"


def _scores(figures: Mapping[str, Any], group: str) -> Table:
    names = figures["contenders"]
    rows = []
    for row in figures["sets"]:
        if row["group"] != group:
            continue
        cells = [_score(row["scores"].get(name)) for name in names]
        published = NONE if row["published"] is None else f"{row['published']:.2f}"
        mark = f"{row['name']} [{_marks(figures)[row['protocol']['text']]}]"
        rows.append((mark, row["metric"], str(row["sizes"]["tested"]), *cells, published))
    head = ("set", "figure", "tested", *_names(figures), PUBLISHED)
    return Table(head, tuple(rows), _title(figures, group), "ll" + "r" * (len(head) - 2))


def _marks(figures: Mapping[str, Any]) -> dict[str, str]:
    """A letter for every protocol."""
    texts = dict.fromkeys(row["protocol"]["text"] for row in figures["sets"])
    return {text: chr(ord("a") + i) for i, text in enumerate(texts)}


def _averages(figures: Mapping[str, Any]) -> Table:
    names, rows = figures["contenders"], []
    for row in figures["averages"]:
        published = NONE if row["published"] is None else f"{row['published']:.2f}"
        is_group = any(one["group"] == row["label"] for one in figures["sets"])
        for kind in ("macro",) if is_group else ("macro", "micro"):
            cells = [_score(row["macro"][name]) if kind == "macro" else _percent(row["micro"][name])
                     for name in names]  # fmt: skip
            shown = published if kind == "macro" else NONE
            rows.append((f"{row['label']}, {kind}", str(row["sets"]), *cells, shown))
    return Table(
        ("average", "sets", *_names(figures), PUBLISHED), tuple(rows),
        "Averages, percent; macro: all sets alike, micro: by tested sequences",
    )  # fmt: skip


def _contenders(figures: Mapping[str, Any]) -> Table:
    rows = []
    everything = figures["averages"][-1]
    for name in figures["contenders"]:
        ranks, cost = figures["ranks"][name], figures["costs"][name]
        rows.append(
            (
                _shown(name),
                _count(cost["parameters"]),
                NONE if cost["relative_flops"] is None else f"{cost['relative_flops'][1]:.4f}",
                NONE if cost["bases_per_token"] is None else f"{cost['bases_per_token'][1]:.2f}",
                f"{cost['cpu_s'] / 60:.1f}",
                str(ranks["sets"]),
                f"{ranks['first']} | {ranks['second']}",
                *(_wins(ranks["wins"][base]) for base in _BASES),
                _percent(everything["macro"][name]["value"]),
            )
        )
    head = (
        "contender", "parameters", "relative FLOPs", "bases/token", "CPU min", "sets", "first | second",
        "beats k-mers (clearly)", "beats CNN (clearly)", "average",
    )  # fmt: skip
    return Table(head, tuple(rows), "Contenders")


def _differences(figures: Mapping[str, Any], base: str) -> Table:
    names = [name for name in figures["contenders"] if name not in ("majority", base)]
    rows = []
    for row in figures["sets"]:
        found = row["differences"][base]
        if any(name in found for name in names):
            rows.append((row["name"], *(_score(found.get(name), sign="+") for name in names)))
    for average in figures["averages"] if rows else ():
        cells = (_score(average["differences"][base].get(name), sign="+") for name in names)
        rows.append((f"{average['label']}, average", *cells))
    shown = (_shown(name) for name in names)
    return Table(("set", *shown), tuple(rows), f"Difference to {_BASES[base]}, percent points")


def footnotes(figures: Mapping[str, Any]) -> Table:
    """What the marks mean, and what is to be known of the sets."""
    rows = [
        (f"[{mark}]", text + ("" if _is_published(figures, text) else "; not the published protocol"))
        for text, mark in _marks(figures).items()
    ]
    rows.append((NONE, "not run, or not on all sets of the row; published scores stand beside published "
                 "protocols only"))  # fmt: skip
    for row in figures["sets"]:
        if row["leakage"]["same"] + row["leakage"]["reverse"]:
            rows.append((row["name"], "; ".join(dict.fromkeys(row["leakage"]["lines"]))))
    for name, settings in figures["settings"].items():
        differing = [key for key in settings if key not in _MAY_DIFFER and len(settings[key]) > 1]
        if differing:
            told = ", ".join(f"{key} {' and '.join(map(str, settings[key]))}" for key in differing)
            rows.append((_shown(name), f"not made in the same way everywhere: {told}"))
    for note in dict.fromkeys(row["note"] for row in figures["sets"] if row["note"]):
        rows.append((", ".join(row["name"] for row in figures["sets"] if row["note"] == note), note))
    return Table(("mark", "meaning"), tuple(rows), "Footnotes", "ll")


def _is_published(figures: Mapping[str, Any], text: str) -> bool:
    return any(row["protocol"]["published"] for row in figures["sets"] if row["protocol"]["text"] == text)


def _cards(figures: Mapping[str, Any]) -> tuple[Card, ...]:
    everything = figures["averages"][-1]
    ranked = sorted(
        ((one["value"], name) for name, one in everything["macro"].items() if one["value"] is not None),
        reverse=True,
    )
    note = f"average of {everything['sets']} sets"
    return tuple(Card(_shown(name), f"{100 * value:.1f}", note) for value, name in ranked[:4])


def _bars(row: Mapping[str, Any], names: Sequence[str]) -> list[Bar]:
    made = []
    for name in names:
        score = row["scores"].get(name)
        if score is not None and score["value"] is not None:
            ends = score["interval"]
            whisker = None if ends is None else (max(0.0, ends[0]), max(0.0, ends[1]))
            label = _shown(name).removeprefix("scratch:")  # there is little room
            made.append(Bar(label, score["value"], whisker))
    return made


def _made(figures: Mapping[str, Any]) -> dict[str, str]:
    """How each network was trained."""
    told = {}
    for name, settings in figures["settings"].items():
        parts = [f"{key} {', '.join(map(str, settings[key]))}" for key in _TOLD if key in settings]
        if "architecture" in settings:
            told[_shown(name)] = "; ".join(parts)
    return told


def _score(score: Mapping[str, Any] | None, sign: str = "") -> str:
    if score is None or score["value"] is None:
        return NONE
    shown = f"{100 * score['value']:{sign}.1f}"
    if score["interval"] is None:
        return shown
    low, high = (f"{100 * end:{sign}.1f}" for end in score["interval"])
    return f"{shown} ({low} to {high})"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.1f}"


def _count(spread: Sequence[float] | None) -> str:
    if spread is None:
        return NONE
    low, high = f"{spread[0]:,.0f}", f"{spread[2]:,.0f}"
    return low if low == high else f"{low} to {high}"


def _wins(wins: Mapping[str, int]) -> str:
    return f"{wins['wins']} of {wins['sets']} ({wins['clear_wins']})" if wins["sets"] else NONE
