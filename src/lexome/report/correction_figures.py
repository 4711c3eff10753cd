"""The charts of `lexome evaluate correction`, from the figures' plain values."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from lexome.report.axes import WIDTH, Axis, drawing, label, nice_range, number
from lexome.report.charts import Bar, Series, bars, lines, value_text
from lexome.report.page import Figure, Figures, Prose
from lexome.report.tables import Table

KINDS = ("mismatch", "insertion", "deletion")
_PLURAL = {"mismatch": "mismatches", "insertion": "insertions", "deletion": "deletions"}
_FEWEST_BASES = 100
_LEFT, _RIGHT, _BAR, _STEP = 90, WIDTH - 70, 24, 38

Sets = Mapping[str, Mapping[str, Any]]


def error_figures(sets: Sets) -> Figures | Prose:
    """What kinds of errors each set has, in homopolymers and elsewhere, as stacked bars.

    Args:
        sets: figures of each set of reads, by name.
    """
    rates = {name: _rates(one) for name, one in sets.items() if one["truth_bases"]}
    if not rates:
        return Prose("No read could be aligned to its truth.")
    rows = tuple(
        (name, _PLURAL[kind], where, f"{sets[name][key]:,}", f"{rate:.4f}")
        for name, parts in rates.items()
        for (kind, where, key, rate) in parts
    )
    data = Table(("reads", "error", "where", "count", "per kb"), rows, align="lllrr")
    caption = "Per 1000 true bases. Full colour: in homopolymers of 3 and more; pale: elsewhere."
    drawn = _stacked({name: [part[3] for part in parts] for name, parts in rates.items()})
    return Figures((Figure("Errors by kind", drawn, caption, data),))


def _rates(one: Mapping[str, Any]) -> list[tuple[str, str, str, float]]:
    keys = [
        (kind, where, f"{prefix}_{_PLURAL[kind]}")
        for kind in KINDS
        for prefix, where in (("hp", "homopolymer"), ("non_hp", "elsewhere"))
    ]
    return [(kind, where, key, 1000.0 * one[key] / one["truth_bases"]) for kind, where, key in keys]


def _stacked(rows: Mapping[str, Sequence[float]]) -> str:
    """One bar per set of six parts: each kind in homopolymers (full colour) and elsewhere (pale)."""
    scale = Axis("", 0.0, max(1e-9, *(sum(parts) for parts in rows.values())))
    out, at = [], float(_LEFT)
    for index, kind in enumerate(KINDS, 1):
        out.append(f'<rect class="c{index}" x="{number(at)}" y="4" width="12" height="12"/>')
        out.append(label(at + 18, 14, _PLURAL[kind], anchor="start", style="note"))
        at += 40 + 7.0 * len(_PLURAL[kind])
    y = 28.0
    for name, parts in rows.items():
        out.append(label(_LEFT - 10, y + 17, name, anchor="end"))
        left = 0.0
        for part, rate in enumerate(parts):
            start, end = (_LEFT + (_RIGHT - _LEFT) * scale.place(v) for v in (left, left + rate))
            left += rate
            shade = "" if part % 2 == 0 else " s2"
            where = "in homopolymers" if part % 2 == 0 else "elsewhere"
            title = f"{name}, {_PLURAL[KINDS[part // 2]]} {where}: {rate:.3g} per kb"
            box = f'x="{number(start)}" y="{number(y)}" width="{number(end - start)}" height="{_BAR}"'
            if rate:
                out.append(
                    f'<rect class="c{part // 2 + 1}{shade}" {box}><title>{escape(title)}</title></rect>'
                )
        end = _LEFT + (_RIGHT - _LEFT) * scale.place(left)
        out.append(label(end + 8, y + 17, f"{left:.3g} per kb", anchor="start", style="value"))
        y += _STEP
    return drawing("".join(out), "Errors per 1000 true bases by kind, in homopolymers and elsewhere", y)


def yield_figures(sets: Sets, truth_bases: int, min_quality: float) -> Figures:
    """Bases of good enough reads, of all true bases.

    Args:
        sets: figures of each set of reads, by name.
        truth_bases: of all molecules.
        min_quality: which reads count.
    """
    groups = {
        f"identity of {identity} (Q{level})": [
            Bar(name, one[f"bases_q{level}"] / truth_bases) for name, one in sets.items()
        ]
        for level, identity in ((20, "99%"), (30, "99.9%"), (40, "99.99%"))
    }
    rows = tuple(
        (name, f"Q{level}", f"{one[f'reads_q{level}']:,}", f"{one[f'bases_q{level}']:,}")
        + (value_text(one[f"bases_q{level}"] / truth_bases, "percent"),)
        for name, one in sets.items()
        for level in (20, 30, 40)
    )
    data = Table(("reads of", "level", "reads", "bases", "of true bases"), rows, align="llrrr")
    caption = (
        f"Bases of reads with a predicted quality of {min_quality:g} or more and this identity, over all "
        "true bases: a molecule without a read lowers it. A majority vote has no qualities, none is filtered."
    )
    drawn = bars(groups, description="Bases of reads of an identity, by set of reads")
    return Figures((Figure("Yield", drawn, caption, data),))


def quality_figures(sets: Sets) -> Figures | Prose:
    """Empirical against predicted quality, of bases and of reads."""
    bases = _curves(sets, "q_predicted_vs_empirical", "bases", 0.0, _FEWEST_BASES)
    reads = _curves(sets, "read_q_predicted_vs_empirical", "reads", 2.5, 1)
    shown = []
    for name, curves, caption in (
        (
            "Bases",
            bases,
            f"Bases by predicted quality; bins under {_FEWEST_BASES} bases or without an error are left out. "
            "A base is wrong if it is a mismatch, inserted, or the next one after lost bases.",
        ),
        ("Reads", reads, "Reads in bins of 5 by mean predicted quality; empirical: edits per column."),
    ):
        if not curves:
            continue
        top = nice_range(0.0, max(max(*one.x, *one.y) for one in curves))[1]
        axes = (Axis("predicted Q", 0.0, top), Axis("empirical Q", 0.0, top))
        drawn = lines(
            curves, *axes, diagonal="as predicted", description=f"Empirical against predicted Q: {name}"
        )
        shown.append(Figure(f"{name}: is a Q what it says?", drawn, caption))
    return Figures(tuple(shown)) if shown else Prose("No read has qualities, or no base is wrong.")


def _curves(sets: Sets, key: str, counted: str, middle: float, fewest: int) -> list[Series]:
    curves = []
    for name, one in sets.items():
        rows = [row for row in one[key] if row["q_empirical"] is not None and row[counted] >= fewest]
        if rows:
            most = max(row[counted] for row in rows)
            curves.append(
                Series(
                    name,
                    [row["q_predicted"] + middle for row in rows],
                    [row["q_empirical"] for row in rows],
                    weight=[row[counted] / most for row in rows],
                )
            )
    return curves
