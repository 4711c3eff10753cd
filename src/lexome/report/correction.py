"""The report of `lexome evaluate correction`: text tables and a page, both from the figures' plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.report.charts import value_text
from lexome.report.correction_figures import error_figures, quality_figures, yield_figures
from lexome.report.page import Card, Cards, Facts, Section, write_page
from lexome.report.tables import Table

# one line each; docs/evaluate-correction.md has the same lines
MEANING: dict[str, str] = {
    "reads": "reads in the file",
    "found": "molecules with a read that could be aligned to its truth",
    "missing": "molecules without a read: lost yield",
    "too_unlike": "molecules whose read hardly looks like its truth: lost yield",
    "without_truth": "reads of molecules whose truth is not known; they are not judged",
    "repeated": "further reads of a molecule; they are not judged",
    "bases": "bases of the found reads",
    "truth_bases": "true bases under them",
    "edits": "mismatches + insertions + deletions, the fewest possible",
    "edits_per_kb": "1000 * edits / truth_bases",
    "identity_mean": "mean identity of the found reads, each read counting the same",
    "identity_pooled": "matches / alignment columns over all found reads",
    "identity_median": "median identity of the found reads",
    "q_pooled": "-10 log10(1 - identity_pooled)",
    "perfect_reads": "reads without an edit",
    "mismatches": "columns with two different bases",
    "insertions": "columns with a base in the read only",
    "deletions": "columns with a base in the truth only",
    "hp_mismatches": "mismatches at a true base in a homopolymer",
    "hp_insertions": "inserted bases that lengthen a homopolymer",
    "hp_deletions": "deleted bases that lie in a homopolymer",
    "non_hp_mismatches": "all other mismatches",
    "non_hp_insertions": "all other inserted bases",
    "non_hp_deletions": "all other deleted bases",
    "truth_hp_bases": "true bases that lie in a homopolymer",
    "kept_reads": "found reads whose predicted quality is at least --min-quality",
    "kept_bases": "bases of these",
    "reads_q20": "kept reads with an identity of 0.99 or more",
    "reads_q30": "kept reads with an identity of 0.999 or more",
    "reads_q40": "kept reads with an identity of 0.9999 or more",
    "bases_q20": "bases of reads_q20",
    "bases_q30": "bases of reads_q30",
    "bases_q40": "bases of reads_q40",
    "kmers": "k-mers of the judged reads, each time that one occurs",
    "kmers_not_in_truth": "those that no molecule has",
    "kmer_qv": "-10 log10(1 - (1 - kmers_not_in_truth / kmers)^(1 / k))",
    "kmer_completeness": "share of the distinct k-mers of all molecules that some read has",
    "calibration_error": "distance of the share of wrong bases from the predicted one, mean over the bases",
}


def correction_table(figures: Mapping[str, Any]) -> Table:
    """The figures of all sets of reads side by side, rounded; names as in docs/evaluate-correction.md."""
    sets = figures["sets"]
    rows = tuple((name, *(_rounded(one[name]) for one in sets.values())) for name in MEANING)
    return Table(("figure", *sets), rows)


def ratio_table(figures: Mapping[str, Any]) -> Table | None:
    """The corrected reads over each other set; None if there is no other."""
    rows = []
    for name, ratio in figures["edit_ratios"].items():
        by_molecules = ratio["interval_molecules"], f"{ratio['molecules']} molecules"
        by_windows = ratio["interval_windows"], f"{ratio['windows']} windows of 100 bases"
        for interval, drawn in (by_molecules, *([by_windows] if ratio["windows"] is not None else [])):
            low, high = ("-", "-") if interval is None else map(_rounded, interval)
            rows.append(("edits", f"corrected/{name}", _rounded(ratio["ratio"]), low, high, drawn))
        for what, value in figures["yield_ratios"][name].items():
            rows.append((what, f"corrected/{name}", _rounded(value), "", "", ""))
    columns = ("figure", "sets", "ratio", "95% low", "95% high", "drawn")
    return Table(columns, tuple(rows), align="llrrrl") if rows else None


def _rounded(value: float | None) -> str:
    """Counts whole, fractions with five decimals (0.99912 is not 0.9991), `-` for unknown."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.5f}" if abs(value) <= 10 else f"{value:.2f}"


def write_correction_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of one evaluation.

    Args:
        path: the HTML file; written whole or not at all.
        figures: as `tasks.correct.evaluation.CorrectionEvaluation.to_json` gives them.
        command: how they were made.

    Raises:
        LexomeError: if the file cannot be written.
    """
    write_page(path, "Corrected reads", correction_sections(figures, command), subtitle=figures["corrected"])


def correction_sections(figures: Mapping[str, Any], command: str) -> list[Section]:
    """The sections of that page."""
    sets = figures["sets"]
    table = correction_table(figures)
    explained = Table(
        (*table.columns, "meaning"),
        tuple((*row, MEANING[row[0]]) for row in table.rows),
        align="l" + "r" * len(sets) + "l",
    )
    ratios = ratio_table(figures)
    errors = [error_figures(sets), *([ratios] if ratios is not None else [])]
    lost = sets["corrected"]["missing"] + sets["corrected"]["too_unlike"]
    lead = f"{lost:,} of {figures['molecules']:,} molecules have no corrected read." if lost else ""
    return [
        Section("", [_cards(figures)]),
        Section("Errors", errors, lead="Every read against the truth of its own molecule, end to end."),
        Section(
            "Yield",
            [yield_figures(sets, figures["truth_bases"], figures["min_quality"])],
            lead=lead,
        ),
        Section("Predicted quality", [quality_figures(sets)]),
        Section(
            "All figures", [explained], lead="Identity is matches / alignment columns. "
            "Details: docs/evaluate-correction.md.",
        ),
        Section("How this was made", [Facts(_made(figures, command))]),
    ]  # fmt: skip


def _cards(figures: Mapping[str, Any]) -> Cards:
    corrected = figures["sets"]["corrected"]
    rate, quality = corrected["edits_per_kb"], corrected["q_pooled"]
    cards = [
        Card(
            "Errors per kb",
            "none" if rate is None else value_text(rate, "number"),
            "no error" if quality is None else f"Q{quality:.1f}, all reads together",
        )
    ]
    for name, ratio in figures["edit_ratios"].items():
        interval = ratio["interval_molecules"]
        note = "" if interval is None else f"95%: {interval[0]:.2f}–{interval[1]:.2f}, over molecules"
        shown = "none" if ratio["ratio"] is None else f"{ratio['ratio']:.2f}"
        cards.append(Card(f"Errors, corrected / {name}", shown, note))
    part = corrected["bases_q30"] / figures["truth_bases"]
    cards.append(Card("Yield at Q30", value_text(part, "percent"), "of all true bases"))
    found = f"{corrected['found']:,} of {figures['molecules']:,}"
    cards.append(Card("Molecules found", found, f"{corrected['perfect_reads']:,} reads are perfect"))
    qv, complete = corrected["kmer_qv"], corrected["kmer_completeness"]
    note = "" if complete is None else f"{value_text(complete, 'percent')} of true k-mers found"
    cards.append(Card("k-mer QV", "no bound" if qv is None else f"{qv:.1f}", note))
    return Cards(tuple(cards))


def _made(figures: Mapping[str, Any], command: str) -> dict[str, str]:
    bootstrap = figures["bootstrap"]
    sampled = "" if figures["kmers_one_in"] == 1 else f", one in {figures['kmers_one_in']} looked at"
    made = {"command": command, "corrected": figures["corrected"], "truth": figures["truth"]}
    made |= {name: figures[name] for name in ("ccs", "subreads") if figures[name] is not None}
    return made | {
        "lexome": figures["lexome_version"],
        "alignment": "fewest edits, from end to end, gaps to the left",
        "k-mers": f"of {figures['kmer_size']} bases, both strands as one{sampled}",
        "intervals": f"{100 * bootstrap['level']:g}%, percentile bootstrap over molecules, with few also "
        f"over windows, {bootstrap['resamples']} resamples, seed {bootstrap['seed']}",
    }
