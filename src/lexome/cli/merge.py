"""`lexome merge`: joins the outputs of a divided run."""

from pathlib import Path
from typing import Annotated

import typer


def merge(
    parts: Annotated[
        list[Path], typer.Argument(metavar="PARTS", help="Outputs of lexome basecall, all of one kind.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="File to write: .bam .sam .cram, .fastq[.gz] or .fasta[.gz].",
        ),
    ],
    no_shards: Annotated[
        bool, typer.Option("--no-shards", help="Join other parts than the shards of one run.")
    ] = False,
) -> None:
    """Join the outputs of lexome basecall --shard 1/N ... N/N into one.

    All N shards are needed, each once and complete, called by one model with the same settings; no read may
    be there twice. The reads come shard after shard. If all parts are sorted by position, so is OUT, and it
    gets an index.

    With --no-shards any outputs of one model with the same settings are joined, in the order given: for
    example those of several runs.

    The exit code is 0 if OUT was written, 1 if a part is damaged or holds a wrong read, or OUT cannot be
    written, 2 if the parts do not belong together, 130 after Ctrl-C. Unless it is 0, OUT is as it was before.
    """
    from lexome import __version__
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.tasks.basecall.merge import MergeRequest
    from lexome.tasks.basecall.merge import merge as merge_parts

    request = MergeRequest(
        parts, output, shards=not no_shards, command_line=command_line(), version=__version__
    )
    with interruptible(lambda: "nothing was written"), progress("merging", "reads") as show:
        summary = merge_parts(request, show)
    typer.echo(f"lexome: merged {summary.parts} parts, {summary.reads} reads", err=True)
