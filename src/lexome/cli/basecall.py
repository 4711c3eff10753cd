"""`lexome basecall`: raw nanopore signal into bases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lexome.tasks.basecall.files import CallSummary


def basecall(
    reads: Annotated[
        list[Path],
        typer.Argument(metavar="READS", help="POD5, FAST5, SLOW5 or BLOW5 files, or folders of them."),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="A bundled model (lexome models list), 'auto' (the bundled one that fits the reads), or the "
            "folder of a lexome, bonito or dorado model.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="File to write; its ending says the format: .bam .sam .cram .fastq[.gz] .fasta[.gz]. "
            "Default: SAM on stdout.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="REF", help="Align the reads to this FASTA (or .mmi) as well."),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into the subfolders of folders too.")
    ] = False,
    read_ids: Annotated[
        Path | None,
        typer.Option("--read-ids", metavar="FILE", help="Call only the reads listed, one id per line."),
    ] = None,
    max_reads: Annotated[
        int | None,
        typer.Option("--max-reads", min=1, metavar="N", help="Take only the first N of the reads wanted."),
    ] = None,
    min_qscore: Annotated[
        float | None,
        typer.Option(
            "--min-qscore",
            min=0,
            max=93,
            metavar="Q",
            help="Write reads of a lower mean quality to a second file, OUT_fail.ENDING.",
        ),
    ] = None,
    emit_moves: Annotated[
        bool, typer.Option("--emit-moves", help="Write the move table (tag mv; not in FASTQ and FASTA).")
    ] = False,
    no_trim: Annotated[
        bool, typer.Option("--no-trim", help="Call the adapter at the start of a read too.")
    ] = False,
    sort: Annotated[
        bool, typer.Option("--sort", help="Sort by place on the reference, and index (BAM and CRAM).")
    ] = False,
    summary: Annotated[
        Path | None,
        typer.Option("--summary", metavar="TSV", help="Write a sequencing summary as well, a line per read."),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="DEVICE", help="auto (a GPU if there is one), cpu or cuda:N.")
    ] = "auto",
    engine: Annotated[
        str, typer.Option("--engine", metavar="ENGINE", help="auto (CPU: onnx, GPU: torch), onnx or torch.")
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, metavar="N", help="Default: all cores. The bases stay the same."),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", min=1, metavar="N", help="Chunks at a time. The bases stay the same."),
    ] = None,
    chunk_size: Annotated[
        int | None,
        typer.Option("--chunk-size", min=1, metavar="S", help="Samples in a chunk (default: the model's)."),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(
            "--overlap", min=0, metavar="S", help="Samples shared by chunks (default: the model's)."
        ),
    ] = None,
    beam_width: Annotated[
        int | None,
        typer.Option(
            "--beam-width",
            min=1,
            max=256,
            metavar="W",
            help="Beam search with W hypotheses (default: best path; faster, and no less accurate).",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where an interrupted run stopped (OUT.partial); else start."),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard", metavar="I/N", help="Call only part I of N of the reads (then: lexome merge)."
        ),
    ] = None,
    estimate: Annotated[
        bool,
        typer.Option("--estimate", help="Call for half a minute and print what all would take; no output."),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Whatever the risk: take a model for other reads, too little free disk, begin anew over the "
            "reads of an interrupted run.",
        ),
    ] = False,
) -> None:
    """Call bases from raw nanopore signal.

    Reads go to OUT in the order of the input (files by their path), with the tags that dorado writes. The
    same input gives the same bases whatever the batch size and the number of threads.

    A file or read that cannot be used is skipped, counted and listed at the end. The exit code is 0 if any
    read was called, 1 if none was or the output cannot be written, 2 for wrong use, 130 after Ctrl-C or
    SIGTERM: the reads finished by then stay, readable, in OUT.partial, and --resume goes on from there.
    """
    from lexome import __version__
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.tasks.basecall.choose import resolve_model
    from lexome.tasks.basecall.files import CallSummary, call_files, estimate_calls
    from lexome.tasks.basecall.model import open_model
    from lexome.tasks.basecall.plan import CallRequest, plan_calls
    from lexome.tasks.basecall.resume import is_complete
    from lexome.tasks.basecall.shard import Shard

    request = CallRequest(
        reads,
        output,
        recursive=recursive,
        emit_moves=emit_moves,
        read_ids=read_ids,
        max_reads=max_reads,
        min_qscore=min_qscore,
        reference=reference,
        sort=sort,
        summary=summary,
        resume=resume,
        shard=Shard.parse(shard) if shard is not None else None,
        force=force,
        command_line=command_line(),
        version=__version__,
    )
    if resume and output is not None and is_complete(output):
        typer.echo(f"lexome: {output} is complete, there is nothing to resume", err=True)
        return
    plan = plan_calls(request)
    chosen = resolve_model(model, plan.runs, plan.files, force=force)
    for note in chosen.notes:
        typer.echo(f"lexome: {note}", err=True)
    opened = open_model(
        chosen.checkpoint, engine=engine, device=device, threads=threads or usable_cores(),
        batch_size=batch_size, chunk_size=chunk_size, overlap=overlap, trim=not no_trim,
        beam_width=beam_width,
    )  # fmt: skip
    if estimate:
        for line in estimate_calls(request, plan, opened).lines():
            typer.echo(line)
        return
    counts = CallSummary()
    total = plan.total_samples if plan.selection.is_everything and not resume else None
    with interruptible(lambda: _kept(counts)), progress("calling", "samples", total) as show:
        call_files(request, plan, opened, show, counts)
    _report(counts)


def _kept(summary: "CallSummary") -> str:
    if summary.reads == summary.kept_reads and summary.partial is not None and summary.partial.is_file():
        return (
            "the reads of the earlier run are kept, --resume goes on from them"  # it was still copying them
        )
    if summary.reads == 0:
        return "no read was finished by then"
    where = "stdout" if summary.partial is None else str(summary.partial)
    verb = "is" if summary.reads == 1 else "are"
    return f"{where} holds the first {_count(summary.reads, 'read')}, which {verb} complete"


def _report(summary: "CallSummary") -> None:
    from lexome.cli.skipped import echo_skipped

    empty = f"; {_count(summary.empty_reads, 'read')} without any base" if summary.empty_reads else ""
    called = f"called {_count(summary.reads - summary.kept_reads, 'read')}, {_count(summary.bases, 'base')}"
    typer.echo(f"lexome: {called}, from {_count(summary.samples, 'sample')}{empty}", err=True)
    if summary.kept_reads:
        typer.echo(f"lexome: kept {_count(summary.kept_reads, 'read')} of the interrupted run", err=True)
    if summary.failed_path is not None:
        failed = _count(summary.failed_reads, "read")
        typer.echo(f"lexome: {failed} below the quality asked for, in {summary.failed_path}", err=True)
    if summary.aligned_reads is not None:
        typer.echo(f"lexome: aligned {_count(summary.aligned_reads, 'read')}", err=True)
    if summary.missing_ids:
        missing = _count(summary.missing_ids, "read id")
        typer.echo(f"lexome: warning: not in the input: {missing} asked for", err=True)
    echo_skipped(summary.skipped)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
