"""The charts of `lexome evaluate reads`, from the figures' plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lexome.report.axes import Axis, nice_range
from lexome.report.charts import Bar, Series, bars, histogram, lines, points, value_text
from lexome.report.page import Figure, Figures, Prose
from lexome.report.tables import Table

_FEWEST_BASES = 100  # a point of the quality curve, or a 3-mer, rests on at least this many bases
_FEWEST_RUNS = 20  # and one of a homopolymer curve on this many runs
_WORST = 12


def identity_figures(figures: Mapping[str, Any], identity: np.ndarray, length_bp: np.ndarray) -> Figures:
    """Identity of the mapped reads as a histogram, and against their length.

    Args:
        figures: the figures as plain values.
        identity: identity of each mapped read, shape (M,).
        length_bp: length of each mapped read, shape (M,).
    """
    low = min(float(np.percentile(identity, 1)), float(identity.max()) - 0.02)
    low = max(0.0, nice_range(low, float(identity.max()))[0])
    x = Axis("identity", low, 1.0, "percent")
    below = int((identity < low).sum())
    outside = f" ({below:,} below {x.text(low)} {{}})" if below else ""
    spread = histogram(
        identity,
        x,
        counted="reads",
        bins=min(60, max(12, int(2 * len(identity) ** 0.5))),
        marks={f"median {value_text(figures['identity_median'], 'percent')}": figures["identity_median"]},
    )
    cloud = points(
        length_bp.astype(np.float64),
        identity,
        Axis(
            "read length (bases)",
            float(length_bp.min()) / 1.2,
            float(length_bp.max()) * 1.2,
            "count",
            log=True,
        ),
        Axis("identity", low, 1.0, "percent"),
        description="Identity of each read against its length",
    )
    where = outside.format("in the first bar"), outside.format("on the lower edge")
    return Figures(
        (
            Figure(
                "Identity of reads", spread, f"Matches / alignment columns of each mapped read{where[0]}."
            ),
            Figure(
                "Identity and length", cloud, f"Each mapped read{where[1]}; the length is on a log scale."
            ),
        )
    )


def error_figures(figures: Mapping[str, Any]) -> Figures:
    """Kinds of error, homopolymers against the rest, substitutions, and the worst 3-mers."""
    kinds = [_bar(figures, kind, f"{kind}_rate") for kind in ("mismatch", "insertion", "deletion")]
    groups = {
        f"{kind.capitalize()}s": [
            _bar(figures, "in homopolymers", f"hp_{kind}_rate"),
            _bar(figures, "elsewhere", f"non_hp_{kind}_rate"),
        ]
        for kind in ("insertion", "deletion")
    }
    swaps = [one for one in figures["substitutions"] if one["reference_bases"]]
    swap_bars = [
        Bar(f"{one['reference']} to {one['called']}", one["count"] / one["reference_bases"]) for one in swaps
    ]
    seen = [one for one in figures["contexts"] if one["reference_bases"]]
    by_rate = sorted(seen, key=_context_rate, reverse=True)
    worst = [one for one in by_rate if one["reference_bases"] >= _FEWEST_BASES][:_WORST]
    return Figures(
        (
            Figure(
                "Kinds of error",
                bars({"": kinds}, description="Mismatches, insertions and deletions per alignment column"),
                "Per alignment column, with 95% intervals; together with pooled identity they make 100%.",
            ),
            Figure(
                "In homopolymers and elsewhere",
                bars(groups, description="Insertion and deletion rates inside and outside homopolymers"),
                "Per reference base of the same class; an inserted base belongs to a run that it lengthens.",
            ),
            Figure(
                "Substitutions",
                bars({"": swap_bars}, description="Rate of each substitution"),
                "Reference base to called base, per aligned pair with that reference base.",
                _substitution_table(swaps),
            ),
            Figure(
                f"The {len(worst)} worst 3-mers",
                bars(
                    {"": [Bar(one["context"], _context_rate(one)) for one in worst]},
                    description="Worst 3-mers",
                ),
                "Errors at the middle base, or inserted just after it, per occurrence of the 3-mer.",
                _context_table(by_rate),
            ),
        )
    )


def _bar(figures: Mapping[str, Any], name: str, key: str) -> Bar:
    return Bar(name, figures[key] or 0.0, figures["intervals"].get(key))


def _share(count: int, total: int) -> str:
    return value_text(count / total, "percent")


def _context_rate(one: Mapping[str, Any]) -> float:
    return (one["mismatches"] + one["insertions"] + one["deletions"]) / one["reference_bases"]


def _substitution_table(swaps: Sequence[Mapping[str, Any]]) -> Table:
    rows = (
        (one["reference"], one["called"], f"{one['count']:,}", _share(one["count"], one["reference_bases"]))
        for one in swaps
    )
    return Table(("reference", "called", "count", "rate"), tuple(rows), align="llrr")


def _context_table(contexts: Sequence[Mapping[str, Any]]) -> Table:
    rows = (
        (one["context"], f"{one['reference_bases']:,}")
        + tuple(
            _share(one[kind], one["reference_bases"]) for kind in ("mismatches", "insertions", "deletions")
        )
        for one in contexts
    )
    return Table(("3-mer", "occurs", "mismatch", "insertion", "deletion"), tuple(rows))


def homopolymer_figures(figures: Mapping[str, Any]) -> Figures | Prose:
    """How often a run is called at its true length, and how long it is called, by length and base."""
    runs = [one for one in figures["homopolymers"] if one["runs"] >= _FEWEST_RUNS]
    if not runs:
        return Prose(f"No run of two or more equal bases was seen {_FEWEST_RUNS} times.")
    longest = max(one["length"] for one in runs)
    x = Axis("length in the reference", 1.5, longest + 0.5)
    top = nice_range(0.0, max(longest, *(one["called_length_mean"] for one in runs)))[1]
    exact = lines(
        [_curve(runs, base, lambda one: one["exact"] / one["runs"]) for base in "ACGT"],
        x,
        Axis("called exactly", 0.0, 1.0, "percent"),
        description="Share of runs called at their true length, by length and base",
    )
    mean = lines(
        [_curve(runs, base, lambda one: one["called_length_mean"]) for base in "ACGT"],
        x,
        Axis("mean called length", 0.0, top),
        diagonal="true length",
        description="Mean called length of runs, by length and base",
    )
    rows = (
        (one["base"], str(one["length"]), f"{one['runs']:,}", _share(one["exact"], one["runs"]))
        + (f"{one['called_length_mean']:.2f}",)
        for one in figures["homopolymers"]
    )
    data = Table(("base", "length", "runs", "exact", "mean called length"), tuple(rows))
    caption = f"Points rest on at least {_FEWEST_RUNS} runs; 10 stands for 10 and longer."
    return Figures(
        (
            Figure("Runs called at their true length", exact, caption, data),
            Figure("How long runs are called", mean, "Below the dashed line, runs come out too short."),
        )
    )


def _curve(runs: Sequence[Mapping[str, Any]], base: str, value: Any) -> Series:
    own = [one for one in runs if one["base"] == base]
    return Series(base, [one["length"] for one in own], [value(one) for one in own])


def quality_figures(figures: Mapping[str, Any], identity: np.ndarray, mean_q: np.ndarray) -> Figures | Prose:
    """Empirical against predicted base quality, and what keeping the best reads by quality gives.

    Args:
        figures: the figures as plain values.
        identity: identity of each read, NaN where unmapped, shape (N,).
        mean_q: mean predicted quality of each read, NaN without qualities, shape (N,).
    """
    every = figures["q_predicted_vs_empirical"]
    bins = [one for one in every if one["bases"] >= _FEWEST_BASES and one["q_empirical"] is not None]
    if not bins:
        return Prose("These calls carry no base qualities, or too few to judge them.")
    most = max(one["bases"] for one in bins)
    top = nice_range(0.0, max(1.0, *(max(one["q_predicted"], one["q_empirical"]) for one in bins)))[1]
    curve = Series(
        "Q",
        [one["q_predicted"] for one in bins],
        [one["q_empirical"] for one in bins],
        weight=[one["bases"] / most for one in bins],
    )
    drawn = lines(
        [curve],
        Axis("predicted Q", 0.0, top),
        Axis("empirical Q", 0.0, top),
        diagonal="as predicted",
        description="Empirical against predicted base quality",
    )
    rows = (
        (str(one["q_predicted"]), "-" if one["q_empirical"] is None else f"{one['q_empirical']:.2f}")
        + (f"{one['bases']:,}", f"{one['errors']:,}")
        for one in every
    )
    caption = (
        f"Aligned bases by predicted quality; larger dots, more bases. Bins under {_FEWEST_BASES} bases or "
        "without an error are left out. A deletion has no base and does not count here."
    )
    data = Table(("predicted Q", "empirical Q", "bases", "errors"), tuple(rows))
    shown = [Figure("Is a Q what it says?", drawn, caption, data)]
    usable = ~np.isnan(identity) & ~np.isnan(mean_q)
    if usable.sum() > 1:
        shown.append(_kept(identity[usable], mean_q[usable], figures["identity_auc"]))
    return Figures(tuple(shown))


def _kept(identity: np.ndarray, mean_q: np.ndarray, area: float) -> Figure:
    best_first = identity[np.argsort(-mean_q, kind="stable")]
    count = np.arange(1, len(best_first) + 1)
    means = np.cumsum(best_first) / count
    # the first few reads say little and would only set the scale
    picked = np.unique(
        np.linspace(max(min(4, len(count) - 2), len(count) // 50), len(count) - 1, 60).astype(int)
    )
    y = Axis(
        "mean identity", *nice_range(float(means[picked].min()), float(means[picked].max())), style="percent"
    )
    curve = Series("kept", (count[picked] / len(count)).tolist(), means[picked].tolist(), markers=False)
    x = Axis("reads kept, best mean Q first", 0.0, 1.0, "percent")
    return Figure(
        "If only the best reads are kept",
        lines([curve], x, y, description="Mean identity of the best reads by predicted quality"),
        "Falls to the right if the predicted quality tells good reads from bad; "
        f"its average is {value_text(area, 'percent')} (identity_auc).",
    )
