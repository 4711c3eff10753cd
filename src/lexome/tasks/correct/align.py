"""Raw subreads and CCS reads in, aligned subreads out: the work of `lexome prepare subreads`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pysam

from lexome.core.errors import LexomeError, UsageError
from lexome.core.zmw import ZmwOutcome, ZmwReport
from lexome.evaluate.align import map_in_order
from lexome.io.aligned_subreads import aligned_header, check_aligned_output, open_aligned
from lexome.io.ccs_reads import CcsReads, ccs_lengths
from lexome.io.corrected import named_at_end
from lexome.io.output import check_output
from lexome.io.subread_sets import read_set
from lexome.io.subreads import hole_of
from lexome.io.summary import check_summary
from lexome.tasks.basecall.outputs import OutputPaths
from lexome.tasks.basecall.overwriting import check_overwrites
from lexome.tasks.basecall.shard import Shard
from lexome.tasks.correct.align_zmw import AlignJob, PlacedZmw, WantedHoles, align_zmw, rows_of
from lexome.tasks.correct.aligned_table import COLUMNS, AlignRow, AlignSummary
from lexome.tasks.correct.table import TableWriter

Report = Callable[[AlignRow], None]


@dataclass(frozen=True)
class AlignRequest:
    """What to align and how to write it.

    Attributes:
        subreads: a BAM file, a data set (XML) or a list of files (FOFN); together by ZMW.
        ccs: of the CCS reads, likewise; in any order.
        output: BAM or SAM.
        table: a line for every ZMW, if wanted.
        threads: that align.
        shard: only this part of the ZMWs.
        command_line: as it was typed.
        version: of lexome.
    """

    subreads: Path
    ccs: Path
    output: Path
    table: Path | None = None
    threads: int = 1
    shard: Shard | None = None
    command_line: str = "lexome prepare subreads"
    version: str = "unknown"

    def wants(self, hole: str) -> bool:
        """Whether a hole is of the shard."""
        return self.shard is None or self.shard.holds(hole)

    def check(self, *, is_made: bool = False) -> None:
        """Finds out before any work whether input and output can be what they are.

        Args:
            is_made: the CCS reads are made first, in the file `ccs`.

        Raises:
            UsageError: if not.
            BadInputError: if a data set or list cannot be read, or names a file that is not there.
        """
        for path in (self.subreads, *(() if is_made else (self.ccs,))):
            if not path.is_file():
                raise UsageError(f"{path}: no such file")
        check_aligned_output(self.output)
        if self.table is not None:
            check_summary(self.table)
        inputs = [self.subreads, *read_set(self.subreads).files]
        if is_made:
            if self.ccs.suffix.lower() != ".bam":
                raise UsageError(f"{self.ccs}: drafts are written as .bam")
            check_output(self.ccs)
        else:
            inputs += [self.ccs, *read_set(self.ccs).files]
        check_overwrites(OutputPaths(self.output, self.ccs if is_made else None, self.table), inputs)


def align_files(
    request: AlignRequest,
    on_progress: Callable[[int], None] = lambda subreads: None,
    summary: AlignSummary | None = None,
    make_ccs: Callable[[Report], None] | None = None,
) -> AlignSummary:
    """Aligns all subreads and writes them, in input order; in memory are a few ZMWs for each thread.

    Args:
        request: what was asked for.
        on_progress: told how many subreads are done.
        summary: a new one to count in, for whoever wants to know how far it came when the work is stopped.
        make_ccs: makes the CCS reads first, and reports ZMWs of which there are none; None: they are there.

    Returns:
        The counts.

    Raises:
        UsageError: as `AlignRequest.check`.
        LexomeError: if a file cannot be read or written, or no subread could be aligned. The records written
            by then are in `summary.partial`; a file without any is not left. An empty shard is no error.
    """
    summary = AlignSummary() if summary is None else summary
    request.check(is_made=make_ccs is not None)
    with ExitStack() as stack:
        table = None
        if request.table is not None:
            writer = TableWriter[AlignRow](request.table, COLUMNS)
            table = stack.enter_context(named_at_end(request.table, writer))
        lines = _Lines(table, summary)
        try:
            if make_ccs is not None:
                make_ccs(lines.row)
            _align(request, lines, summary, on_progress, tell_missing=make_ccs is None)
        except BaseException:
            lines.forget_empty()
            raise
    return summary


def _align(
    request: AlignRequest,
    lines: "_Lines",
    summary: AlignSummary,
    on_progress: Callable[[int], None],
    tell_missing: bool,
) -> None:
    subreads, ccs = read_set(request.subreads), read_set(request.ccs)

    def report(one: ZmwReport) -> None:
        if request.wants(hole_of(one.name)):
            lines.row(AlignRow(one.name, one.outcome, one.detail))

    lengths = ccs_lengths(ccs.files, report)
    words = f"shard:{request.shard}" if request.shard is not None else ""
    header = aligned_header(subreads.files, lengths, request.version, request.command_line, words)
    del lengths  # the header has them
    wanted = WantedHoles(subreads.files, request.wants)
    with CcsReads(ccs.files, header) as reads, open_aligned(request.output, header) as writer:
        summary.partial = writer.partial_path
        join = _Join(wanted, reads, header, lines, tell_missing)
        try:
            for placed in map_in_order(align_zmw, join, request.threads):
                for record, _, _, place in placed.found:
                    writer.write(record, place)
                lines.count(placed)
                on_progress(summary.subreads)
            join.report_rest(report)
            if wanted.error is not None:
                raise wanted.error
            if summary.aligned == 0 and request.shard is None:
                raise LexomeError(_why_nothing(summary))
        except BaseException:
            if summary.aligned == 0:
                writer.partial_path.unlink(missing_ok=True)
            raise
        lines.close()  # a table that does not fit keeps the records partial, too


class _Join:
    """Gives out holes with their CCS reads; those without one, or met again, are noted."""

    def __init__(
        self,
        wanted: WantedHoles,
        reads: CcsReads,
        header: pysam.AlignmentHeader,
        lines: "_Lines",
        tell_missing: bool,
    ) -> None:
        self._wanted, self._reads, self._names = wanted, reads, header.references
        self._lines, self._tell_missing = lines, tell_missing
        self._met = bytearray(header.nreferences)

    def __iter__(self) -> Iterator[AlignJob]:
        for hole, records in self._wanted:
            numbers = self._reads.numbers_of(hole)
            if not numbers:
                reason = "there is no such CCS read"
                self._lines.leave_out(
                    hole, ZmwOutcome.NO_CCS, reason, len(records), is_told=not self._tell_missing
                )
            elif self._met[numbers[0]]:
                reason = "more subreads in another place are not used; sort the subreads by name"
                self._lines.leave_out(hole, ZmwOutcome.NOT_CONTIGUOUS, reason, len(records))
            else:
                for number in numbers:
                    self._met[number] = 1
                names = [self._names[number] for number in numbers]
                sequences = [self._reads.sequence(number) for number in numbers]
                yield AlignJob(records, list(zip(numbers, names, sequences, strict=True)))

    def report_rest(self, report: Callable[[ZmwReport], None]) -> None:
        """Reports the CCS reads of which no subread came."""
        outcome, reason = ZmwOutcome.NO_SUBREADS, "there are no subreads of it"
        if self._wanted.error is not None:
            outcome, reason = ZmwOutcome.TRUNCATED, "the file of the subreads is damaged here or before"
        for number, met in enumerate(self._met):
            if not met:
                report(ZmwReport(self._names[number], outcome, reason))


class _Lines:
    """What becomes of ZMWs goes through here: into the table and the counts."""

    def __init__(self, table: TableWriter[AlignRow] | None, summary: AlignSummary) -> None:
        self._table, self._summary = table, summary

    def count(self, placed: PlacedZmw) -> None:
        """Notes a hole whose subreads were aligned, as far as they fit."""
        summary = self._summary
        summary.subreads += len(placed.job.records)
        summary.aligned += len(placed.found)
        summary.left_out.update(placed.left_out)
        kinetics = [record.has_tag("pw") and record.has_tag("ip") for record, _, _, _ in placed.found]
        summary.without_kinetics += kinetics.count(False)
        for row in rows_of(placed):
            self.row(row)

    def leave_out(
        self, hole: str, outcome: ZmwOutcome, reason: str, subreads: int, is_told: bool = False
    ) -> None:
        """Notes subreads that are not aligned; `is_told`: their ZMW has its line already."""
        self._summary.subreads += subreads
        self._summary.left_out[outcome] += subreads
        if not is_told:
            self.row(AlignRow(hole, outcome, reason, subreads=subreads))

    def row(self, row: AlignRow) -> None:
        """Writes a line and counts it."""
        self._summary.add(row)
        if self._table is not None:
            self._table.write(row)

    def close(self) -> None:
        """Ends the table; may be called again."""
        if self._table is not None:
            self._table.close()

    def forget_empty(self) -> None:
        """Removes a partial table without a line."""
        if self._table is not None and not self._summary.outcomes:
            self._table.close()
            self._table.partial_path.unlink(missing_ok=True)


def _why_nothing(summary: AlignSummary) -> str:
    for outcome, examples in summary.examples.items():
        name, reason = examples[0]
        number = summary.outcomes[outcome]
        return f"no subread could be aligned; {number} ZMWs are {outcome}, the first: {name}: {reason}"
    return "no subread could be aligned: the input holds none"
