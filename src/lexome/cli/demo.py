"""`lexome demo`: the main job in small."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for the demo's files; one of an earlier demo is replaced.",
        ),
    ] = Path("demo"),
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="What calls the reads.")
    ] = "r9.4.1_fast",
    reads: Annotated[int, typer.Option("--reads", min=1, metavar="N", help="Reads to simulate.")] = 60,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="S", help="The same seed gives the same calls.")
    ] = 1,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")
    ] = None,
) -> None:
    """Simulate a small run, call its bases, score them and write a report: all in a minute, no downloads."""
    from lexome import __version__
    from lexome.cli.command_line import command_line
    from lexome.core.cores import usable_cores
    from lexome.report.reads import reads_table
    from lexome.report.tables import print_table
    from lexome.tasks.basecall.demo import FILES, run_demo

    result = run_demo(
        output, model=model, reads=reads, mean_length_bp=3000.0, genome_bp=100_000, seed=seed,
        threads=threads or usable_cores(), version=__version__,
        command_line=command_line(),
        say=lambda line: typer.echo(f"lexome: {line}", err=True),
    )  # fmt: skip
    print_table(reads_table(result.evaluation.to_json()))
    typer.echo(
        f"lexome: {result.called.reads} simulated reads called, {result.called.bases} bases. These are "
        f"simulated reads: identity on real ones is on the model's card (lexome models show {model}).",
        err=True,
    )
    typer.echo(f"lexome: look at {output / FILES[-1]}", err=True)
