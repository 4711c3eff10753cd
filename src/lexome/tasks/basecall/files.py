"""Signal files in, base calls out: the work of `lexome basecall`."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lexome.core.errors import LexomeError
from lexome.core.records import RunInfo, Skipped
from lexome.io.hts import OutputHeader
from lexome.io.output import check_output, open_output
from lexome.io.signal_files import find_signal_files, iter_reads, runs_of, summarise
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.basecall.run import basecall_reads


@dataclass
class CallSummary:
    """What became of the input; `skipped` lists everything that was not called, with its reason."""

    reads: int = 0
    empty_reads: int = 0
    bases: int = 0
    samples: int = 0
    sample_rates_hz: Counter[int] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class CallRequest:
    """Which reads to call and how to write them; `output` None is SAM on stdout."""

    inputs: Sequence[Path]
    output: Path | None
    recursive: bool = False
    emit_moves: bool = False
    command_line: str = "lexome basecall"
    version: str = "unknown"


@dataclass(frozen=True)
class CallPlan:
    """The input as found before any work: files, runs, totals."""

    files: list[Path]
    runs: list[RunInfo]
    total_reads: int
    total_samples: int


def plan_calls(request: CallRequest) -> CallPlan:
    """Looks at input and output before anything slow is done.

    Raises:
        UsageError: if an input is missing, holds no signal files, or the output cannot be written.
    """
    check_output(request.output)
    files = find_signal_files(request.inputs, request.recursive)
    totals = summarise(files)
    return CallPlan(files, runs_of(files), totals.reads, totals.samples)


def call_files(
    request: CallRequest, plan: CallPlan, model: BasecallModel, on_progress: Callable[[int], None] = lambda samples: None
) -> CallSummary:
    """Calls all reads of the plan and writes them in input order.

    Args:
        request: what was asked for.
        plan: from `plan_calls`.
        model: from `model.open_model`.
        on_progress: told how many samples are done after each read.

    Returns:
        The counts.

    Raises:
        LexomeError: if no read could be called, or writing fails; the reads finished by then are in
            OUTPUT.partial.
    """
    summary = CallSummary()
    header = OutputHeader(
        plan.runs, model.name, model.stride, request.version, request.command_line,
        f"device:{model.engine.device}",
    )  # fmt: skip
    reads = iter_reads(plan.files, summary.skipped.append)
    with open_output(request.output, header, request.emit_moves) as writer:
        for call in basecall_reads(reads, model, summary.skipped.append):
            writer.write(call)
            summary.reads += 1
            summary.empty_reads += not call.sequence
            summary.bases += len(call.sequence)
            summary.samples += call.info.num_samples
            summary.sample_rates_hz[call.run.sample_rate_hz] += 1
            on_progress(summary.samples)
        if summary.reads == 0:
            first = f"; the first: {summary.skipped[0].name}: {summary.skipped[0].reason}" if summary.skipped else ""
            raise LexomeError(f"no read could be called ({len(summary.skipped)} skipped{first})")
    return summary
