"""What an interrupted correction left: which ZMWs are done with, and what was written of them.

The input is read again from its beginning, and what was written is taken from the earlier files in step with
it, since all have the same order. So nothing has to be guessed: a ZMW whose read (or line of the table) is
not the next one there is corrected anew. That gives the same read, so those that follow in other files may
still be taken: within a file no read gets in front of another one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from lexome.core.errors import BadInputError
from lexome.core.zmw import Ccs, ZmwReads
from lexome.io.hts import printable
from lexome.io.salvage import Records
from lexome.tasks.basecall.resume import Earlier
from lexome.tasks.correct.outcomes import Filters, Verdict
from lexome.tasks.correct.run import Corrected, Failure, NotCorrected
from lexome.tasks.correct.table import COLUMNS, TableRow


@dataclass(frozen=True)
class Kept:
    """What an interrupted run wrote of a ZMW; `row` is None if it wrote no table."""

    outcome: str
    reason: str
    records: Records
    row: TableRow | None

    @property
    def sequence(self) -> str | None:
        """The corrected bases; None if no record was written."""
        return sequence_and_qualities(self.records[0])[0] if self.records else None


class EarlierCorrection:
    """The files of an interrupted run, to be taken from in the order of the input.

    With a table, a ZMW is done with if its line is there and, if that speaks of a read, the read too. Without
    one, it is done with if its read is there.

    Args:
        reads: those that passed the filters.
        failed: the others; without a table they must hold qualities.
        rows: the lines of the table; None: the run writes no table.
        filters: of the run.
        keeps_failed: whether the run writes reads that do not pass.
    """

    def __init__(
        self,
        reads: Earlier,
        failed: Earlier | None,
        rows: Iterator[TableRow] | None,
        filters: Filters,
        keeps_failed: bool,
    ) -> None:
        self._reads = _Ahead(reads)
        self._failed = _Ahead(failed)
        self._rows, self._filters, self._keeps_failed = rows, filters, keeps_failed

    def pass_over(self, one: NotCorrected) -> None:
        """To be told of every ZMW that was found not to be usable when the input was read again."""
        if self._rows is None:
            return
        row = next(self._rows, None)
        if row is None or (row.name, row.outcome) != (printable(one.name), one.outcome):
            self._stop()

    def take(self, zmw: ZmwReads) -> Kept | None:
        """What was written of the ZMW that follows in the input; None: it is to be corrected."""
        if self._rows is None:
            return self._without_table(zmw.ccs)
        row = next(self._rows, None)
        if row is None or row.name != printable(zmw.name):
            return self._stop()
        if row.outcome in set(Failure):
            return Kept(row.outcome, row.reason, [], row)
        if row.outcome not in set(Verdict):
            return None  # found out when its windows are made: soon done again
        records: Records | None = []
        if row.outcome == Verdict.WRITTEN:
            records = self._reads.take(row.name)
        elif self._keeps_failed:
            records = self._failed.take(row.name)
        return None if records is None else Kept(row.outcome, row.reason, records, row)

    def _without_table(self, ccs: Ccs) -> Kept | None:
        name = printable(ccs.name)
        records = self._reads.take(name)
        if records is not None:
            return Kept(Verdict.WRITTEN, "", records, None)
        records = self._failed.take(name)
        if records is None:
            return None
        sequence, qualities = sequence_and_qualities(records[0])
        verdict, reason = self._filters.verdict(Corrected(ccs, sequence, qualities, {}, 0, 0, 0))
        return Kept(verdict, reason, records, None)

    def _stop(self) -> None:
        """Nothing more is taken: the input is not what it was."""
        self._rows = iter(())


class _Ahead:
    """The reads of an earlier file, with a look at the next one."""

    def __init__(self, earlier: Earlier | None) -> None:
        self._reads = iter(()) if earlier is None else earlier.reads()
        self._next: tuple[str, Records] | None = None
        self._has_begun = False

    def take(self, name: str) -> Records | None:
        """The records of the next read if that is its name; then it is gone."""
        if not self._has_begun:  # not before: nothing may be looked at while the files are being opened
            self._has_begun = True
            self._next = next(self._reads, None)
        if self._next is None or self._next[0] != name:
            return None
        records = self._next[1]
        self._next = next(self._reads, None)
        return records


def sequence_and_qualities(record: pysam.AlignedSegment | str) -> tuple[str, np.ndarray]:
    """Bases and qualities (uint8) of a record as `salvage` gives it; of FASTA without qualities."""
    if isinstance(record, str):
        lines = record.split("\n")
        letters = lines[3] if record.startswith("@") else ""
        return lines[1], np.frombuffer(letters.encode("ascii"), np.uint8) - np.uint8(33)
    return record.query_sequence or "", np.array(record.query_qualities or [], np.uint8)


_TEXTS = ("name", "outcome", "reason")


def read_rows(path: Path) -> Iterator[TableRow]:
    """Yields the lines of a table that may be cut off anywhere; damage ends them without an error.

    Args:
        path: of an earlier table, also a partial one.

    Raises:
        BadInputError: if the file cannot be read or has other columns.
    """
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as stream:
            first = stream.readline()
            if not first.endswith("\n"):
                return
            if first != "\t".join(COLUMNS) + "\n":
                raise BadInputError(f"{path}: not a table with the columns that this run writes")
            for line in stream:
                row = _row(line)
                if row is None:
                    return
                yield row
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error


def _row(line: str) -> TableRow | None:
    """A line of a table; None if it is cut off or damaged."""
    cells = line[:-1].split("\t")
    text = "".join(cells)
    if not line.endswith("\n") or len(cells) != len(COLUMNS) or not (text.isprintable() and text.isascii()):
        return None
    try:
        values: dict[str, Any] = {name: _value(name, cell) for name, cell in zip(COLUMNS, cells, strict=True)}
        return TableRow(**values)
    except ValueError:
        return None


def _value(name: str, cell: str) -> str | int | float | None:
    if name in _TEXTS:
        return cell
    if not cell:
        return None
    return float(cell) if name == "mean_quality" else int(cell)
