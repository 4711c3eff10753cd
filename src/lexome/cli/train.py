"""`lexome train`: a recipe into a model."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file; see the folder recipes/.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, the state and the log.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, e.g. loop.steps=100 (repeatable).",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the state in DIR.")] = False,
) -> None:
    """Train a network from a recipe; the best one by validation is DIR/model.

    A training that was stopped goes on with --resume from the last state it saved (every loop.save_every
    steps), on a CPU to the same bits as if it had never been stopped.
    """
    from lexome import __version__
    from lexome.cli.interrupts import interruptible
    from lexome.tasks.recipe import read_recipe
    from lexome.tasks.training import train_recipe

    def log(row: dict) -> None:
        if "validation" in row:
            metrics = ", ".join(f"{name} {value:.4f}" for name, value in row["validation"].items())
            typer.echo(
                f"lexome: step {row['step']}: validation: {metrics}{' (best)' if row['best'] else ''}",
                err=True,
            )
        else:
            typer.echo(
                f"lexome: step {row['step']}: loss {row['loss']:.4f}, {row['seconds']:.0f} s", err=True
            )

    resolved = read_recipe(recipe, overrides or ())
    with interruptible(lambda: _kept(output)):
        position = train_recipe(resolved, output, __version__, resume=resume, on_log=log)
    typer.echo(f"lexome: best at step {position.best_step}: {output / 'model'}", err=True)


def _kept(folder: Path) -> str:
    from lexome.core.errors import LexomeError
    from lexome.train.state import read_record

    try:
        step = read_record(folder)["position"]["step"]
    except LexomeError:
        return "no state was saved by then"
    return f"{folder} holds the state after step {step}; --resume goes on from there"
