"""Subreads and CCS reads in, corrected reads out: the work of `lexome correct`."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pysam

from lexome.core.errors import LexomeError, UsageError
from lexome.core.zmw import ZmwReads
from lexome.features.input_range import input_means, outside
from lexome.io.corrected import CorrectedRead, CorrectedWriter, corrected_header, named_at_end, open_corrected
from lexome.io.corrected_tags import corrected_tags
from lexome.io.output import check_output
from lexome.io.subreads import hole_of, read_zmws
from lexome.io.summary import check_summary
from lexome.tasks.basecall.outputs import OutputPaths
from lexome.tasks.basecall.overwriting import check_overwrites
from lexome.tasks.basecall.shard import Shard
from lexome.tasks.correct.model import Corrector
from lexome.tasks.correct.outcomes import CorrectSummary, Filters, Verdict
from lexome.tasks.correct.run import Corrected, Fate, NotCorrected, correct_zmws
from lexome.tasks.correct.stitch import error_rate, mean_quality
from lexome.tasks.correct.table import TableRow, TableWriter


@dataclass(frozen=True)
class CorrectRequest:
    """What to correct and how to write it.

    Attributes:
        subreads: aligned to their CCS reads, together by ZMW.
        ccs: the CCS reads.
        output: of the corrected reads.
        failed_output: of the corrected reads that do not pass the filters, if wanted.
        table: a line for every ZMW, if wanted.
        filters: which reads pass.
        shard: correct only this part of the ZMWs.
        command_line: as it was typed.
        version: of lexome.
    """

    subreads: Path
    ccs: Path
    output: Path
    failed_output: Path | None = None
    table: Path | None = None
    filters: Filters = Filters()
    shard: Shard | None = None
    command_line: str = "lexome correct"
    version: str = "unknown"

    def wants(self, name: str) -> bool:
        """Whether a read is of the shard; both strands of a molecule are of the same."""
        return self.shard is None or self.shard.holds(hole_of(name))

    def check(self) -> None:
        """Finds out before any work whether input and output can be what they are.

        Raises:
            UsageError: if not.
        """
        for path in (self.subreads, self.ccs):
            if not path.is_file():
                raise UsageError(f"{path}: no such file")
        check_output(self.output)
        if self.failed_output is not None:
            check_output(self.failed_output)
        if self.table is not None:
            check_summary(self.table)
        outputs = OutputPaths(self.output, self.failed_output, self.table)
        check_overwrites(outputs, (self.subreads, self.ccs))

    def header(self, model_name: str) -> pysam.AlignmentHeader:
        """Of the outputs."""
        words = [f"model:{model_name}", *([f"shard:{self.shard}"] if self.shard is not None else [])]
        return corrected_header(self.ccs, self.version, self.command_line, " ".join(words))


def correct_files(
    request: CorrectRequest,
    corrector: Corrector,
    on_progress: Callable[[int], None] = lambda bases: None,
    summary: CorrectSummary | None = None,
) -> CorrectSummary:
    """Corrects all ZMWs and writes them, in the order of the subreads.

    Args:
        request: what was asked for.
        corrector: from `model.open_corrector`.
        on_progress: told how many bases of CCS reads are done.
        summary: a new one to count in, for whoever wants to know how far it came when the work is stopped.

    Returns:
        The counts.

    Raises:
        UsageError: as `CorrectRequest.check`.
        LexomeError: if a file cannot be read or written, or no ZMW could be corrected. The reads finished by
            then are in `summary.partial`, what is known of others in the partial table; files without any
            are not left. An empty shard is no error.
    """
    summary = CorrectSummary() if summary is None else summary
    request.check()
    header = request.header(corrector.name)
    with ExitStack() as stack:
        table = None
        if request.table is not None:
            table = stack.enter_context(named_at_end(request.table, TableWriter(request.table)))
        failed = None
        if request.failed_output is not None:
            failed = stack.enter_context(open_corrected(request.failed_output, header))
        reads = stack.enter_context(open_corrected(request.output, header))
        summary.partial = reads.partial_path
        writing = Writing(reads, failed, table, request.filters, summary)
        zmws = _compared(wanted_zmws(request, writing), corrector, summary)
        try:
            for corrected in correct_zmws(zmws, corrector, writing.leave_out):
                writing.write(corrected)
                on_progress(summary.bases_in)
            if summary.num_corrected == 0 and request.shard is None:
                raise LexomeError(_why_nothing(summary))
        except BaseException:
            writing.forget_empty()
            raise
        writing.close()
    return summary


def wanted_zmws(request: CorrectRequest, writing: "Writing") -> Iterator[ZmwReads]:
    """The ZMWs of the request's files and shard; those of it that cannot be used are noted."""

    def report(one: NotCorrected) -> None:
        if request.wants(one.name):
            writing.leave_out(one)

    zmws: Iterable[ZmwReads] = read_zmws(
        request.subreads,
        request.ccs,
        lambda one: report(NotCorrected(one.name, one.outcome, one.detail)),
    )
    return (zmw for zmw in zmws if request.wants(zmw.name))


def _compared(zmws: Iterable[ZmwReads], corrector: Corrector, summary: CorrectSummary) -> Iterator[ZmwReads]:
    """The same ZMWs; counts those that are unlike what the model has learnt from."""
    for zmw in zmws:
        if corrector.input_range is not None:
            summary.measured += 1
            summary.unlike.update(outside(input_means(zmw), corrector.input_range))
        yield zmw


class Writing:
    """Everything that becomes of a ZMW goes through here: into a file, the table, the counts."""

    def __init__(
        self,
        reads: CorrectedWriter,
        failed: CorrectedWriter | None,
        table: TableWriter | None,
        filters: Filters,
        summary: CorrectSummary,
    ) -> None:
        self._reads, self._failed, self._table = reads, failed, table
        self._filters, self._summary = filters, summary

    def write(self, corrected: Corrected) -> None:
        """Writes a read to where it belongs."""
        ccs, summary = corrected.ccs, self._summary
        verdict, reason = self._filters.verdict(corrected)
        accuracy = 1 - error_rate(corrected.qualities)
        tags, dropped = corrected_tags(ccs.tags, ccs.sequence, corrected.sequence, accuracy)
        writer = self._reads if verdict == Verdict.WRITTEN else self._failed
        if writer is not None:
            writer.write(CorrectedRead(ccs.name, corrected.sequence, corrected.qualities, tags))
            summary.dropped_tags.update(set(dropped))
        summary.add(ccs.name, verdict, reason)
        summary.windows.update(corrected.fates)
        summary.bases_in += len(ccs.sequence)
        summary.bases_out += len(corrected.sequence)
        summary.changes += corrected.changes
        if self._table is not None:
            self._table.write(_row(corrected, verdict, reason))

    def leave_out(self, one: NotCorrected) -> None:
        """Notes a ZMW that gives no read."""
        self._summary.add(one.name, one.outcome, one.reason)
        if self._table is not None:
            self._table.write(TableRow(one.name, one.outcome, one.reason))

    def close(self) -> None:
        """Ends all files before the first gets its name: one that does not fit keeps all partial."""
        for output in (self._reads, self._failed, self._table):
            if output is not None:
                output.close()

    def forget_empty(self) -> None:
        """Removes partial files without a line; a table may say why there are no reads."""
        empty: list[CorrectedWriter | TableWriter | None] = []
        if self._summary.num_corrected == 0:
            empty += [self._reads, self._failed]
        if self._summary.num_zmws == 0:
            empty.append(self._table)
        for output in empty:
            if output is not None:
                output.partial_path.unlink(missing_ok=True)


def _row(corrected: Corrected, verdict: Verdict, reason: str) -> TableRow:
    fates = corrected.fates
    return TableRow(
        corrected.ccs.name, verdict, reason,
        sum(fates.values()), fates[Fate.CORRECTED], fates[Fate.SKIPPED], fates[Fate.OVERFLOW],
        len(corrected.ccs.sequence), len(corrected.sequence), mean_quality(corrected.qualities),
        corrected.changes, corrected.num_passes, corrected.num_unused,
    )  # fmt: skip


def _why_nothing(summary: CorrectSummary) -> str:
    for outcome, examples in summary.examples.items():
        name, reason = examples[0]
        number = summary.outcomes[outcome]
        return f"no ZMW could be corrected; {number} are {outcome}, the first: {name}: {reason}"
    return "no ZMW could be corrected: the input holds none"
