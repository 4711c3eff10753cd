"""The report of `lexome evaluate reads`: a text table and the sections of its page, from the figures' plain values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lexome.report.axes import Axis, nice_range
from lexome.report.charts import Bar, Series, bars, histogram, interval_text, lines, points, value_text
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Prose, Section
from lexome.report.tables import Table

_COUNTS = ("reads", "mapped", "unmapped", "empty_reads", "bases", "mapped_bases", "alignment_columns")
_NOT_IN_TABLE = ("intervals", "q_predicted_vs_empirical", "homopolymers", "substitutions", "contexts")
_FEWEST_BASES = 100  # a point of the quality curve rests on at least this many bases
_FEWEST_RUNS = 20  # and one of the homopolymer curve on this many runs


def reads_table(figures: Mapping[str, Any]) -> Table:
    """The figures as a table: name, value and 95% interval, rounded; names as in the JSON file and docs/metrics.md."""
    rows = []
    for name, value in figures.items():
        if name in _NOT_IN_TABLE:
            continue
        interval = figures["intervals"].get(name) or ("", "")
        rows.append((name, _rounded(value), *(_rounded(end) for end in interval)))
    return Table(("figure", "value", "95% low", "95% high"), tuple(rows))


def _rounded(value: Any) -> str:
    if value is None or value == "":
        return "" if value == "" else "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if abs(value) < 100 else f"{value:.1f}"


def reads_sections(
    figures: Mapping[str, Any],
    *,
    identity: Float[np.ndarray, " N"],
    length_bp: Int[np.ndarray, " N"],
    mean_q: Float[np.ndarray, " N"],
    made: Mapping[str, str],
) -> list[Section]:
    """The sections of the page.

    Args:
        figures: the figures as plain values (`ReadsFigures.to_json`).
        identity: identity of each read, NaN where unmapped.
        length_bp: length of each read.
        mean_q: mean predicted quality of each read, NaN without qualities.
        made: how the figures were made: command, versions, files.

    Returns:
        The sections, for `page.write_page`.
    """
    sections = [Section("", [_cards(figures)])]
    mapped = ~np.isnan(identity)
    if mapped.any():
        sections += [
            _identity_section(figures, identity[mapped], length_bp[mapped], mean_q[mapped]),
            _errors_section(figures),
            _homopolymer_section(figures),
            _quality_section(figures),
        ]
    else:
        sections.append(Section("No read maps", [Prose("No read aligned to this reference: is it the right one?")]))
    table = reads_table(figures)
    sections.append(Section("All figures", [table], lead="Each is defined in docs/metrics.md under its name."))
    sections.append(Section("How this was made", [Facts(made)]))
    return sections


def _percent(figures: Mapping[str, Any], name: str) -> str:
    return "none" if figures[name] is None else value_text(figures[name], "percent")


def _interval(figures: Mapping[str, Any], name: str) -> str:
    text = interval_text(figures["intervals"].get(name), "percent")
    return f"95% interval {text}" if text else "no interval"


def _cards(figures: Mapping[str, Any]) -> Cards:
    return Cards(
        (
            Card("Median identity", _percent(figures, "identity_median"), _interval(figures, "identity_median")),
            Card(
                "Mean identity, unmapped reads as 0",
                _percent(figures, "identity_mean_all_reads"),
                _interval(figures, "identity_mean_all_reads"),
            ),
            Card(
                "Worst and best tenth of reads",
                f"{_percent(figures, 'identity_p10').removesuffix('%')} / {_percent(figures, 'identity_p90')}",
                "10th and 90th percentile of identity",
            ),
            Card(
                "Reads mapped",
                _percent(figures, "mapped_fraction"),
                f"{figures['mapped']:,} of {figures['reads']:,}",
            ),
            Card(
                "Bases called",
                f"{figures['bases']:,}",
                f"{figures['mapped_bases']:,} of them aligned",
            ),
            Card("Median coverage of a read", _percent(figures, "coverage_median"), "part inside its alignment"),
        )
    )


def _identity_section(
    figures: Mapping[str, Any], identity: np.ndarray, length_bp: np.ndarray, mean_q: np.ndarray
) -> Section:
    low = min(float(np.percentile(identity, 1)), float(identity.max()) - 0.02)
    x = Axis("identity", nice_range(low, min(1.0, float(identity.max())))[0], 1.0, "percent")
    spread = histogram(
        identity,
        x,
        counted="reads",
        bins=min(60, max(12, int(2 * len(identity) ** 0.5))),
        marks={f"median {_percent(figures, 'identity_median')}": figures["identity_median"]},
    )
    below = int((identity < x.low).sum())
    more = f" {below:,} reads below {x.text(x.low)} stand in the first bar." if below else ""
    shown = [
        Figure("Identity of reads", spread, f"Matches / alignment columns of each mapped read.{more}"),
        Figure(
            "Identity and length",
            points(
                length_bp.astype(np.float64),
                identity,
                Axis("read length (bases)", *_log_range(length_bp), style="count", log=True),
                Axis("identity", x.low, 1.0, "percent"),
                description="Identity of each read against its length",
            ),
            f"Each mapped read; the length is on a log scale.{f' {below:,} lie at the lower edge.' if below else ''}",
        ),
    ]
    if not np.isnan(mean_q).all():
        shown.append(_kept(identity[~np.isnan(mean_q)], mean_q[~np.isnan(mean_q)], figures["identity_auc"]))
    return Section("Identity", [Figures(tuple(shown))], lead="How much of each alignment is right.")


def _log_range(length_bp: np.ndarray) -> tuple[float, float]:
    low, high = max(1.0, float(length_bp.min())), float(length_bp.max())
    return low / 1.2, high * 1.2


def _kept(identity: np.ndarray, mean_q: np.ndarray, area: float) -> Figure:
    best_first = identity[np.argsort(-mean_q, kind="stable")]
    count = np.arange(1, len(best_first) + 1)
    means = np.cumsum(best_first) / count
    picked = np.unique(np.linspace(max(0, len(count) // 50 - 1), len(count) - 1, 60).astype(int))
    y = Axis("mean identity", *nice_range(float(means[picked].min()), float(means[picked].max())), style="percent")
    curve = Series("kept", (count[picked] / len(count)).tolist(), means[picked].tolist(), markers=False)
    return Figure(
        "If only the best reads are kept",
        lines([curve], Axis("reads kept, best predicted quality first", 0.0, 1.0, "percent"), y, description="Kept"),
        f"A curve that falls to the right shows that the predicted quality tells good reads from bad. "
        f"Its mean is {value_text(area, 'percent')}.",
    )


def _errors_section(figures: Mapping[str, Any]) -> Section:
    kinds = {"mismatch": "mismatch_rate", "insertion": "insertion_rate", "deletion": "deletion_rate"}
    members = [Bar(name, figures[key], figures["intervals"].get(key)) for name, key in kinds.items()]
    pairs = Table(
        ("substitution", "count", "of reference bases", "rate"),
        tuple(
            (
                f"{one['reference']} to {one['called']}",
                f"{one['count']:,}",
                f"{one['reference_bases']:,}",
                _share(one["count"], one["reference_bases"]),
            )
            for one in figures["substitutions"]
        ),
    )
    swaps = [
        Bar(f"{one['reference']} to {one['called']}", one["count"] / one["reference_bases"])
        for one in figures["substitutions"]
        if one["reference_bases"]
    ]
    return Section(
        "Errors",
        [
            Figures(
                (
                    Figure(
                        "Kinds of error",
                        bars({"": members}, description="Mismatches, insertions and deletions per alignment column"),
                        "Per alignment column, with 95% intervals; with identity (pooled) they add up to 100%.",
                    ),
                    Figure(
                        "Where errors happen: worst 3-mers",
                        bars({"": _worst_contexts(figures)}, description="3-mers with the highest error rate"),
                        "Errors at or just after the middle base, per time the 3-mer occurs, in the direction read.",
                        _context_table(figures),
                    ),
                    Figure(
                        "Substitutions",
                        bars({"": swaps}, description="Rate of each substitution"),
                        "Aligned pairs only: reference base to called base, per reference base.",
                        pairs,
                    ),
                )
            )
        ],
        lead="What went wrong, in the direction in which the strand was read.",
    )


def _share(count: int, total: int) -> str:
    return value_text(count / total, "percent") if total else "-"


def _context_rate(one: Mapping[str, Any]) -> float:
    return (one["mismatches"] + one["insertions"] + one["deletions"]) / one["reference_bases"]


def _worst_contexts(figures: Mapping[str, Any]) -> list[Bar]:
    seen = [one for one in figures["contexts"] if one["reference_bases"] >= _FEWEST_BASES]
    worst = sorted(seen, key=_context_rate, reverse=True)[:8]
    return [Bar(one["context"], _context_rate(one)) for one in worst]


def _context_table(figures: Mapping[str, Any]) -> Table:
    seen = [one for one in figures["contexts"] if one["reference_bases"]]
    rows = (
        (one["context"], f"{one['reference_bases']:,}")
        + tuple(_share(one[kind], one["reference_bases"]) for kind in ("mismatches", "insertions", "deletions"))
        for one in sorted(seen, key=_context_rate, reverse=True)
    )
    return Table(("3-mer", "occurs", "mismatch", "insertion", "deletion"), tuple(rows))


def _homopolymer_section(figures: Mapping[str, Any]) -> Section:
    groups = {
        kind: [
            Bar(name, figures[key], figures["intervals"].get(key))
            for name, key in (("in homopolymers", f"hp_{end}"), ("elsewhere", f"non_hp_{end}"))
            if figures[key] is not None
        ]
        for kind, end in (("Insertions", "insertion_rate"), ("Deletions", "deletion_rate"))
    }
    shown = [
        Figure(
            "In homopolymers and elsewhere",
            bars(groups, description="Insertion and deletion rates inside and outside homopolymers"),
            "Per reference base of the same class. Only an inserted base that lengthens a run counts as in it.",
        )
    ]
    runs = [one for one in figures["homopolymers"] if one["runs"] >= _FEWEST_RUNS]
    curves = [
        Series(
            base,
            [one["length"] for one in runs if one["base"] == base],
            [one["exact"] / one["runs"] for one in runs if one["base"] == base],
        )
        for base in "ACGT"
    ]
    if runs:
        longest = max(one["length"] for one in runs)
        shown.append(
            Figure(
                "Runs called at their true length",
                lines(
                    curves,
                    Axis("length of the run in the reference", 1.5, longest + 0.5),
                    Axis("called exactly", 0.0, 1.0, "percent"),
                    description="Share of homopolymer runs called at their true length, by length and base",
                ),
                f"Points rest on at least {_FEWEST_RUNS} runs; 10 stands for 10 and longer.",
                _run_table(figures),
            )
        )
    lead = "A homopolymer is a run of three or more equal bases in the reference."
    return Section("Homopolymers", [Figures(tuple(shown))], lead=lead)


def _run_table(figures: Mapping[str, Any]) -> Table:
    rows = (
        (one["base"], str(one["length"]), f"{one['runs']:,}")
        + (_share(one["exact"], one["runs"]), f"{one['called_length_mean']:.2f}")
        for one in figures["homopolymers"]
    )
    return Table(("base", "length", "runs", "exact", "mean called length"), tuple(rows))


def _quality_section(figures: Mapping[str, Any]) -> Section:
    every = figures["q_predicted_vs_empirical"]
    bins = [one for one in every if one["bases"] >= _FEWEST_BASES and one["q_empirical"] is not None]
    if not bins:
        return Section("Predicted quality", [Prose("These calls carry no base qualities (or too few to judge them).")])
    most = max(one["bases"] for one in bins)
    top = nice_range(0.0, max(max(one["q_predicted"], one["q_empirical"]) for one in bins))[1]
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
    rows = tuple(
        (str(one["q_predicted"]), _rounded(one["q_empirical"]), f"{one['bases']:,}", f"{one['errors']:,}") for one in every
    )
    caption = (
        f"Aligned bases by predicted quality; larger dots stand for more bases, bins under {_FEWEST_BASES} bases or "
        "without an error are left out. Deletions have no base and do not count here."
    )
    data = Table(("predicted Q", "empirical Q", "bases", "errors"), rows)
    means = (
        f"Right bases are called with Q {_rounded(figures['q_mean_correct'])} on average, "
        f"wrong ones with Q {_rounded(figures['q_mean_wrong'])}."
    )
    return Section("Predicted quality", [Figures((Figure("Is a Q what it says?", drawn, caption, data),))], lead=means)
