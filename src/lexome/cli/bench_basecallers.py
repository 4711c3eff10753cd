"""`lexome bench basecallers`: accuracy, speed and size of basecallers, beside what is published."""

from pathlib import Path
from typing import Annotated

import typer


def basecallers(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODELS...",
            help="Bundled names or folders; recipe:FILE or an architecture, NAME[:WIDTH]: untrained, for "
            "size and speed. LABEL=MODEL gives one another name in the results.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")],
    reads: Annotated[
        list[Path] | None,
        typer.Option("--reads", metavar="READS", help="Call these signal files or folders; repeatable."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="REF", help="The sequence the reads come from: FASTA."),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into the subfolders of folders too.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Call the first N reads only.")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="DEVICE", help="auto (a GPU if there is one), cpu or cuda:N.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Of untrained weights and of the intervals.")
    ] = 0,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=1000, metavar="N", help="Rounds in which models take turns.")
    ] = 5,
    min_time: Annotated[
        float,
        typer.Option("--min-time", min=0.0, metavar="SECONDS", help="Time each for at least so long."),
    ] = 1.0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the results in DIR: reads judged there are kept."),
    ] = False,
) -> None:
    """Compare basecallers: identity, mapped reads and bases, speed, parameters, bytes, products.

    Trained models call the same reads and are timed in turn; without --reads all are timed only. DIR gets
    basecallers.json, .html and, with matplotlib, .png. docs/comparing-basecallers.md says more.
    """
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.report.basecallers import write_basecallers_page, write_basecallers_png
    from lexome.report.basecallers_figures import basecallers_table, published_table
    from lexome.report.files import check_can_write
    from lexome.report.picture import check_can_draw
    from lexome.report.tables import print_table
    from lexome.tasks.bench.basecallers import (
        RESULTS,
        BasecallersRequest,
        measure_basecallers,
        plan_basecallers,
    )
    from lexome.tasks.bench.basecallers_speed import RoundsConfig

    check_can_write(output / RESULTS if output.is_dir() else output)
    no_picture = ""
    try:
        check_can_draw()
    except UsageError as error:
        no_picture = str(error)
    request = BasecallersRequest(
        models,
        output,
        tuple(reads or ()),
        reference,
        recursive=recursive,
        limit=limit,
        device=device,
        threads=threads or usable_cores(),
        seed=seed,
        rounds=RoundsConfig(rounds, min_time),
        resume=resume,
        command=command_line(),
    )
    plan = plan_basecallers(request)
    for note in [*plan.notes, *([f"no picture is drawn: {no_picture}"] if no_picture else [])]:
        typer.echo(f"lexome: {note}", err=True)
    with interruptible(lambda: kept_in(output)):
        figures = measure_basecallers(plan, progress)
    write_basecallers_page(output / "basecallers.html", figures)
    if not no_picture:
        write_basecallers_png(output / "basecallers.png", figures)
    print_table(basecallers_table(figures))
    typer.echo()
    print_table(published_table(figures))
