"""`lexome models`: the models that can be used."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="models", help="List, show and import models.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """List, show and import models."""


@app.command(name="list")
def list_models() -> None:
    """List the models inside the package, one per line."""
    from lexome.checkpoint.store import bundled_models, load
    from lexome.report.tables import Table, print_table

    models = [load(folder) for folder in bundled_models().values()]
    rows = tuple(
        (
            m.name,
            m.task,
            m.architecture.name,
            f"{m.num_parameters:,}",
            _cell(m.features.get("sample_rate_hz")),
        )
        for m in models
    )
    print_table(Table(("name", "task", "architecture", "parameters", "sample_rate_hz"), rows, align="lllrr"))


@app.command()
def show(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Bundled name, or folder of a model (also bonito's or dorado's)."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole configuration as JSON instead of a table.")
    ] = False,
) -> None:
    """Show what a model is: task, network, input, origin."""
    import json

    from lexome.checkpoint.store import config_of, load
    from lexome.report.tables import Table, print_table

    checkpoint = load(model)
    if as_json:
        typer.echo(json.dumps(config_of(checkpoint), indent=2, ensure_ascii=False))
        return
    rows = [("name", checkpoint.name), ("task", checkpoint.task)]
    rows += [("parameters", f"{checkpoint.num_parameters:,}"), ("architecture", checkpoint.architecture.name)]
    rows += [(f"  {key}", _cell(value)) for key, value in checkpoint.architecture.config.items()]
    rows += [("head", checkpoint.head.name)]
    rows += [(f"  {key}", _cell(value)) for key, value in checkpoint.head.config.items()]
    rows += [("input", "")] + [(f"  {key}", _cell(value)) for key, value in checkpoint.features.items()]
    rows += [("quantization", _cell(checkpoint.quantization)), ("origin", "")]
    rows += [(f"  {key}", _cell(value)) for key, value in checkpoint.provenance.items() if key != "name"]
    print_table(Table(("key", "value"), tuple(rows), align="ll"))


@app.command(name="import")
def import_model(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a bonito or dorado model.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Model folder to write.")],
) -> None:
    """Turn a model of bonito or dorado into one of lexome (nothing in its files is executed)."""
    from lexome.checkpoint.importing import import_model

    checkpoint = import_model(source, output)
    typer.echo(f"lexome: wrote {output} ({checkpoint.num_parameters:,} parameters)", err=True)


def _cell(value: object) -> str:
    import json

    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@app.command(name="calibrate")
def calibrate_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Bundled name, or folder of a basecaller.")],
    stores: Annotated[
        list[Path],
        typer.Option(
            "--store",
            metavar="STORE",
            help="Folder of 'lexome prepare basecall'; its validation chunks are used.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
) -> None:
    """Fit a basecaller's qualities to the errors it makes on validation chunks."""
    from lexome.checkpoint.store import load, save
    from lexome.tasks.basecall.calibrate import calibrate
    from lexome.train.card import model_card

    calibrated, fit = calibrate(load(model), stores)
    save(output, calibrated, model_card(calibrated))
    typer.echo("raw_q\tbases\tempirical_q")
    for raw, bases, empirical in fit.rows:
        typer.echo(f"{raw}\t{bases}\t{empirical:.2f}")
    typer.echo(f"lexome: Q = {fit.scale:.3f} * raw {fit.bias:+.3f}, written to {output}", err=True)
