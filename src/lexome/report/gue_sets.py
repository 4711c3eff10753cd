"""The table of `lexome lm gue sets`."""

from collections.abc import Mapping, Sequence
from typing import Any

from lexome.report.tables import Table

NONE = "-"


def sets_table(sets: Sequence[Mapping[str, Any]]) -> Table:
    """A row per set: what it is, DNABERT-2's score, and what can be done with the files that are there."""
    rows = tuple(
        (
            one["name"],
            one["group"],
            _known(one["length_bp"]),
            _known(one["num_classes"]),
            one["metric"],
            " / ".join(_known(size) for size in one["sizes"]),
            _known(one["published"]),
            " ".join(one["files"]) or NONE,
            one["protocol"] or NONE,
        )
        for one in sets
    )
    head = (
        "set", "group", "bases", "classes", "figure", "train / dev / test", "DNABERT-2", "files here",
        "what is done",
    )  # fmt: skip
    return Table(head, rows, "Benchmark sets", "llrrlrrll")


def _known(value: float | None) -> str:
    return NONE if value is None else str(value)
