"""Signal files in, base calls out: the work of `lexome basecall`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lexome.core.errors import LexomeError
from lexome.core.records import Alignment, Basecall, RawRead, Skipped
from lexome.io.hts import OutputHeader
from lexome.io.signal_files import iter_reads
from lexome.tasks.basecall.disk import check_free_disk
from lexome.tasks.basecall.estimate import Estimate, estimate
from lexome.tasks.basecall.journal import Settings, file_digest, ids_digest, input_files
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.basecall.outputs import open_outputs
from lexome.tasks.basecall.plan import CallPlan, CallRequest
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.basecall.selection import of_known_runs

if TYPE_CHECKING:
    from lexome.tasks.basecall.alignment import Aligner


@dataclass
class CallSummary:
    """What became of the input so far.

    Attributes:
        reads: written, those kept of an interrupted run included.
        kept_reads: of an interrupted run; what follows counts only the others.
        empty_reads: those in which the network found no base.
        failed_reads: those below the quality asked for.
        aligned_reads: those that were found on the reference; None without one.
        bases: in all reads.
        samples: of the reads that were written, before trimming.
        skipped: every read and file that was not called, with its reason.
        missing_ids: read ids that were asked for and are not in the input.
        partial: where the reads are until all are done; None before the output is open, and for stdout.
        failed_path: where reads below the quality asked for are; None if none was asked for.
    """

    reads: int = 0
    kept_reads: int = 0
    empty_reads: int = 0
    failed_reads: int = 0
    aligned_reads: int | None = None
    bases: int = 0
    samples: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    missing_ids: int = 0
    partial: Path | None = None
    failed_path: Path | None = None


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
        UsageError: if an interrupted run is to be resumed and was another one.
        LexomeError: if no read could be called, or writing fails. The reads finished by then are in
            `summary.partial`; if there are none, no file is left. An empty shard is no error.
    """
    summary = CallSummary() if summary is None else summary
    if not request.force:
        check_free_disk(request.output, plan.expected_samples, request.emit_moves)
    aligner = _aligner(request, model)
    summary.aligned_reads = None if aligner is None else 0
    summary.failed_path = request.paths.failed
    selection = plan.selection
    skip = summary.skipped.append
    reads = selection.first(of_known_runs(iter_reads(plan.files, skip, selection.wants), plan.runs, skip))
    settings = _settings(request, plan, model)
    outputs_of = open_outputs(
        request.paths,
        _header(request, plan, model, aligner, f"settings:{settings.digest}"),
        settings,
        resume=request.resume,
        sort=request.sort,
    )
    with outputs_of as (outputs, earlier):
        summary.partial = outputs.partial_path
        try:
            for read in earlier.reads():
                outputs.keep(read)
                summary.reads += 1
                summary.kept_reads += 1
            selection.leave_out(earlier.is_done)
            for call, alignments in _route(reads, model, aligner, summary.skipped):
                _count(summary, call, alignments, passes=outputs.write(call, alignments))
                on_progress(summary.samples)
            summary.missing_ids = selection.num_missing
            if summary.reads == 0 and request.shard is None:
                raise LexomeError(_why_nothing(summary))
        except BaseException:
            if summary.reads == 0:
                outputs.forget()
            raise
    return summary


def estimate_calls(request: CallRequest, plan: CallPlan, model: BasecallModel) -> Estimate:
    """Calls a part of the reads and says what calling all of the plan would take; writes no output.

    Raises:
        LexomeError: if no read can be called.
    """
    aligner = _aligner(request, model)
    return estimate(
        plan.files,
        plan.selection,
        plan.total_reads,
        plan.total_samples,
        lambda reads: _route(reads, model, aligner, []),
        _header(request, plan, model, aligner, ""),
        request.output,
        emit_moves=request.emit_moves,
    )


def _route(
    reads: Iterable[RawRead], model: BasecallModel, aligner: "Aligner | None", skipped: list[Skipped]
) -> Iterable[tuple[Basecall, Sequence[Alignment]]]:
    calls = basecall_reads(reads, model, skipped.append)
    if aligner is None:
        return ((call, ()) for call in calls)
    from lexome.tasks.basecall.alignment import align_calls

    return align_calls(calls, aligner, model.engine.threads)


def _aligner(request: CallRequest, model: BasecallModel) -> "Aligner | None":
    if request.reference is None:
        return None
    from lexome.tasks.basecall.alignment import Aligner  # only here: it loads minimap2

    return Aligner(request.reference, model.engine.threads)


def _count(summary: CallSummary, call: Basecall, alignments: Sequence[Alignment], passes: bool) -> None:
    summary.reads += 1
    summary.empty_reads += not call.sequence
    summary.failed_reads += not passes
    summary.bases += len(call.sequence)
    summary.samples += call.info.num_samples
    if summary.aligned_reads is not None:
        summary.aligned_reads += bool(alignments)


def _header(
    request: CallRequest, plan: CallPlan, model: BasecallModel, aligner: "Aligner | None", settings: str
) -> OutputHeader:
    words = [f"device:{model.engine.device}", settings]
    if request.shard is not None:
        words.append(f"shard:{request.shard}")  # merging looks for it
    return OutputHeader(
        plan.runs,
        model.name,
        model.stride,
        request.version,
        request.command_line,
        " ".join(filter(None, words)),
        () if aligner is None else aligner.sequences,
        "" if aligner is None else aligner.description,
    )


def _settings(request: CallRequest, plan: CallPlan, model: BasecallModel) -> Settings:
    reference, read_ids = request.reference, plan.selection.read_ids
    return Settings(
        lexome=request.version,
        model=model.name,
        model_digest=model.digest,
        engine=f"{model.engine.name} on {model.engine.device.partition(':')[0]}",
        chunk_size=model.signal.chunk_size,
        overlap=model.signal.overlap,
        trim=model.signal.trim.enabled,
        beam_width=model.beam_width,
        emit_moves=request.emit_moves,
        min_qscore=request.min_qscore,
        reference=None if reference is None else str(reference),
        reference_digest=None if reference is None else file_digest(reference),
        shard=None if request.shard is None else str(request.shard),
        read_ids=None if read_ids is None else ids_digest(read_ids),
        max_reads=request.max_reads,
        files=input_files(plan.files),
    )


def _why_nothing(summary: CallSummary) -> str:
    if summary.missing_ids and not summary.skipped:
        return (
            f"no read could be called: none of the {summary.missing_ids} read ids asked for is in the input"
        )
    if not summary.skipped:
        return "no read could be called: the input holds none"
    first = summary.skipped[0]
    return f"no read could be called: {len(summary.skipped)} skipped; the first: {first.name}: {first.reason}"
