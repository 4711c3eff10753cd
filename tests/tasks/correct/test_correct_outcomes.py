"""Filters and counts of corrected reads."""

import numpy as np

from lexome.core.zmw import Ccs
from lexome.tasks.correct.outcomes import CorrectSummary, Filters, Verdict
from lexome.tasks.correct.run import Corrected, Fate


def corrected(sequence: str, quality: float) -> Corrected:
    qualities = np.full(len(sequence), quality, np.uint8)
    fates = dict.fromkeys(Fate, 0)
    return Corrected(Ccs("a", "ACGT", None), sequence, qualities, fates, 0, 3, 0)


def test_filters_are_strict_below_their_values() -> None:
    filters = Filters(20.0, 4)
    assert filters.verdict(corrected("ACGT", 20)) == (Verdict.WRITTEN, "")
    assert filters.verdict(corrected("ACG", 20)) == (Verdict.TOO_SHORT, "3 bases are less than 4")
    assert filters.verdict(corrected("ACGT", 19))[0] == Verdict.LOW_QUALITY
    assert filters.verdict(corrected("ACG", 19)) == (
        Verdict.LOW_QUALITY, "the mean quality is 19, below 20",
    )  # fmt: skip
    assert filters.verdict(corrected("", 0))[0] == Verdict.NO_BASES
    assert Filters(0.0, 0).verdict(corrected("", 0))[0] == Verdict.NO_BASES
    assert Filters(0.0, 0).verdict(corrected("A", 0))[0] == Verdict.WRITTEN


def test_the_summary_keeps_few_names() -> None:
    summary = CorrectSummary()
    for number in range(100):
        summary.add(f"m/{number}", "no_ccs", "gone")
        summary.add(f"m/{number}", Verdict.WRITTEN, "")
    assert summary.outcomes == {"no_ccs": 100, "written": 100}
    assert summary.examples == {"no_ccs": [(f"m/{number}", "gone") for number in range(3)]}
    assert (summary.num_corrected, summary.num_zmws) == (100, 200)
