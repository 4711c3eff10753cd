"""All that a correction writes: reads, those that do not pass, the table; all kept together on resume."""

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pysam

from lexome.core.zmw import Ccs
from lexome.io.corrected import CorrectedRead, CorrectedWriter, named_at_end, open_corrected
from lexome.io.corrected_tags import corrected_tags
from lexome.io.output import ending_of
from lexome.tasks.basecall.outputs import OutputPaths, earlier_rows
from lexome.tasks.basecall.resume import is_complete, resumable
from lexome.tasks.correct.earlier import EarlierCorrection, Kept, read_rows
from lexome.tasks.correct.journal import CorrectSettings
from lexome.tasks.correct.outcomes import CorrectSummary, Filters, Verdict
from lexome.tasks.correct.run import Corrected, Fate, NotCorrected
from lexome.tasks.correct.stitch import error_rate, mean_quality
from lexome.tasks.correct.table import TableRow, TableWriter


@contextmanager
def open_corrections(
    paths: OutputPaths,
    header: pysam.AlignmentHeader,
    settings: CorrectSettings,
    filters: Filters,
    summary: CorrectSummary,
    *,
    resume: bool = False,
) -> Iterator[tuple["Writing", EarlierCorrection]]:
    """Opens the files of a run; they get their names when the block ends well, and stay `.partial` otherwise.

    Args:
        paths: where to.
        header: of the reads' files.
        settings: on which the records depend.
        filters: which reads pass.
        summary: to count in.
        resume: go on from what an interrupted run of the same settings left.

    Yields:
        What to write with, and what is there of an earlier run.

    Raises:
        UsageError: as `resumable`, `open_corrected` and `earlier_rows`.
        LexomeError: if something cannot be written.
    """
    assert paths.calls is not None
    with ExitStack() as stack:
        reads = stack.enter_context(resumable(paths.calls, settings, resume))
        failed = rows = None
        if paths.failed is not None:
            # that one may have got its name when the reads did not; and without a table, FASTA does not tell
            # why a read did not pass. Then they are corrected anew
            is_fasta = ending_of(paths.failed).removesuffix(".gz") in (".fasta", ".fa")
            is_told = paths.summary is not None or not is_fasta
            usable = reads.found and is_told and not is_complete(paths.failed)
            failed = stack.enter_context(resumable(paths.failed, settings, usable))
        if paths.summary is not None:
            rows = stack.enter_context(earlier_rows(paths.summary, reads.found, False, read_rows, "--table"))
            rows = iter(()) if rows is None else rows
        # the reads get their name last: until then there is something to go on from
        writer = stack.enter_context(open_corrected(paths.calls, header))
        failed_writer = table = None
        if paths.failed is not None:
            failed_writer = stack.enter_context(open_corrected(paths.failed, header))
        if paths.summary is not None:
            table = stack.enter_context(named_at_end(paths.summary, TableWriter[TableRow](paths.summary)))
        summary.partial = writer.partial_path
        writing = Writing(writer, failed_writer, table, filters, summary)
        yield writing, EarlierCorrection(reads, failed, rows, filters, failed_writer is not None)
        writing.close()


class Writing:
    """Everything that becomes of a ZMW goes through here: into a file, the table, the counts."""

    def __init__(
        self,
        reads: CorrectedWriter,
        failed: CorrectedWriter | None,
        table: TableWriter[TableRow] | None,
        filters: Filters,
        summary: CorrectSummary,
    ) -> None:
        self._reads, self._failed, self._table = reads, failed, table
        self._filters, self._summary = filters, summary
        self._lines = None if table is None else _LinesInOrder(table)

    def expect(self, name: str) -> None:
        """Announces that `write` or `give_up` will follow for a ZMW, be it after those of later ones."""
        if self._lines is not None:
            self._lines.expect(name)

    def write(self, corrected: Corrected) -> None:
        """Writes a read to where it belongs."""
        ccs, summary = corrected.ccs, self._summary
        verdict, reason = self._filters.verdict(corrected)
        accuracy = 1 - error_rate(corrected.qualities)
        tags, dropped = corrected_tags(ccs.tags, ccs.sequence, corrected.sequence, accuracy)
        writer = self._writer(verdict)
        if writer is not None:
            writer.write(CorrectedRead(ccs.name, corrected.sequence, corrected.qualities, tags))
            summary.dropped_tags.update(set(dropped))
        summary.add(ccs.name, verdict, reason)
        summary.count(corrected.fates, len(ccs.sequence), len(corrected.sequence), corrected.changes)
        if self._lines is not None:
            self._lines.write_expected(_row(corrected, verdict, reason))

    def keep(self, ccs: Ccs, kept: Kept) -> None:
        """Writes what an interrupted run wrote of a ZMW again."""
        summary, row = self._summary, kept.row
        writer = self._writer(kept.outcome)
        if writer is not None and kept.sequence is not None:
            for record in kept.records:
                writer.keep(record)
            summary.dropped_tags.update(set(corrected_tags(ccs.tags, ccs.sequence, kept.sequence, 0.0)[1]))
        summary.add(ccs.name, kept.outcome, kept.reason)
        summary.kept += 1
        if row is None:
            summary.kept_uncounted += 1
        elif row.windows is not None:
            fates = {
                Fate.CORRECTED: row.corrected or 0,
                Fate.SKIPPED: row.skipped or 0,
                Fate.OVERFLOW: row.overflow or 0,
            }
            summary.count(fates, row.bases_in or 0, row.bases_out or 0, row.changes or 0)
        if self._lines is not None and row is not None:
            self._lines.write(row)

    def leave_out(self, one: NotCorrected) -> None:
        """Notes a ZMW that was not given to the network."""
        self._summary.add(one.name, one.outcome, one.reason)
        if self._lines is not None:
            self._lines.write(TableRow(one.name, one.outcome, one.reason))

    def give_up(self, one: NotCorrected) -> None:
        """Notes an expected ZMW that gives no read."""
        self._summary.add(one.name, one.outcome, one.reason)
        if self._lines is not None:
            self._lines.write_expected(TableRow(one.name, one.outcome, one.reason))

    def close(self) -> None:
        """Ends all files before the first gets its name: one that does not fit keeps all partial."""
        for output in (self._reads, self._failed, self._table):
            if output is not None:
                output.close()

    def forget_empty(self) -> None:
        """Removes partial files without a line; a table may say why there are no reads."""
        empty: list[CorrectedWriter | TableWriter[TableRow] | None] = []
        if self._summary.num_corrected == 0:
            empty += [self._reads, self._failed]
        if self._summary.num_zmws == 0:
            empty.append(self._table)
        for output in empty:
            if output is not None:
                output.partial_path.unlink(missing_ok=True)

    def _writer(self, outcome: str) -> CorrectedWriter | None:
        return self._reads if outcome == Verdict.WRITTEN else self._failed


@dataclass(eq=False)
class _Expected:
    """A line that is still to come, and those that wait behind it."""

    name: str
    row: TableRow | None = None
    behind: list[TableRow] = field(default_factory=list)


class _LinesInOrder:
    """The lines of a table in the order of the input, whatever is finished first.

    How far the input is read ahead depends on the number of threads; the order of the lines must not.
    """

    def __init__(self, table: TableWriter[TableRow]) -> None:
        self._table = table
        self._expected: deque[_Expected] = deque()

    def expect(self, name: str) -> None:
        """Keeps the place of a line."""
        self._expected.append(_Expected(name))

    def write_expected(self, row: TableRow) -> None:
        """Writes a line to the place that was kept for it."""
        next(one for one in self._expected if one.name == row.name and one.row is None).row = row
        while self._expected and self._expected[0].row is not None:
            first = self._expected.popleft()
            assert first.row is not None
            for line in (first.row, *first.behind):
                self._table.write(line)

    def write(self, row: TableRow) -> None:
        """Writes a line behind all that are there or expected."""
        if self._expected:
            self._expected[-1].behind.append(row)
        else:
            self._table.write(row)


def _row(corrected: Corrected, verdict: Verdict, reason: str) -> TableRow:
    fates = corrected.fates
    return TableRow(
        corrected.ccs.name, verdict, reason,
        sum(fates.values()), fates[Fate.CORRECTED], fates[Fate.SKIPPED], fates[Fate.OVERFLOW],
        len(corrected.ccs.sequence), len(corrected.sequence), mean_quality(corrected.qualities),
        corrected.changes, corrected.num_passes, corrected.num_unused,
    )  # fmt: skip
