"""`lexome filter`: reads that are good and long enough."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lexome.tasks.filter_reads import FilterSummary


def filter_reads(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Reads with qualities: .fastq[.gz] .bam .sam .cram.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="OUT", help="File to write: .fastq[.gz], or as IN .bam .sam .cram."
        ),
    ],
    min_quality: Annotated[
        float,
        typer.Option(
            "--min-quality", "-q", min=0, max=93, metavar="Q", help="Lowest mean quality of a read."
        ),
    ],
    min_length: Annotated[
        int, typer.Option("--min-length", min=0, metavar="BP", help="Fewest bases of a read.")
    ] = 0,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, metavar="BP", help="Most bases of a read.")
    ] = None,
) -> None:
    """Copy the reads whose mean quality and length are within limits.

    The mean quality is that of the mean probability of an error, to five decimals, over all bases. How many
    reads were left out, and why, is said at the end. OUT gets its name when it is whole; if IN is damaged
    somewhere, what was kept before stays in OUT.partial and the exit code is 1.
    """
    from lexome import __version__
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.tasks.filter_reads import Fate, FilterRequest, FilterSummary, Limits
    from lexome.tasks.filter_reads import filter_reads as run

    limits = Limits(min_quality, min_length, max_length)
    request = FilterRequest(source, output, limits, command_line(), __version__)
    request.check()
    summary = FilterSummary()
    with (
        interruptible(lambda: f"{output}.partial holds {summary.fates[Fate.KEPT]} reads"),
        progress("filtering", "reads") as show,
    ):
        run(request, show, summary)
    _report(summary)


def _report(summary: "FilterSummary") -> None:
    from lexome.tasks.filter_reads import Fate

    kept, total = summary.fates[Fate.KEPT], summary.fates.total()
    typer.echo(
        f"lexome: kept {kept} of {total} reads, {summary.bases_out} of {summary.bases_in} bases", err=True
    )
    for fate in Fate:
        if names := summary.examples.get(fate):
            more = f" and {summary.fates[fate] - len(names)} more" if summary.fates[fate] > len(names) else ""
            typer.echo(f"lexome: left out {summary.fates[fate]} ({fate}): {', '.join(names)}{more}", err=True)
