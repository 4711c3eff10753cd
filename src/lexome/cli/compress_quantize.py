"""`lexome compress quantize`: a basecaller with fewer bits."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.train import train_resolved

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A basecaller: bundled name, or folder.", show_default=False)
]
Stores = Annotated[
    list[Path] | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Labelled chunks that calibrate, train and judge: a folder of 'lexome prepare' (repeatable).",
    ),
]
RangesOption = Annotated[
    str,
    typer.Option(
        "--ranges", metavar="KIND", help="How grids are chosen: max, percentile, mse, or learned in training."
    ),
]
Chunks = Annotated[int, typer.Option("--chunks", min=1, metavar="N", help="Judge by N validation chunks.")]


def quantize(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, quantize.json and .html.")
    ],
    stores: Stores = None,
    bits: Annotated[
        str | None,
        typer.Option("--bits", metavar="B|W,A", help="Of weights and activations, 2-16 or 32 (default: 8)."),
    ] = None,
    per_layer: Annotated[
        Path | None,
        typer.Option("--per-layer", metavar="FILE", help="TOML: bits = [W, A], first, last, [layers]."),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Run the LSTMs in integers, which is faster.")] = False,
    ranges: RangesOption = "mse",
    steps: Annotated[int, typer.Option("--steps", min=0, metavar="N", help="Train for N steps.")] = 0,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, metavar="M", help="Train for M minutes, instead.")
    ] = 0.0,
    distill: Annotated[
        float,
        typer.Option(
            "--distill", min=0, metavar="WEIGHT", help="In training, pull the scores to the float model's."
        ),
    ] = 0.0,
    chunks: Chunks = 512,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in DIR.")] = False,
) -> None:
    """Put the layers of a basecaller on grids of few bits, with or without training; print before and after.

    Without --int8 the result is smaller, not faster: its grids are simulated in float32. docs/quantisation.md
    explains it.
    """
    from lexome import __version__
    from lexome.checkpoint.store import load, save
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.compress.quantize_config import QuantizeConfig
    from lexome.core.config import from_dict, to_dict
    from lexome.core.errors import UsageError
    from lexome.report.files import write_json
    from lexome.report.quantisation import before_after_table, layer_table, write_quantize_page
    from lexome.report.tables import print_table
    from lexome.tasks.shrink.quantize import (
        QuantizeRequest,
        float_basecaller,
        for_int8,
        quantize_recipe,
        quantize_task,
        with_layers_of,
        without_training,
    )
    from lexome.tasks.shrink.quantize_figures import bits_per_layer, described, measure, validation_chunks
    from lexome.train.best import MODEL

    given = bits_of(bits) if bits else None
    trains = bool(steps or minutes)
    if resume and not trains:
        raise UsageError("--resume goes on with a training: add its --steps or --minutes")
    if distill and not trains:
        raise UsageError("--distill is for training: add --steps or --minutes")
    if ranges == "learned" and not trains:
        raise UsageError("--ranges learned needs training: add --steps or --minutes")
    table = {"ranges": ranges, "distill": distill, **({"bits": given} if given else {})}
    config = from_dict(QuantizeConfig, table, "--ranges")
    if per_layer is not None:
        config = with_layers_of(per_layer, config)
    base = float_basecaller(model)
    if int8:
        config = for_int8(base, config, given)
    if not resume and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} exists already; choose another folder or remove it")
    request = QuantizeRequest(model, stores or (), config, steps=steps, minutes=minutes, chunks=chunks)
    recipe = quantize_recipe(request, base)
    task = quantize_task(recipe)
    judged = validation_chunks(task)
    if trains:
        train_resolved(recipe, output, resume)
        made = load(output / MODEL)
    else:
        made = without_training(task, base, __version__)
    with interruptible(lambda: kept_in(output)):
        before, after = measure([base, made], judged)
    figures = {
        "model": base.name, "lexome_version": __version__, "chunks": len(judged.labels),
        "config": to_dict(config), "before": to_dict(before), "after": to_dict(after),
        "layers": [to_dict(layer) for layer in bits_per_layer(made, judged.signal_NS.shape[1])],
        "how_it_runs": described(made),
    }  # fmt: skip
    save(output / MODEL, made, card_of(made, figures), overwrite=True)
    write_json(output / "quantize.json", figures)
    write_quantize_page(output / "quantize.html", figures, command=command_line())
    print_table(before_after_table(figures))
    typer.echo()
    print_table(layer_table(figures))
    typer.echo(f"lexome: {described(made)}", err=True)
    typer.echo(f"lexome: {output / MODEL}", err=True)


def bits_of(text: str) -> tuple[int, int]:
    """The bits of weights and activations: "8" for both, or "4,8".

    Raises:
        UsageError: if the text says something else.
    """
    from lexome.compress.quantize_config import check_bits
    from lexome.core.errors import UsageError

    parts = text.split(",")
    try:
        numbers = [int(part) for part in parts]
        return check_bits(numbers * 2 if len(numbers) == 1 else numbers)
    except ValueError as error:
        raise UsageError(f"--bits {text}: 8 or 4,8, say; 2 to 16 bits can be had, or 32 for float") from error


def card_of(made: object, figures: dict) -> str:
    """The model's card, with what quantisation did to it."""
    from lexome.checkpoint.store import Checkpoint
    from lexome.report.quantisation import before_after_table
    from lexome.report.tables import plain_text
    from lexome.train.card import model_card

    assert isinstance(made, Checkpoint)
    table = plain_text(before_after_table(figures))
    return f"{model_card(made)}\n\n## Quantisation\n\n{figures['how_it_runs']}\n\n```\n{table}```"
