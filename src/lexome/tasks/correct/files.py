"""Subreads and CCS reads in, corrected reads out: the work of `lexome correct`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pysam

from lexome.core.errors import LexomeError, UsageError
from lexome.core.zmw import ZmwReads
from lexome.features.input_range import input_means, outside
from lexome.io.corrected import corrected_header
from lexome.io.output import check_output
from lexome.io.partial import partial_of
from lexome.io.subreads import hole_of, read_zmws
from lexome.io.summary import check_summary
from lexome.tasks.basecall.journal import input_files
from lexome.tasks.basecall.outputs import OutputPaths
from lexome.tasks.basecall.overwriting import check_overwrites
from lexome.tasks.basecall.resume import is_interrupted
from lexome.tasks.basecall.shard import Shard
from lexome.tasks.correct.journal import CorrectSettings
from lexome.tasks.correct.model import Corrector
from lexome.tasks.correct.outcomes import CorrectSummary, Filters
from lexome.tasks.correct.outputs import open_corrections
from lexome.tasks.correct.run import NotCorrected, correct_zmws


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
        resume: go on from what an interrupted run has left, if there is anything.
        force: what an interrupted run has left does not matter.
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
    resume: bool = False
    force: bool = False

    @property
    def paths(self) -> OutputPaths:
        """The files to write."""
        return OutputPaths(self.output, self.failed_output, self.table)

    def wants(self, name: str) -> bool:
        """Whether a read is of the shard; both strands of a molecule are of the same."""
        return self.shard is None or self.shard.holds(hole_of(name))

    def check(self) -> None:
        """Finds out before any work whether input and output can be what they are.

        Raises:
            UsageError: if not, or if an interrupted run has left reads there that would be lost.
        """
        for path in (self.subreads, self.ccs):
            if not path.is_file():
                raise UsageError(f"{path}: no such file")
        check_output(self.output)
        if self.failed_output is not None:
            check_output(self.failed_output)
        if self.table is not None:
            check_summary(self.table)
        check_overwrites(self.paths, (self.subreads, self.ccs))
        if self.resume or self.force:
            return
        for path in filter(None, (self.output, self.failed_output)):
            if is_interrupted(path):
                raise UsageError(
                    f"{partial_of(path)}: holds the finished reads of an interrupted run; --resume goes on "
                    "from there, --force begins anew"
                )

    def settings(self, corrector: Corrector) -> CorrectSettings:
        """On which the records of the outputs depend."""
        shard = None if self.shard is None else str(self.shard)
        files = input_files((self.subreads, self.ccs))
        return CorrectSettings.of(corrector, self.filters, self.version, shard, *files)

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
        UsageError: as `CorrectRequest.check`, or if an interrupted run is to be resumed and was another one.
        LexomeError: if a file cannot be read or written, or no ZMW could be corrected. The reads finished by
            then are in `summary.partial`, what is known of others in the partial table; files without any
            are not left. An empty shard is no error.
    """
    summary = CorrectSummary() if summary is None else summary
    request.check()
    outputs_of = open_corrections(
        request.paths,
        request.header(corrector.name),
        request.settings(corrector),
        request.filters,
        summary,
        resume=request.resume,
    )
    with outputs_of as (writing, earlier):

        def leave_out(one: NotCorrected) -> None:
            earlier.pass_over(one)
            writing.leave_out(one)

        def not_done() -> Iterator[ZmwReads]:
            for zmw in _compared(wanted_zmws(request, leave_out), corrector, summary):
                kept = earlier.take(zmw)
                if kept is None:
                    writing.expect(zmw.name)
                    yield zmw
                else:
                    writing.keep(zmw.ccs, kept)

        try:
            for corrected in correct_zmws(not_done(), corrector, writing.give_up):
                writing.write(corrected)
                on_progress(summary.bases_in)
            if summary.num_corrected == 0 and request.shard is None:
                raise LexomeError(_why_nothing(summary))
        except BaseException:
            writing.forget_empty()
            raise
    return summary


def wanted_zmws(
    request: CorrectRequest, leave_out: Callable[[NotCorrected], None] = lambda one: None
) -> Iterator[ZmwReads]:
    """The ZMWs of the request's files and shard; `leave_out` is told of those of it that cannot be used."""

    def report(one: NotCorrected) -> None:
        if request.wants(one.name):
            leave_out(one)

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


def _why_nothing(summary: CorrectSummary) -> str:
    for outcome, examples in summary.examples.items():
        name, reason = examples[0]
        number = summary.outcomes[outcome]
        return f"no ZMW could be corrected; {number} are {outcome}, the first: {name}: {reason}"
    return "no ZMW could be corrected: the input holds none"
