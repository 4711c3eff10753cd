"""`lexome simulate`: data with known truth."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.simulate_oscillator import oscillator

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


@app.command()
def subreads(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    count: Annotated[int, typer.Option("--count", metavar="N", help="Number of molecules (ZMWs).")],
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference", metavar="REF", help="FASTA that they come from (default: a random genome)."
        ),
    ] = None,
    genome_length: Annotated[
        int, typer.Option("--genome-length", metavar="BP", min=1000, help="Bases of the random genome.")
    ] = 2_000_000,
    block: Annotated[
        int | None,
        typer.Option(
            "--block",
            metavar="BP",
            min=1,
            help="Cut each contig into blocks, so that one contig can be split for training and testing.",
        ),
    ] = None,
    mean_length: Annotated[
        float, typer.Option("--mean-length", metavar="BP", help="Mean length of the molecules.")
    ] = 12_000.0,
    sd_length: Annotated[
        float, typer.Option("--sd-length", metavar="BP", help="Standard deviation of their lengths.")
    ] = 1_500.0,
    min_length: Annotated[int, typer.Option("--min-length", metavar="BP", help="Least length.")] = 1_000,
    min_passes: Annotated[int, typer.Option("--min-passes", metavar="N", help="Fewest full passes.")] = 3,
    max_passes: Annotated[int, typer.Option("--max-passes", metavar="N", help="Most full passes.")] = 18,
    error_factor: Annotated[
        float, typer.Option("--error-factor", metavar="FACTOR", help="Factor on the passes' error rates.")
    ] = 1.0,
    profile: Annotated[
        Path | None,
        typer.Option("--profile", metavar="FILE", help="Rates and kinetics (default: the bundled ones)."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", min=0, help="The same seed gives the same bytes.")
    ] = 1,
    first: Annotated[
        int, typer.Option("--first", metavar="N", min=1, help="Number of the first molecule.")
    ] = 1,
) -> None:
    """Simulate PacBio subreads, their consensus reads and their truth into a folder of BAM files.

    The files have the form of real ones; docs/subread-simulator.md describes them, the model, and how far it
    is like real reads.
    """
    from lexome.cli.progress import progress
    from lexome.simulate.hifi import SubreadConfig
    from lexome.tasks.correct.simulate import simulate_to_folder

    config = SubreadConfig(mean_length, sd_length, min_length, min_passes, max_passes, error_factor)
    with progress("simulating", "ZMWs", count) as show:
        made = simulate_to_folder(
            output, config, count, seed, reference=reference, genome_bp=genome_length, block_bp=block,
            profile=profile, first=first, progress=show,
        )  # fmt: skip
    typer.echo(f"lexome: {output}: {made.zmws:,} ZMWs, {made.subreads:,} subreads", err=True)


app.command()(oscillator)
