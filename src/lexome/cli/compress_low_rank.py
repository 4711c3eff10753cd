"""`lexome compress low-rank`: a network with layers made of two thin matrices."""

from pathlib import Path
from typing import Annotated

import typer


def low_rank(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A basecaller: bundled name, or folder.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, and what led to it.")
    ],
    rank: Annotated[
        int | None,
        typer.Option("--rank", min=1, metavar="R", help="Features between the two matrices of a layer."),
    ] = None,
    energy: Annotated[
        float | None,
        typer.Option(
            "--energy",
            metavar="E",
            help="Instead: the least rank at which a layer keeps this share of its squared weights, "
            "for example 0.95.",
        ),
    ] = None,
    stores: Annotated[
        list[Path] | None,
        typer.Option(
            "--store",
            metavar="DIR",
            help="Labelled chunks, to judge and to train: a folder of 'lexome prepare' (repeatable).",
        ),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(
            "--steps", min=0, metavar="N", help="Train so many steps after that, taught by MODEL's scores."
        ),
    ] = 0,
    lr: Annotated[float, typer.Option("--lr", metavar="RATE", help="Highest learning rate.")] = 5e-4,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of the order of the data.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training in DIR that was stopped.")
    ] = False,
) -> None:
    """Replace matrices of a basecaller by the best products of two thin ones.

    These are the products of recurrent layers with their input, linear layers, and that of the scores; a
    layer that would not get smaller stays as it is. docs/low-rank.md explains it.
    """
    from lexome import __version__
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.cli.train import told
    from lexome.tasks.shrink.low_rank import LowRankRequest, make_low_rank

    request = LowRankRequest(model, rank, energy, stores or (), steps, lr, seed)

    def log(row: dict) -> None:
        for line in told(row):
            typer.echo(f"lexome: {line}", err=True)

    with interruptible(lambda: kept_in(output)):
        done = make_low_rank(request, output, __version__, resume=resume, on_log=log)
    typer.echo("layer\toutputs\tinputs\trank\tenergy")
    for layer in done.layers:
        typer.echo(f"{layer.layer}\t{layer.outputs}\t{layer.inputs}\t{layer.rank}\t{layer.energy:.4f}")
    typer.echo("\nwhat\tbefore\tafter")
    typer.echo(f"parameters\t{done.before.parameters}\t{done.after.parameters}")
    typer.echo(f"products_per_sample\t{done.before.macs_per_sample:.0f}\t{done.after.macs_per_sample:.0f}")
    before = done.identities.get("before", 0.0)
    for what in ("factorised", "trained"):
        if what in done.identities:
            typer.echo(f"label_identity_{what}\t{before:.4f}\t{done.identities[what]:.4f}")
    if "trained" in done.identities and not done.trained:
        typer.echo("lexome: the training was of no use: the model is the one before it", err=True)
    typer.echo(f"lexome: {done.model}", err=True)
