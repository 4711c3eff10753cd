"""`lexome lm pretrain`: pre-training of a language model."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.train import Resume, train_resolved


def pretrain(
    stores: Annotated[
        list[Path], typer.Argument(metavar="STORE...", help="Folders made by `lexome prepare lm`.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, the state and the log.")
    ],
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe",
            metavar="TOML",
            help="Shape and settings; see recipes/dnabert2, recipes/enbed (default: small).",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--from", metavar="MODEL", help="Go on from the weights of this model.")
    ] = "",
    masked: Annotated[
        float, typer.Option("--mask", min=0.01, max=0.9, metavar="P", help="Part of the tokens hidden.")
    ] = 0.15,
    span: Annotated[
        int,
        typer.Option("--span", min=1, metavar="N", help="Hide N tokens together; for overlapping k-mers."),
    ] = 1,
    bert: Annotated[
        bool,
        typer.Option("--80-10-10", help="Of the hidden tokens a tenth is another one, a tenth stays."),
    ] = False,
    sampling: Annotated[
        float,
        typer.Option(
            "--sampling", min=0, max=1, metavar="S", help="1: all rows alike; 0: all categories alike."
        ),
    ] = 1.0,
    lr: Annotated[
        float, typer.Option("--lr", min=0, metavar="RATE", help="Highest learning rate; 0: the usual one.")
    ] = 0.0,
    steps: Annotated[int | None, typer.Option("--steps", min=1, metavar="N", help="Of training.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.01, metavar="M", help="Take so long instead.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a value of the recipe, e.g. loop.batch_size=64."
        ),
    ] = None,
    resume: Resume = False,
    device: Annotated[
        str | None, typer.Option("--device", metavar="auto|cpu|cuda:N", help="Where to train.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option("--processes", min=1, metavar="N", help="That share every batch, on the CPU."),
    ] = None,
) -> None:
    """Pre-train a language model: hidden tokens are to be told; the best network is DIR/model.

    With the head "text" (recipes/enbed) spans that were taken out are to be written, or, without an encoder,
    the next token; its stores are of bytes. Validation says what the frequencies of the tokens alone give,
    beside the network. With --recipe, the recipe and --set say all about the network and the training.
    """
    from lexome.core.config import apply_overrides, read_toml
    from lexome.core.errors import UsageError
    from lexome.tasks.language.pretrain_recipe import pretrain_recipe
    from lexome.tasks.recipe import resolve_recipe

    if recipe is not None:
        if model or span != 1 or bert or lr:
            raise UsageError("--recipe says how to train; put start_from, masking and lr into its [task]")
        data = read_toml(recipe)
        task = {**data.get("task", {}), "stores": [str(path) for path in stores]}
        data = {**data, "task": task}
    else:
        tenth = 0.1 if bert else 0.0
        masking = {"share": masked, "span": span, "random_share": tenth, "keep_share": tenth}
        data = pretrain_recipe(stores, model=model, masking=masking, sampling=sampling, lr=lr)
    options = {"steps": steps, "minutes": minutes, "device": device, "processes": processes}
    given = [f"loop.{name}={value}" for name, value in options.items() if value is not None]
    data = apply_overrides(data, [*(overrides or ()), *given])
    train_resolved(resolve_recipe(data, str(recipe or "pretrain")), output, resume)
