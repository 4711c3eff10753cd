"""`lexome compress skipclip`: a network without its skip connections."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.train import Resume, train_resolved


def skipclip(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE|MODEL",
            help="A recipe of the student (.toml), or the model to begin with: bundled name, or folder.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, the state and the log.")
    ],
    teacher: Annotated[
        str | None,
        typer.Option(
            "--teacher",
            metavar="MODEL",
            help="Bundled name, or folder (default: the recipe's skipclip.teacher, or MODEL).",
        ),
    ] = None,
    stores: Annotated[
        list[Path] | None,
        typer.Option(
            "--store", metavar="DIR", help="Labelled chunks: a folder of 'lexome prepare' (repeatable)."
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(
            "--every", min=1, metavar="N", help="Remove the next after N validations (skipclip.every)."
        ),
    ] = None,
    at_once: Annotated[
        int | None,
        typer.Option("--at-once", min=1, metavar="K", help="Remove K of them together (skipclip.at_once)."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            metavar="N",
            help="Training steps (default: the recipe's; with MODEL twice what all removals take).",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, e.g. skipclip.alpha=0.5 (repeatable).",
        ),
    ] = None,
    resume: Resume = False,
) -> None:
    """Remove the skip connections of a basecaller one after the other, held on course by a teacher.

    What is kept in DIR/model is the best network without any; it is built, exported and run without them.
    docs/skipclip.md explains it.
    """
    from lexome.checkpoint.store import load
    from lexome.tasks.shrink.skipclip import SkipClipRequest, costs_before_and_after, skipclip_recipe
    from lexome.train.best import MODEL

    recipe = skipclip_recipe(
        SkipClipRequest(subject, teacher, stores or (), every, at_once, steps, overrides or ())
    )
    train_resolved(recipe, output, resume)
    before, after = costs_before_and_after(recipe, load(output / MODEL))
    typer.echo("what\twith_skips\twithout")
    for what, first, second in (
        ("parameters", before.parameters, after.parameters),
        ("products_per_sample", round(before.macs_per_sample), round(after.macs_per_sample)),
        (f"peak_activation_bytes_of_{before.samples}_samples", before.peak_bytes, after.peak_bytes),
    ):
        typer.echo(f"{what}\t{first}\t{second}")
