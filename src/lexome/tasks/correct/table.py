"""The table of a correction: a line for every ZMW, whatever became of it; docs/correct.md explains it."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from lexome.io.hts import printable
from lexome.io.partial import explained, partial_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class TableRow:
    """What became of one ZMW; None: it did not come that far."""

    name: str
    outcome: str
    reason: str = ""
    windows: int | None = None
    corrected: int | None = None
    skipped: int | None = None
    overflow: int | None = None
    bases_in: int | None = None
    bases_out: int | None = None
    mean_quality: float | None = None
    changes: int | None = None
    subreads: int | None = None
    subreads_unused: int | None = None


Row = TypeVar("Row", bound="DataclassInstance")
COLUMNS = tuple(field.name for field in fields(TableRow))


class TableWriter(Generic[Row]):
    """Writes a table line by line to `partial_path`; a row is a dataclass with a field for each column."""

    def __init__(self, path: Path, columns: Sequence[str] = COLUMNS) -> None:
        self.partial_path = partial_of(path)
        with explained(self.partial_path):
            self._stream = self.partial_path.open("w", encoding="utf-8", newline="")
        self._line(columns)

    def write(self, row: Row) -> None:
        """Writes a line; a cell stays empty where nothing is known."""
        self._line([_cell(value) for value in astuple(row)])

    def close(self) -> None:
        """Ends the file; may be called again."""
        with explained(self.partial_path):
            self._stream.close()

    def _line(self, cells: Sequence[str]) -> None:
        with explained(self.partial_path):
            self._stream.write("\t".join(cells) + "\n")


def _cell(value: str | int | float | None) -> str:
    if value is None:
        return ""
    return f"{value:.5f}" if isinstance(value, float) else printable(str(value))
