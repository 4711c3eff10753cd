"""`lexome basecall`: raw nanopore signal into bases."""

from pathlib import Path
from typing import Annotated

import typer

LISTED_SKIPS = 20


def basecall(
    inputs: Annotated[list[Path], typer.Argument(metavar="READS...", help="POD5 files, or folders of them.")],
    model: Annotated[
        str,
        typer.Option("--model", "-m", metavar="MODEL", help="A bundled model's name, or a lexome, bonito or dorado folder."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help=".bam .sam .cram .fastq[.gz] .fasta[.gz]; default: SAM on stdout."),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders too.")] = False,
    emit_moves: Annotated[bool, typer.Option("--emit-moves", help="Write the move table (tag mv).")] = False,
    no_trim: Annotated[bool, typer.Option("--no-trim", help="Keep the adapter at the start of the signal.")] = False,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="auto, cpu or cuda:N.")] = "auto",
    engine: Annotated[str, typer.Option("--engine", metavar="ENGINE", help="auto, onnx or torch.")] = "auto",
    threads: Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, metavar="N", help="Chunks at a time; never changes the bases.")
    ] = None,
    chunk_size: Annotated[
        int | None, typer.Option("--chunk-size", min=1, metavar="S", help="Samples in a chunk (default: the model's).")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option("--overlap", min=0, metavar="S", help="Samples shared by chunks (default: the model's).")
    ] = None,
) -> None:
    """Call bases from raw nanopore signal.

    Reads go to OUT in input order, with dorado's tags. The same input gives the same bases whatever the batch size
    and the number of threads. An interrupted run leaves its finished reads in OUT.partial.
    """
    import os
    import shlex
    import sys

    from lexome import __version__
    from lexome.cli.progress import progress
    from lexome.tasks.basecall.files import CallRequest, call_files, plan_calls
    from lexome.tasks.basecall.model import open_model

    command_line = shlex.join(["lexome", *sys.argv[1:]])
    request = CallRequest(inputs, output, recursive, emit_moves, command_line, __version__)
    plan = plan_calls(request)
    opened = open_model(
        model, engine=engine, device=device, threads=threads or os.cpu_count() or 1, batch_size=batch_size,
        chunk_size=chunk_size, overlap=overlap, trim=not no_trim,
    )  # fmt: skip
    for run in plan.runs:
        if opened.signal.sample_rate_hz not in (None, run.sample_rate_hz):
            typer.echo(
                f"lexome: warning: run {run.run_id} was sampled at {run.sample_rate_hz} Hz, model {opened.name} was "
                f"trained at {opened.signal.sample_rate_hz} Hz: its calls will be poor",
                err=True,
            )
    with progress("calling", "samples", plan.total_samples) as show:
        summary = call_files(request, plan, opened, show)
    typer.echo(
        f"lexome: called {summary.reads} reads, {summary.bases} bases, from {summary.samples} samples"
        + (f"; {summary.empty_reads} without any base" if summary.empty_reads else ""),
        err=True,
    )
    if summary.skipped:
        typer.echo(f"lexome: {len(summary.skipped)} skipped:", err=True)
        for skipped in summary.skipped[:LISTED_SKIPS]:
            typer.echo(f"lexome:   {skipped.name}: {skipped.reason}", err=True)
        if len(summary.skipped) > LISTED_SKIPS:
            typer.echo(f"lexome:   and {len(summary.skipped) - LISTED_SKIPS} more", err=True)
