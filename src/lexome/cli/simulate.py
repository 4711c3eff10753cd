"""`lexome simulate`: data with known truth."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="simulate", help="Simulate data with known truth.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Simulate data with known truth."""


@app.command()
def reads(
    reference: Annotated[
        Path,
        typer.Option("--reference", metavar="REF", help="FASTA (may be .gz) that the reads come from."),
    ],
    count: Annotated[int, typer.Option("--count", metavar="N", help="Number of reads.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="POD5", help="File to write.")],
    truth: Annotated[
        Path | None,
        typer.Option("--truth", metavar="BAM", help="Write each read's true place, bases and times here."),
    ] = None,
    levels: Annotated[
        Path | None,
        typer.Option(
            "--levels", metavar="TABLE", help="K-mer levels (default: the bundled ones of the profile)."
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="dna-r9-min or dna-r9-prom; with --levels also dna-r10-min or dna-r10-prom.",
        ),
    ] = "dna-r9-min",
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="The same seed gives the same bytes.")] = 1,
    mean_length: Annotated[
        float, typer.Option("--mean-length", metavar="BP", help="Mean length of the reads.")
    ] = 4000.0,
    min_length: Annotated[
        int, typer.Option("--min-length", metavar="BP", help="Least length of the reads.")
    ] = 200,
    adapter: Annotated[
        bool,
        typer.Option("--adapter/--no-adapter", help="Begin with the stalled motor and the adapter or not."),
    ] = True,
    noise: Annotated[
        float, typer.Option("--noise", metavar="FACTOR", help="Factor on all noise: 0 none, 1 as real reads.")
    ] = 1.0,
    drift: Annotated[
        float,
        typer.Option("--drift", metavar="SD", help="Wandering of the baseline, 1 = the levels' spread."),
    ] = 0.05,
    dwell: Annotated[
        float | None,
        typer.Option("--dwell", metavar="SAMPLES", help="Mean samples per base (default: the profile's)."),
    ] = None,
    truth_stride: Annotated[
        int, typer.Option("--truth-stride", metavar="SAMPLES", help="Step of the truth's move table.")
    ] = 5,
) -> None:
    """Simulate raw nanopore reads from a reference into POD5, and their truth into BAM.

    The same command gives the same bytes. docs/simulate.md describes the model and the truth's tags.
    """
    from lexome.cli.progress import progress
    from lexome.simulate.pore import PoreConfig
    from lexome.tasks.basecall.simulate import simulate_to_files

    config = PoreConfig(
        profile=profile,
        mean_length_bp=mean_length,
        min_length_bp=min_length,
        adapter=adapter,
        noise=noise,
        drift=drift,
        dwell_mean_samples=dwell,
    )
    with progress("simulating", "reads", count) as show:
        totals = simulate_to_files(
            reference,
            output,
            config,
            count,
            seed,
            truth=truth,
            levels=levels,
            truth_stride=truth_stride,
            progress=show,
        )
    written = output if truth is None else f"{output}, {truth}"
    typer.echo(
        f"lexome: {written}: {totals.reads:,} reads, {totals.bases:,} bases, {totals.samples:,} samples",
        err=True,
    )
