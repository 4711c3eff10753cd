"""`lexome lm gue`: benchmarks of language models."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lexome.cli import lm_gue_build
from lexome.cli.figures import JsonFile, PageFile, check_outputs, give_out
from lexome.cli.lm_training import (
    AverageDecay,
    BatchSize,
    Epochs,
    Learning,
    Pooled,
    PretrainEpochs,
    Rate,
    Threads,
    TrainingDevice,
)

app = typer.Typer(
    name="gue", help="Benchmarks of language models.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Benchmarks of language models."""


app.command()(lm_gue_build.build)


@app.command()
def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with benchmark sets.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")],
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            metavar="[LABEL=]MODEL",
            help="A bundled name, a folder, or a name on the hub (repeatable).",
        ),
    ] = None,
    sets: Annotated[
        str,
        typer.Option(
            "--sets",
            metavar="NAME[,NAME...]",
            help="Sets, groups or suites; complete: those with all published files (default: every set).",
        ),
    ] = "",
    baselines: Annotated[
        str,
        typer.Option("--baselines", metavar="NAME[,NAME...]", help="majority, kmer, cnn; none for none."),
    ] = "majority,kmer,cnn",
    tokenizers: Annotated[
        str,
        typer.Option(
            "--tokenizers",
            metavar="NAME[,NAME...]",
            help="One small network with new weights for each: such as 6mer-overlapping, or a file.",
        ),
    ] = "",
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="S[,S...]", help="One training of each network for each.")
    ] = "0",
    epochs: Epochs = 3.0,
    batch_size: BatchSize = 32,
    lr: Rate = 0.0,
    pooling: Pooled = "max",
    method: Learning = "full",
    pretrain_epochs: PretrainEpochs = 0.0,
    average_decay: AverageDecay = 0.0,
    folds: Annotated[
        int, typer.Option("--folds", min=2, metavar="K", help="Cross-validation of sets with one file.")
    ] = 5,
    threads: Threads = None,
    device: TrainingDevice = "auto",
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Do not remove what the trainings leave in OUT/work.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep results that are there; go on with what was stopped.")
    ] = False,
    json_file: JsonFile = None,
    page: PageFile = None,
) -> None:
    """Train and score models and baselines on every benchmark set in DIR, by the files that are there.

    OUT/results gets a file with figures, intervals and cost, and one with predictions, for each set,
    contender and seed; the tables are made of all that OUT holds. Stopping sets choose the network, and the
    tested sets are scored once.
    """
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible
    from lexome.core.cores import usable_cores
    from lexome.core.errors import LexomeError
    from lexome.tasks.language.finetune import Listener
    from lexome.tasks.language.gue import GueRequest, run_gue
    from lexome.tasks.language.gue_contenders import contenders
    from lexome.tasks.language.gue_networks import TrainingOptions

    check_outputs(json_file, page)
    options = TrainingOptions(
        epochs, batch_size, lr, "" if pooling == "own" else pooling, method, pretrain_epochs, average_decay
    )
    found = contenders(
        models or (),
        _listed(tokenizers),
        [] if baselines == "none" else _listed(baselines),
        options,
        threads=threads or usable_cores(),
        device=device,
    )
    request = GueRequest(folder, output, found, tuple(_listed(sets)), _numbers(seeds), folds, keep_models)
    with interruptible(lambda: _kept(output)):
        ran = run_gue(request, command_line(but="--resume"), resume=resume, listener=Listener(_say, _log))
    elsewhere = f", {ran.elsewhere} are made by another run" if ran.elsewhere else ""
    _say(f"{ran.done} results made, {ran.skipped} were there, {len(ran.failures)} failed{elsewhere}")
    if ran.done or ran.skipped:
        _give_tables(output, json_file, page)
    if ran.failures:
        raise LexomeError(f"{len(ran.failures)} failed, the first: {ran.failures[0]}")


@app.command()
def sets(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder with sets: which files are there?")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Describe the 28 sets of GUE, and all that are in DIR: what they are, and what can be done with them."""
    from lexome.report.files import write_json
    from lexome.report.gue_sets import sets_table
    from lexome.report.tables import print_table
    from lexome.tasks.language.gue_listing import listed_sets

    check_outputs(json_file)
    found = listed_sets(folder)
    if json_file is not None:
        write_json(json_file, {"sets": found})
    print_table(sets_table(found))


@app.command()
def table(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of `lexome lm gue run`.")],
    json_file: JsonFile = None,
    page: PageFile = None,
) -> None:
    """Make the tables again, of all results in OUT."""
    check_outputs(json_file, page)
    _give_tables(output, json_file, page)


def _give_tables(output: Path, json_file: Path | None, page: Path | None) -> None:
    from lexome.report.gue import gue_tables, write_gue_page
    from lexome.tasks.language.gue_results import read_results
    from lexome.tasks.language.gue_summary import summarised

    figures = summarised(read_results(output))
    give_out(figures, gue_tables(figures), write_gue_page, json_file, page)


def _listed(text: str) -> list[str]:
    return [part for word in text.split(",") if (part := word.strip())]


def _numbers(text: str) -> tuple[int, ...]:
    from lexome.core.errors import UsageError

    words = _listed(text)
    if not words or not all(word.isdecimal() for word in words):
        raise UsageError(f"--seeds '{text}': whole numbers with commas between are needed")
    return tuple(dict.fromkeys(map(int, words)))


class _Told:
    """When a training was last told of: a line in ten seconds is enough."""

    at_s = 0.0


def _log(row: dict[str, Any]) -> None:
    """Tells of warnings and, now and then, of validations."""
    import time

    from lexome.cli.progress import PLAIN_INTERVAL_S

    if "validation" in row:
        if time.monotonic() - _Told.at_s < PLAIN_INTERVAL_S:
            return
        _Told.at_s = time.monotonic()
        mcc = row["validation"].get("mcc")
        shown = "" if mcc is None else f" mcc {mcc:.4f}"
        _say(f"{row['label']}: step {row['step']}: stopping set:{shown}{' (best)' if row['best'] else ''}")
    elif "warning" in row:
        _say(f"{row['label']}: step {row['step']}: warning: {row['warning']}")


def _say(line: str) -> None:
    typer.echo(f"lexome: {line}", err=True)


def _kept(output: Path) -> str:
    done = len(list((output / "results").rglob("*.json"))) if output.is_dir() else 0
    return f"{output} holds {done} results; --resume goes on from there"
