"""`lexome compress prune`: a model with fewer weights, or with fewer units."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class PruneScope(StrEnum):
    """What is compared with what."""

    all = "global"
    layer = "layer"


class UnitImportance(StrEnum):
    """What a unit matters."""

    l2 = "l2"
    taylor = "taylor"


def prune(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Bundled name, or folder.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, the figures and the training.")
    ],
    sparsity: Annotated[
        str,
        typer.Option(
            "--sparsity",
            metavar="S[,S...]",
            help="Part of the weights that goes; several give a curve, in DIR/sparsity_S.",
        ),
    ] = "0.85",
    stores: Annotated[
        list[Path] | None,
        typer.Option(
            "--store", metavar="STORE", help="Labelled chunks to judge by and train on (repeatable)."
        ),
    ] = None,
    structured: Annotated[
        bool, typer.Option("--structured", help="Take out whole units: the network becomes smaller.")
    ] = False,
    scope: Annotated[
        PruneScope, typer.Option("--scope", help="Least of all layers (global), or the same part of each.")
    ] = PruneScope.all,
    importance: Annotated[
        UnitImportance,
        typer.Option("--importance", help="Of units: norm of their weights (l2), or change of the loss."),
    ] = UnitImportance.l2,
    multiple: Annotated[
        int, typer.Option("--multiple", min=1, metavar="M", help="With --structured: widths that M divides.")
    ] = 1,
    widths: Annotated[
        list[str] | None,
        typer.Option(
            "--width",
            metavar="LAYER=N",
            help="With --structured: N units in a layer, no sparsity (repeatable).",
        ),
    ] = None,
    kinds: Annotated[
        str,
        typer.Option(
            "--kinds",
            metavar="KIND[,KIND...]",
            help="With --structured: what goes, of units, ffn (features of feed-forward blocks), heads "
            "(of attentions) and layers.",
        ),
    ] = "units,ffn",
    drop: Annotated[
        list[str] | None,
        typer.Option(
            "--drop", metavar="LAYER", help="With --structured: a whole layer, no sparsity (repeatable)."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, metavar="N", help="Train N steps.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.1, metavar="M", help="Train so long instead.")
    ] = None,
    distill: Annotated[
        bool, typer.Option("--distill", help="The model as it was teaches (its scores).")
    ] = False,
    lr: Annotated[float, typer.Option("--lr", metavar="RATE", help="Highest learning rate.")] = 5e-4,
    chunks: Annotated[
        int, typer.Option("--chunks", min=1, metavar="N", help="Judge by N validation chunks at most.")
    ] = 512,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of the order of the data.")] = 0,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a pruning in DIR that was stopped.")
    ] = False,
) -> None:
    """Prune a model: the smallest weights become zeros, or (--structured) the least parts are taken out.

    With --store and --steps or --minutes it is trained further from its own weights, with its own signal
    settings; without them it is pruned at once and that is all. docs/pruning.md explains it.
    """
    from lexome import __version__
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.cli.train import told
    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.report.pruning import curve_table, pruning_table, write_curve_page
    from lexome.report.tables import print_table
    from lexome.tasks.shrink.prune import PruneRequest, sparsities_of, widths_of
    from lexome.tasks.shrink.prune import prune as work
    from lexome.tasks.shrink.prune_sweep import sweep
    from lexome.tasks.shrink.prune_units import kinds_of

    if steps and minutes:
        raise UsageError("--steps and --minutes say the same: give one of them")
    sparsities, wanted = sparsities_of(sparsity), widths_of(widths or ())
    first, *others = sparsities
    if (wanted or drop) and others:
        raise UsageError("--width and --drop leave nothing for several sparsities to choose")
    request = PruneRequest(
        model, first, tuple(stores or ()), structured, scope.value, importance.value, multiple,
        wanted, steps or 0, minutes or 0.0, distill, lr, chunks, seed, threads or usable_cores(),
        kinds_of(kinds), tuple(drop or ()),
    )  # fmt: skip

    def log(row: dict[str, Any]) -> None:
        for line in told(row):
            _say(line)

    with interruptible(lambda: kept_in(output)):
        if others:
            curve = sweep(request, sparsities, output, __version__, resume=resume, on_note=_say, on_log=log)
            write_curve_page(output / "curve.html", curve, command=command_line())
            print_table(curve_table(curve))
            return
        figures = work(request, output, __version__, resume=resume, on_note=_say, on_log=log)
    print_table(pruning_table(figures))
    _say(f"{output / 'model'}")


def _say(line: str) -> None:
    typer.echo(f"lexome: {line}", err=True)
