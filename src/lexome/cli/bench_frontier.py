"""`lexome bench frontier`: throughput against accuracy of basecallers."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class By(StrEnum):
    """What samples are counted by."""

    wall = "wall"
    cpu = "cpu"


def frontier(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODELS...",
            help="Basecallers: bundled names or folders; LABEL=MODEL gives one another name in the results.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")],
    reads: Annotated[
        list[Path] | None,
        typer.Option(
            "--reads", metavar="READS", help="Measure accuracy on these signal files or folders; repeatable."
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="REF", help="The sequence the reads come from: FASTA."),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into the subfolders of folders too.")
    ] = False,
    max_reads: Annotated[
        int | None, typer.Option("--max-reads", min=1, metavar="N", help="Call the first N reads only.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="STORE",
            help="Measure accuracy on the validation chunks of this folder of `lexome prepare basecall`.",
        ),
    ] = None,
    chunks: Annotated[
        int, typer.Option("--chunks", min=1, metavar="N", help="Judge N chunks of the store at most.")
    ] = 512,
    engine: Annotated[
        str, typer.Option("--engine", metavar="ENGINE", help="auto (CPU: onnx, GPU: torch), onnx or torch.")
    ] = "auto",
    device: Annotated[
        str, typer.Option("--device", metavar="DEVICE", help="auto (a GPU if there is one), cpu or cuda:N.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")
    ] = None,
    by: Annotated[
        By, typer.Option("--by", help="Compare per second (wall), or per CPU-second (on a busy machine).")
    ] = By.wall,
    chunk_size: Annotated[
        int, typer.Option("--chunk-size", min=1, metavar="S", help="Samples in a chunk that is timed.")
    ] = 2000,
    max_batch: Annotated[
        int,
        typer.Option(
            "--max-batch", min=1, max=65536, metavar="N", help="Batch sizes of 1, 2, 4, ... up to N."
        ),
    ] = 512,
    min_repeats: Annotated[
        int, typer.Option("--min-repeats", min=1, max=1000, metavar="N", help="Repeats of a timing.")
    ] = 5,
    min_time: Annotated[
        float,
        typer.Option("--min-time", min=0.0, metavar="SECONDS", help="They go on for at least so long."),
    ] = 1.0,
    max_time: Annotated[
        float,
        typer.Option(
            "--max-time", min=0.0, metavar="SECONDS", help="Leave out batch sizes that would take longer."
        ),
    ] = 120.0,
    max_memory: Annotated[
        float | None,
        typer.Option(
            "--max-memory",
            min=0.01,
            metavar="GIB",
            help="Leave out batch sizes that would need more memory (default: half of what is free).",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the results in DIR; models measured there are kept."),
    ] = False,
) -> None:
    """Measure how fast and how accurate basecallers are, and draw one against the other.

    Each model is timed over batch sizes in its engine, at batch size 512 (the pores of a MinION) and for a
    single chunk; its accuracy is measured on reads with a reference, or on labelled chunks. DIR gets
    frontier.json, frontier.html and frontier.png. docs/frontier.md says what is measured and how.
    """
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.report.files import check_can_write
    from lexome.report.frontier import frontier_tables, write_frontier_page, write_frontier_png
    from lexome.report.picture import check_can_draw
    from lexome.report.tables import print_table
    from lexome.tasks.bench.frontier import measure_frontier
    from lexome.tasks.bench.frontier_plan import FrontierRequest, plan_frontier
    from lexome.tasks.bench.speed import SpeedConfig
    from lexome.tasks.bench.timing import TimingConfig

    check_can_draw()
    check_can_write(output / "frontier.json" if output.is_dir() else output)
    try:
        timing = TimingConfig(min_repeats=min_repeats, min_s=min_time, max_s=max_time)
    except ValueError as error:
        raise UsageError(f"--min-time {min_time:g} is more than --max-time {max_time:g}") from error
    request = FrontierRequest(
        models,
        output,
        tuple(reads or ()),
        reference,
        recursive=recursive,
        max_reads=max_reads,
        store=store,
        chunks=chunks,
        engine=engine,
        device=device,
        threads=threads or usable_cores(),
        speed=SpeedConfig(
            chunk_size,
            max_batch,
            rate="samples_per_cpu_s" if by is By.cpu else "samples_per_s",
            timing=timing,
        ),
        max_memory_bytes=None if max_memory is None else round(max_memory * 2**30),
        resume=resume,
        command=command_line(),
    )
    plan = plan_frontier(request)
    for note in plan.notes:
        typer.echo(f"lexome: {note}", err=True)
    with interruptible(lambda: kept_in(output)):
        figures = measure_frontier(plan, progress)
    write_frontier_page(output / "frontier.html", figures)
    write_frontier_png(output / "frontier.png", figures)
    for number, table in enumerate(frontier_tables(figures)):
        if number:
            typer.echo()
        print_table(table)
