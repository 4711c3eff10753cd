"""Signal files in, base calls out: the work of `lexome basecall`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lexome.core.errors import LexomeError, UsageError
from lexome.core.records import RunInfo, Skipped
from lexome.io.hts import OutputHeader
from lexome.io.output import check_output, open_output
from lexome.io.signal_files import find_signal_files, iter_reads, runs_of, summarise
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.basecall.selection import Selection, read_id_list


@dataclass
class CallSummary:
    """What became of the input so far.

    Attributes:
        reads: called and written.
        empty_reads: those of them in which the network found no base.
        bases: in all reads.
        samples: of the reads that were written, before trimming.
        skipped: every read and file that was not called, with its reason.
        missing_ids: read ids that were asked for and are not in the input.
        partial: where the reads are until all are done; None before the output is open, and for stdout.
    """

    reads: int = 0
    empty_reads: int = 0
    bases: int = 0
    samples: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    missing_ids: int = 0
    partial: Path | None = None


@dataclass(frozen=True)
class CallRequest:
    """Which reads to call and how to write them.

    `output` None is SAM on stdout; `read_ids` is a file that lists the only reads wanted, `max_reads` how
    many of them.
    """

    inputs: Sequence[Path]
    output: Path | None
    recursive: bool = False
    emit_moves: bool = False
    read_ids: Path | None = None
    max_reads: int | None = None
    command_line: str = "lexome basecall"
    version: str = "unknown"


@dataclass(frozen=True)
class CallPlan:
    """The input as found before any work: files, runs, what is wanted of them, totals of all they hold."""

    files: list[Path]
    runs: list[RunInfo]
    selection: Selection
    total_reads: int
    total_samples: int


def plan_calls(request: CallRequest) -> CallPlan:
    """Looks at input and output before anything slow is done.

    Raises:
        UsageError: if an input is missing, holds no signal files, or the output cannot be written.
    """
    check_output(request.output)
    for path in request.inputs:
        if request.output is None and _could_be_output(path):
            raise UsageError(f"{path}: no signal file; to write the calls there, put -o before it")
    files = find_signal_files(request.inputs, request.recursive)
    ids = read_id_list(request.read_ids) if request.read_ids is not None else None
    totals = summarise(files)
    return CallPlan(files, runs_of(files), Selection(ids, request.max_reads), totals.reads, totals.samples)


def call_files(
    request: CallRequest,
    plan: CallPlan,
    model: BasecallModel,
    on_progress: Callable[[int], None] = lambda samples: None,
    summary: CallSummary | None = None,
) -> CallSummary:
    """Calls all reads of the plan and writes them: files by their paths, reads in their file's order.

    Args:
        request: what was asked for.
        plan: from `plan_calls`.
        model: from `model.open_model`.
        on_progress: told how many samples are done after each read.
        summary: a new one to count in, for whoever wants to know how far it came when the work is stopped.

    Returns:
        The counts.

    Raises:
        LexomeError: if no read could be called, or writing fails. The reads finished by then are in
            `summary.partial`; if there are none, no file is left.
    """
    summary = CallSummary() if summary is None else summary
    header = OutputHeader(
        plan.runs, model.name, model.stride, request.version, request.command_line,
        f"device:{model.engine.device}",
    )  # fmt: skip
    selection = plan.selection
    reads = selection.first(iter_reads(plan.files, summary.skipped.append, selection.wants))
    try:
        with open_output(request.output, header, request.emit_moves) as writer:
            summary.partial = writer.partial_path
            for call in basecall_reads(reads, model, summary.skipped.append):
                writer.write(call)
                summary.reads += 1
                summary.empty_reads += not call.sequence
                summary.bases += len(call.sequence)
                summary.samples += call.info.num_samples
                on_progress(summary.samples)
            summary.missing_ids = selection.num_missing
            if summary.reads == 0:
                raise LexomeError(_why_nothing(summary))
    except BaseException:
        if summary.partial is not None and summary.reads == 0:
            summary.partial.unlink(missing_ok=True)
        raise
    return summary


def _could_be_output(path: Path) -> bool:
    try:
        check_output(path)
    except UsageError:
        return False
    return True


def _why_nothing(summary: CallSummary) -> str:
    if summary.missing_ids and not summary.skipped:
        return (
            f"no read could be called: none of the {summary.missing_ids} read ids asked for is in the input"
        )
    if not summary.skipped:
        return "no read could be called: the input holds none"
    first = summary.skipped[0]
    return f"no read could be called: {len(summary.skipped)} skipped; the first: {first.name}: {first.reason}"
