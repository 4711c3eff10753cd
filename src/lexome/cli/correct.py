"""`lexome correct`: PacBio subreads into corrected HiFi reads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lexome.tasks.correct.outcomes import CorrectSummary


def correct(
    subreads: Annotated[
        Path,
        typer.Option(
            "--subreads", metavar="BAM", help="Subreads aligned to their CCS reads, together by ZMW."
        ),
    ],
    ccs: Annotated[Path, typer.Option("--ccs", metavar="BAM", help="The CCS reads, in any order.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="A bundled model (lexome models list), or the folder of a lexome model.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="File to write; its ending says the format: .bam .sam .cram .fastq[.gz] .fasta[.gz].",
        ),
    ],
    failed_output: Annotated[
        Path | None,
        typer.Option(
            "--failed-out", metavar="OUT", help="Write corrected reads that do not pass the filters here."
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="TSV", help="Write a line for every ZMW: what became of it and why."),
    ] = None,
    min_quality: Annotated[
        float,
        typer.Option("--min-quality", min=0, max=93, metavar="Q", help="Lowest mean quality of a read."),
    ] = 20.0,
    min_length: Annotated[
        int, typer.Option("--min-length", min=0, metavar="BP", help="Fewest bases of a read.")
    ] = 0,
    max_base_quality: Annotated[
        int,
        typer.Option("--max-base-quality", min=1, max=93, metavar="Q", help="Highest quality of a base."),
    ] = 93,
    skip_windows_above: Annotated[
        float,
        typer.Option(
            "--skip-windows-above",
            min=0,
            metavar="Q",
            help="Keep windows whose CCS bases have a higher mean quality; faster. 0: correct all.",
        ),
    ] = 45.0,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            metavar="T,W,B",
            help="Qualities above T become W times the quality plus B; 'skip': as the network gives them. "
            "Default: the model's.",
        ),
    ] = None,
    ccs_calibration: Annotated[
        str,
        typer.Option("--ccs-calibration", metavar="T,W,B", help="The same for CCS bases that are kept."),
    ] = "skip",
    int8: Annotated[
        bool, typer.Option("--int8", help="Multiply in integers of 8 bits: faster, a little less exact.")
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, metavar="N", help="Default: all cores. The reads stay the same."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Correct only part I of N of the ZMWs."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where an interrupted run stopped (OUT.partial); else start."),
    ] = False,
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate", help="Correct for half a minute and print what all would take; no output."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Begin anew over the reads of an interrupted run.")
    ] = False,
) -> None:
    """Correct PacBio CCS reads with the subreads that they were made of.

    Reads go to OUT in the order of the subreads. The same input gives the same bytes whatever the number of
    threads. Every ZMW is written, or counted with its reason and, with --table, listed.

    The exit code is 0 if any ZMW was corrected, 1 if none was or a file cannot be read or written, 2 for
    wrong use, 130 after Ctrl-C or SIGTERM: the reads finished by then stay, readable, in OUT.partial,
    and --resume goes on from there.
    """
    from lexome import __version__
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.tasks.basecall.resume import is_complete
    from lexome.tasks.basecall.shard import Shard
    from lexome.tasks.correct.estimate import estimate_corrections
    from lexome.tasks.correct.files import CorrectRequest, correct_files
    from lexome.tasks.correct.model import open_corrector
    from lexome.tasks.correct.outcomes import CorrectSummary, Filters

    request = CorrectRequest(
        subreads,
        ccs,
        output,
        failed_output,
        table,
        Filters(min_quality, min_length),
        Shard.parse(shard) if shard is not None else None,
        # the header of a resumed run is that of one that was not interrupted
        command_line(but="--resume"),
        __version__,
        resume=resume,
        force=force or estimate,
    )
    if resume and is_complete(output):
        _say(f"{output} is complete, there is nothing to resume")
        return
    request.check()
    summary = CorrectSummary()
    with interruptible(lambda: _kept(summary)):
        corrector = open_corrector(
            model,
            threads=threads or usable_cores(),
            int8=int8,
            calibration=calibration,
            ccs_calibration=ccs_calibration,
            skip_above=skip_windows_above,
            max_quality=max_base_quality,
        )
        if estimate:
            for line in estimate_corrections(request, corrector).lines():
                typer.echo(line)
            return
        with progress("correcting", "bases") as show:
            correct_files(request, corrector, show, summary)
    _report(summary, failed_output)


def _kept(summary: "CorrectSummary") -> str:
    if summary.num_corrected <= summary.kept and summary.partial is not None and summary.partial.is_file():
        return "what the earlier run has done is kept, --resume goes on from there"
    if summary.num_corrected == 0 or summary.partial is None:
        return "no read was finished by then"
    written = _count(summary.num_written, "read")
    return f"{summary.partial} holds {written} of the first {_count(summary.num_zmws, 'ZMW')}"


def _report(summary: "CorrectSummary", failed_output: Path | None) -> None:
    from lexome.cli.outcomes import echo_outcomes
    from lexome.features.input_range import MEASURES
    from lexome.tasks.correct.outcomes import Verdict
    from lexome.tasks.correct.run import Fate

    written, windows = summary.num_written, summary.windows
    _say(f"wrote {_count(written, 'read')} of {_count(summary.num_zmws, 'ZMW')}")
    if summary.kept:
        others = "; what follows says nothing of their windows and changes" if summary.kept_uncounted else ""
        _say(f"kept {_count(summary.kept, 'ZMW')} of the interrupted run{others}")
    _say(
        f"corrected {_count(windows[Fate.CORRECTED], 'window')}, kept {windows[Fate.SKIPPED]} that are good "
        f"enough and {windows[Fate.OVERFLOW]} that are too wide; {_count(summary.changes, 'change')} in "
        f"{_count(summary.bases_in, 'base')}"
    )
    if summary.dropped_tags:
        names = ", ".join(f"{name} ({number})" for name, number in sorted(summary.dropped_tags.items()))
        _say(f"tags dropped from reads whose bases changed: {names}")
    for measure, number in summary.unlike.items():
        _say(
            f"warning: {MEASURES[measure]} of {_count(number, 'ZMW')} of {summary.measured} lie outside of "
            "what the model was trained on; bases and qualities may be worse than its card says"
        )

    def heading(outcome: str, number: int) -> str:
        where = f", in {failed_output}" if failed_output is not None and outcome in set(Verdict) else ""
        return f"{number} not written ({outcome}){where}:"

    echo_outcomes(summary.examples, summary.outcomes, heading)


def _say(line: str) -> None:
    typer.echo(f"lexome: {line}", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
