"""`lexome compress auto`: a smaller and faster basecaller within bounds, found by trying."""

from pathlib import Path
from typing import Annotated, Any

import typer


def auto(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A basecaller: bundled name, or folder.", show_default=False),
    ],
    reads: Annotated[
        list[Path],
        typer.Option("--reads", metavar="READS", help="Judge by these signal files or folders (repeatable)."),
    ],
    reference: Annotated[
        Path, typer.Option("--reference", metavar="REF", help="The sequence the reads come from: FASTA.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Gets model/, candidates/, auto.json and .html."),
    ],
    target_speedup: Annotated[
        float,
        typer.Option("--target-speedup", metavar="X", help="Times MODEL's samples per CPU-second, wanted."),
    ] = 2.0,
    max_identity_loss: Annotated[
        float,
        typer.Option(
            "--max-identity-loss",
            metavar="L",
            help="Mean identity that reads may lose: 0.005 is half a point.",
        ),
    ] = 0.005,
    stores: Annotated[
        list[Path] | None,
        typer.Option(
            "--store",
            metavar="DIR",
            help="Labelled chunks to train and calibrate with: a folder of 'lexome prepare' (repeatable).",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, metavar="N", help="Train each candidate for N steps.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0.1, metavar="M", help="Train each for M minutes instead."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="KIND[,KIND...]", help="Of int8, prune, low-rank, student."),
    ] = None,
    max_reads: Annotated[
        int,
        typer.Option("--max-reads", min=4, metavar="N", help="Draw N reads; half choose, half report."),
    ] = 400,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into the subfolders of folders too.")
    ] = False,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, metavar="N", help="Time all candidates in turn N times.")
    ] = 3,
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, metavar="S", help="Of the draw of reads and the order of the data."),
    ] = 0,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on in DIR: finished candidates are kept; the bounds may differ."),
    ] = False,
) -> None:
    """Try ways to make a basecaller faster, and keep the fastest that loses no more identity than allowed.

    Integers, pruning, low rank, a distilled student, and these together; each is judged on half of READS and
    timed in turn with MODEL on this machine. The kept model's figures on the other half are printed, too.
    READS never train. docs/compress-auto.md explains it.
    """
    from lexome import __version__
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.cli.progress import progress
    from lexome.cli.train import told
    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.report.compress_auto import auto_tables, write_auto_page
    from lexome.report.tables import print_table
    from lexome.tasks.shrink.auto import AutoRequest, check_chosen, compress_auto
    from lexome.tasks.shrink.auto_choice import Bounds
    from lexome.tasks.shrink.auto_ladder import families_of
    from lexome.tasks.shrink.auto_speed import RoundsConfig

    if steps and minutes:
        raise UsageError("--steps and --minutes say the same: give one of them")
    request = AutoRequest(
        model, output, tuple(reads), reference, Bounds(target_speedup, max_identity_loss),
        tuple(stores or ()), families_of(only), steps or 0, minutes or 0.0, max_reads, recursive,
        RoundsConfig(rounds), seed=seed, threads=threads or usable_cores(), resume=resume,
    )  # fmt: skip

    def log(row: dict[str, Any]) -> None:
        for line in told(row):
            _say(line)

    with interruptible(lambda: kept_in(output)):
        figures = compress_auto(request, __version__, on_note=_say, on_log=log, watch=progress)
    write_auto_page(output / "auto.html", figures, command=command_line())
    for number, table in enumerate(auto_tables(figures)):
        if number:
            typer.echo()
        print_table(table)
    check_chosen(figures)
    for line in figures["lines"]:
        _say(line)
    _say(str(output / "model"))


def _say(line: str) -> None:
    typer.echo(f"lexome: {line}", err=True)
