"""`lexome compress`: smaller and faster networks from large ones."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.compress_auto import auto
from lexome.cli.compress_low_rank import low_rank
from lexome.cli.compress_measure import measure
from lexome.cli.compress_prune import prune
from lexome.cli.compress_quantize import quantize
from lexome.cli.compress_search import search
from lexome.cli.compress_sensitivity import sensitivity
from lexome.cli.compress_skipclip import skipclip
from lexome.cli.train import Resume, train_resolved

app = typer.Typer(
    name="compress",
    help="Make networks smaller and faster.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Make networks smaller and faster."""


@app.command()
def distill(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="Of the student, a basecaller; see recipes/.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, the state and the log.")
    ],
    teacher: Annotated[
        str | None,
        typer.Option(
            "--teacher",
            metavar="MODEL",
            help="Bundled name, or folder (default: the recipe's distill.teacher).",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="encoder|decoder",
            help="Learn the teacher's features, or its scores (distill.target; default: encoder).",
        ),
    ] = None,
    stop: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION",
            help="Leave the teacher out after this part of the training (distill.stop_fraction; default .5).",
        ),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            "--rounds",
            min=1,
            metavar="N",
            help="Train N students, each the next one's teacher, in DIR/round_1, DIR/round_2 ...",
        ),
    ] = 1,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, e.g. distill.weight=2 (repeatable).",
        ),
    ] = None,
    resume: Resume = False,
) -> None:
    """Train a small basecaller that learns from its labels and from a larger one; the best one is DIR/model.

    The table [distill] of the recipe says how; `lexome train` of a recipe with that table does the same.
    docs/distill-basecallers.md explains it.
    """
    from lexome.core.errors import UsageError
    from lexome.tasks.recipe import read_recipe
    from lexome.tasks.rounds import rounds_of

    options = {"teacher": teacher, "target": target, "stop_fraction": stop}
    # JSON's strings and numbers are TOML's
    given = [
        f"distill.{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in options.items()
        if value is not None
    ]
    student = read_recipe(recipe, [*(overrides or ()), *given])
    table = student.data.get("distill")
    if not isinstance(table, dict) or not table.get("teacher"):
        raise UsageError(f"{recipe}: no teacher is named; add --teacher MODEL")
    if rounds == 1:
        train_resolved(student, output, resume)
        return
    for planned, folder, goes_on in rounds_of(student, rounds, output, resume=resume):
        typer.echo(f"lexome: {folder}: taught by {planned.data['distill']['teacher']}", err=True)
        train_resolved(planned, folder, goes_on)


app.command()(prune)
app.command()(skipclip)
app.command("low-rank")(low_rank)
app.command()(quantize)
app.command()(sensitivity)
app.command()(measure)
app.command()(search)
app.command()(auto)
