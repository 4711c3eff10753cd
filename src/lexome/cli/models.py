"""`lexome models`: the models that can be used."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lexome.checkpoint.store import Checkpoint

MAX_CELL = 1000  # a tokenizer would fill the screen

app = typer.Typer(
    name="models",
    help="List, show, import, export and check models.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="Bundled name, or folder of a model (also of bonito, dorado, DNABERT-2)."
    ),
]


@app.callback()
def _group() -> None:
    """List, show, import, export and check models."""


@app.command(name="list")
def list_models(
    architectures: Annotated[
        bool,
        typer.Option("--architectures", help="List all architectures that can be trained instead."),
    ] = False,
) -> None:
    """List the models inside the package, one per line, or all architectures."""
    if architectures:
        from lexome.cli.architectures import print_architectures

        print_architectures()
        return
    from lexome.checkpoint.store import bundled_models, load
    from lexome.report.tables import Table, print_table

    models = [load(folder) for folder in bundled_models().values()]
    rows = tuple(
        (
            m.name,
            m.task,
            m.architecture.name,
            f"{m.num_parameters:,}",
            _cell(m.features.get("chemistry")),
            _cell(m.features.get("sample_rate_hz")),
        )
        for m in models
    )
    columns = ("name", "task", "architecture", "parameters", "chemistry", "sample_rate_hz")
    print_table(Table(columns, rows, align="lllrlr"))


@app.command()
def show(
    model: ModelArgument,
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
    origin = {key: value for key, value in checkpoint.provenance.items() if key != "name"}
    if isinstance(imported := origin.get("imported_from"), dict):  # its configuration would fill the screen
        origin["imported_from"] = {key: value for key, value in imported.items() if key != "config"}
    rows += [(f"  {key}", _cell(value)) for key, value in origin.items()]
    print_table(Table(("key", "value"), tuple(rows), align="ll"))


@app.command(name="import")
def import_model(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="Folder of a bonito, dorado or DNABERT-2 model, or weights.npz of DeepConsensus.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Model folder to write.")],
) -> None:
    """Turn a foreign model into one of lexome; none of its code is run.

    Taken are models of bonito, dorado, DeepConsensus and DNABERT-2.
    """
    from lexome.checkpoint.importing import import_model

    checkpoint = import_model(source, output)
    typer.echo(f"lexome: wrote {output} ({checkpoint.num_parameters:,} parameters)", err=True)


@app.command(name="export")
def export_model(
    model: ModelArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="PROGRAM", help="For whom: bonito, dorado, huggingface or onnx (one file)."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help="Folder to write, or the file ending in .onnx."),
    ],
) -> None:
    """Write a basecaller as bonito or dorado reads it or as an ONNX file, a language model for transformers.

    What the other program does not have is refused by name. docs/models.md says what is written.
    """
    from lexome.checkpoint.store import load
    from lexome.core.errors import UsageError, nearest

    programs = ("bonito", "dorado", "huggingface", "onnx")
    if to not in programs:
        raise UsageError(f"--to {to}: unknown; {nearest(to, programs)}")
    checkpoint = load(model)
    notes: tuple[str, ...] = ()
    if to == "onnx":
        from lexome.engine.onnx_file import write_onnx

        write_onnx(checkpoint, output)
    elif to == "huggingface":
        from lexome.checkpoint.export_huggingface import export_huggingface

        notes = export_huggingface(checkpoint, output)
    else:
        from lexome.checkpoint import exporting

        notes = exporting.export_model(checkpoint, "bonito" if to == "bonito" else "dorado", output)
    for note in notes:
        typer.echo(f"lexome: note: {note}", err=True)
    typer.echo(f"lexome: wrote {output} ({checkpoint.num_parameters:,} parameters)", err=True)


@app.command(name="check")
def check_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Bundled name, folder of a model, or name of an architecture (models list --architectures).",
        ),
    ],
    reads: Annotated[
        list[Path] | None,
        typer.Option(
            "--reads",
            metavar="READS",
            help="Signal file or folder to try a basecaller with (default: simulated R9.4.1 reads).",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="TOML with an [architecture] table, for an architecture."
        ),
    ] = None,
) -> None:
    """Check a model on this machine: files, weights, scores, bases, speed; exit 1 if a check fails.

    A read corrector is tried on simulated ZMWs, a language model on simulated sequences. Of an architecture
    it is said what it costs, and everything that all encoders promise is tried out.
    """
    from lexome.cli.architectures import check_architecture, give_checks
    from lexome.core.errors import UsageError

    checkpoint = _opened(model)
    if checkpoint is None and _may_be_architecture(model):
        check_architecture(model, config, reads)
        return
    if config is not None:
        raise UsageError(f"--config is for architectures; {model} is a model")
    task = "basecall" if checkpoint is None else checkpoint.task
    if reads and task != "basecall":
        raise UsageError(f"--reads is for basecallers; {model} is for the task '{task}'")
    if checkpoint is not None and task == "correct":
        from lexome.tasks.correct.check import check_corrector

        lines = check_corrector(checkpoint)
    elif checkpoint is not None and task == "language":
        from lexome.tasks.language.check import check_language_model

        lines = check_language_model(checkpoint)
    else:
        from lexome.tasks.basecall.check import check_model

        lines = check_model(model, reads or ())
    give_checks(lines)


def _opened(model: str) -> "Checkpoint | None":
    """The model; None if it cannot be opened, of which the check of basecallers speaks."""
    from lexome.checkpoint.store import load
    from lexome.core.errors import LexomeError

    try:
        return load(model)
    except LexomeError:
        return None


def _may_be_architecture(name: str) -> bool:
    """Whether no model is meant: nothing has this name, or a folder with an architecture's own code."""
    from lexome.models.reference import known_names

    if not Path(name).exists():
        return True
    is_model = any((Path(name) / config).exists() for config in ("config.json", "config.toml"))
    return not is_model and name in known_names()


def _cell(value: object) -> str:
    import json

    if value is None:
        return "-"
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return f"{len(value)} (--json shows them)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_CELL else f"{len(text):,} characters (--json shows them)"


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
    found = fit.quality
    ceiling = "" if found.ceiling is None else f", levelling off at {found.ceiling:g}"
    line = f"Q = {found.scale:.3f} * raw {found.bias:+.3f}{ceiling}"
    typer.echo(f"lexome: {line}, written to {output}", err=True)
