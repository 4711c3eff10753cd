"""`lexome new`: files to begin from."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="new", help="Write files to begin from.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Write files to begin from."""


@app.command(name="model")
def new_model(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Of the architecture: lower-case letters, digits, underscores."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder to write (default: NAME).")
    ] = None,
) -> None:
    """Write a small package with a new architecture: network, recipe, test. docs/new-model.md goes on.

    Nothing that is there is written over.
    """
    from lexome.tasks.new_model import write_new_model

    folder = Path(name) if output is None else output
    files = write_new_model(name, folder)
    for path in files:
        typer.echo(f"lexome: wrote {path}", err=True)
    steps = (
        f"change the network in {files[0]}",
        f"let lexome find it: pip install -e {folder}",
        f"check it: lexome models check {name}, and pytest {folder}",
        f"train it: lexome train {files[1]} -o runs/{name} --set 'task.stores=[\"STORE\"]'",
    )
    for number, step in enumerate(steps, 1):
        typer.echo(f"lexome: {number}. {step}", err=True)
