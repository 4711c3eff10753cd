"""What can be asked for together, and what is told at the end."""

from pathlib import Path
from typing import Any

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.language.gue_request import BuildReport, BuildRequest

BED, FASTA, GENOME = Path("p.BED.gz"), Path("p.fa"), Path("g.fa")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positives": BED}, "positives in BED need a genome; give one with --genome"),
        ({"positives": FASTA}, "genome negatives need a genome"),
        ({"positives": FASTA, "negatives": "adversarial"}, "adversarial negatives need a genome"),
        ({"positives": FASTA, "negatives": "adversarial", "genome": GENOME}, "only for positives in BED"),
        ({"positives": FASTA, "genome": GENOME, "length_bp": 5}, "--length: only for positives in BED"),
        ({"positives": FASTA, "genome": GENOME, "test": ("a",)}, "--validation and --test: only"),
        ({"positives": BED, "genome": GENOME, "shift_bp": 5}, "--shift is only for adversarial"),
        ({"positives": BED, "genome": GENOME, "test": ("a",)}, "or neither, to divide at random"),
        ({"positives": BED, "genome": GENOME, "test": ("a", "b"), "validation": ("b",)}, "'b' is for both"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        BuildRequest(**options).check()


@pytest.mark.parametrize(
    "options",
    [
        {"positives": FASTA, "negatives": "shuffled"},
        {"positives": FASTA, "genome": GENOME},
        {"positives": BED, "genome": GENOME, "test": ("a",), "validation": ("b",), "length_bp": 9},
        {"positives": BED, "genome": GENOME, "negatives": "adversarial", "shift_bp": 5},
    ],
)
def test_what_goes_together(options: dict[str, Any]) -> None:
    BuildRequest(**options).check()


def test_lines_of_a_report() -> None:
    report = BuildReport({"train": (1200, 1199)}, {"too short": 3}, 1, 0.0123, ["no leak"])
    assert report.lines() == [
        "train: 1,200 positives, 1,199 negatives",
        "left out 3 positives: too short",
        "warning: no negative was found for 1 positives",
        "GC content of negatives: 1.2 points off on average",
        "no leak",
    ]
