"""`lexome prepare subreads`: raw subreads aligned to their CCS reads, as `lexome correct` takes them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from lexome.tasks.correct.aligned_table import AlignSummary
    from lexome.tasks.correct.drafts import DraftSummary


def subreads(
    subreads: Annotated[
        Path,
        typer.Argument(metavar="SUBREADS", help="BAM, data set (.xml) or list of files (FOFN); by ZMW."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="BAM", help="Aligned subreads to write.")],
    ccs: Annotated[
        Path | None, typer.Option("--ccs", metavar="BAM", help="The CCS reads: BAM, data set or list.")
    ] = None,
    draft_output: Annotated[
        Path | None,
        typer.Option(
            "--draft-out", metavar="BAM", help="Without CCS reads: make a draft of each and write it."
        ),
    ] = None,
    min_passes: Annotated[
        int, typer.Option("--min-passes", min=1, metavar="N", help="Full passes that a draft needs.")
    ] = 3,
    min_rq: Annotated[
        float, typer.Option("--min-rq", min=0, max=1, metavar="A", help="Least expected accuracy of a draft.")
    ] = 0.0,
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="TSV", help="Write a line for every ZMW: what became of it and why."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, metavar="N", help="Default: all cores. The output stays the same."),
    ] = None,
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="I/N", help="Align only part I of N of the ZMWs.")
    ] = None,
) -> None:
    """Align raw PacBio subreads to their CCS reads.

    Records go to the output in input order. Every ZMW is there, or counted with its reason and, with
    --table, listed. After Ctrl-C the records finished by then stay, readable, in OUT.partial.
    """
    from contextlib import ExitStack

    from lexome import __version__
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.tasks.basecall.shard import Shard
    from lexome.tasks.correct.align import AlignRequest, Report, align_files
    from lexome.tasks.correct.aligned_table import AlignSummary
    from lexome.tasks.correct.drafts import DraftRequest, DraftSummary, draft_files

    if (ccs is None) == (draft_output is None):
        raise UsageError("name either the CCS reads with --ccs, or with --draft-out where drafts shall go")
    target = ccs or draft_output
    assert target is not None
    part = Shard.parse(shard) if shard is not None else None
    typed, cores = command_line(), threads or usable_cores()
    request = AlignRequest(subreads, target, output, table, cores, part, typed, __version__)
    request.check(is_made=ccs is None)
    _warn_of_filters(subreads, ccs)
    drafts, summary = DraftSummary(), AlignSummary()

    def make_drafts(report: Report) -> None:
        wanted = DraftRequest(subreads, target, min_passes, min_rq, cores, part, typed, __version__)
        with progress("making drafts", "ZMWs") as show:
            draft_files(wanted, report, show, drafts)
        _say(f"made {drafts.drafts} drafts ({drafts.bases} bases) of {drafts.zmws} ZMWs in {target}")

    with interruptible(lambda: _kept(drafts, summary)), ExitStack() as bars:
        shown: list[Callable[[float], None]] = []

        def show_aligned(done: int) -> None:
            if not shown:  # a terminal has room for one bar at a time
                shown.append(bars.enter_context(progress("aligning", "subreads")))
            shown[0](done)

        align_files(request, show_aligned, summary, make_drafts if ccs is None else None)
    _report(summary)


def _warn_of_filters(*paths: Path | None) -> None:
    from lexome.io.subread_sets import read_set

    for path in paths:
        if path is not None and (number := read_set(path).num_filters):
            _say(f"{path}: its {number} filters are not applied; all reads of its files are used")


def _kept(drafts: "DraftSummary", summary: "AlignSummary") -> str:
    if summary.aligned and summary.partial is not None:
        return f"{summary.partial} holds {summary.aligned} of the first {summary.subreads} subreads"
    if summary.partial is None and drafts.drafts and drafts.partial is not None and drafts.partial.exists():
        return f"{drafts.partial} holds drafts of {drafts.drafts} of the first {drafts.zmws} ZMWs"
    return "no subread was aligned by then"


def _report(summary: "AlignSummary") -> None:
    from lexome.cli.outcomes import echo_outcomes
    from lexome.tasks.correct.aligned_table import AlignOutcome

    zmws = summary.outcomes[AlignOutcome.ALIGNED]
    _say(f"aligned {summary.aligned} of {summary.subreads} subreads to {zmws} CCS reads")
    if summary.left_out:
        reasons = ", ".join(f"{number} {why}" for why, number in summary.left_out.most_common())
        _say(f"subreads left out: {reasons}")
    if summary.without_kinetics:
        _say(f"{summary.without_kinetics} subreads have no pw or ip: `lexome correct` cannot use them")
    echo_outcomes(summary.examples, summary.outcomes, lambda outcome, number: f"{number} {outcome}:")


def _say(line: str) -> None:
    typer.echo(f"lexome: {line}", err=True)
