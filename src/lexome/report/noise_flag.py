"""The page of `lexome lm noise flag`: probabilities of errors beside true identities."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lexome.report.axes import Axis, nice_range
from lexome.report.charts import points
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Section, write_page
from lexome.report.tables import Table


def flag_table(figures: Mapping[str, Any]) -> Table:
    """How well bad reads are found."""
    quality = figures.get("auroc_mean_q")
    rows = [
        ("reads with a true identity", str(figures["reads"]), ""),
        (f"below identity {figures['bad_below_identity']:.4f}", str(figures["bad_reads"]), ""),
        ("AUROC of finding them", *_value(figures["auroc"])),
        *([("AUROC of low mean qualities", *_value(quality))] if quality else []),
        ("Spearman, 1 - identity", *_value(figures["spearman"])),
    ]
    return Table(("", "value", "95%"), tuple(rows), "Probability of errors and true identity")


def _value(figure: Mapping[str, Any]) -> tuple[str, str]:
    ends = figure["interval"]
    value = "-" if figure["value"] is None else f"{figure['value']:.3f}"
    return value, "" if ends is None else f"{ends[0]:.3f}–{ends[1]:.3f}"


def write_flag_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    identity = np.array(figures["identity"])
    low, high = nice_range(float(identity.min()), float(identity.max()))
    x = Axis("identity", low, high, "percent")
    y = Axis("probability of errors", 0.0, 1.0, "count")
    drawn = points(
        identity, np.array(figures["p_noisy"]), x, y, description="Probability of errors by identity"
    )
    auroc, ends = _value(figures["auroc"])
    sections = [
        Section("", [Cards((Card("AUROC", auroc, ends), Card("Reads", str(figures["reads"]))))]),
        Section("Read by read", [Figures((Figure("Probability of errors", drawn, "A point is a read."),))]),
        Section("All figures", [flag_table(figures)]),
        Section("How this was made", [Facts({"command": command, "model": figures["model"]})]),
    ]
    write_page(path, "Reads with errors", sections, subtitle=figures["model"])
