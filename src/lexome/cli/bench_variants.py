"""`lexome bench variants`: the thesis' experiments that train networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lexome.tasks.bench.trials import Result, Settings

Stores = Annotated[
    list[Path],
    typer.Option("--store", metavar="STORE", help="Chunks of `lexome prepare` to train on (repeatable)."),
]
Tests = Annotated[
    list[str] | None,
    typer.Option(
        "--test",
        metavar="NAME=STORE",
        help="A store whose validation chunks are only judged, such as another species (repeatable).",
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Gets one folder per training.")]
Chunks = Annotated[int, typer.Option("--chunks", metavar="N", min=8, help="Chunks each network sees.")]
BatchSize = Annotated[int, typer.Option("--batch-size", metavar="N", min=1, help="Chunks of a step.")]
Rate = Annotated[float, typer.Option("--lr", metavar="R", help="Peak of the learning rate.")]
Judged = Annotated[
    int, typer.Option("--judged-chunks", metavar="N", min=2, help="Chunks of each store that are judged.")
]


def variants(
    experiment: Annotated[
        str | None, typer.Argument(metavar="[EXPERIMENT]", help="One of those that --list shows.")
    ] = None,
    stores: Stores = [],  # noqa: B006 (typer wants a list)
    output: Output = Path("variants"),
    tests: Tests = None,
    chunks: Chunks = 10_000,
    batch_size: BatchSize = 8,
    rate: Rate = 4e-3,
    judged: Judged = 2000,
    widths: Annotated[
        list[int] | None,
        typer.Option("--width", metavar="W", min=1, help="Width of the networks (repeatable)."),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=0, help="Trainings of each; 0: as the experiment says.")
    ] = 0,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Leave out the others (repeatable).")
    ] = None,
    teacher: Annotated[
        str,
        typer.Option(
            "--teacher", metavar="MODEL", help="Whom students learn from (experiment distillation)."
        ),
    ] = "",
    hours: Annotated[
        float,
        typer.Option("--budget-hours", metavar="H", min=0, help="Begin no training later; 0: no limit."),
    ] = 0.0,
    shard: Annotated[
        str, typer.Option("--shard", metavar="I/N", help="Only every N-th training, from the I-th.")
    ] = "1/1",
    listed: Annotated[bool, typer.Option("--list", help="List the experiments.")] = False,
) -> None:
    """Train the networks of one experiment alike and compare them on chunks that none has seen.

    The same command goes on where it was stopped. DIR/EXPERIMENT.json and .html hold what there is so far.
    """
    from lexome.cli.command_line import command_line
    from lexome.core.errors import UsageError
    from lexome.report.files import write_json
    from lexome.report.tables import Table, print_table
    from lexome.report.trials import trials_table, write_trials_page
    from lexome.tasks.basecall.shard import Shard
    from lexome.tasks.bench.sets import EXPERIMENTS, trials_of
    from lexome.tasks.bench.trials import run_trials
    from lexome.tasks.bench.trials_summary import summary

    if listed:
        rows = tuple((n, e.place, e.what, str(len(trials_of(n)))) for n, e in EXPERIMENTS.items())
        print_table(Table(("experiment", "thesis", "what it asks", "trainings"), rows, align="lllr"))
        return
    if experiment is None:
        raise UsageError("name an experiment; --list shows them")
    trials = trials_of(experiment, widths or (), seeds, only or (), teacher)
    if EXPERIMENTS[experiment].needs_teacher and not teacher:
        raise UsageError(f"experiment '{experiment}' needs a --teacher, such as r9.4.1_hac")
    settings = settings_of(stores, tests, chunks, batch_size, rate, judged)
    part = Shard.parse(shard)
    own = trials[part.index - 1 :: part.count]
    run_trials(
        own, settings, output, budget_s=3600 * hours or float("inf"), on_result=say_result, on_log=say_log
    )
    figures = summary(experiment, trials, settings, output)
    write_json(output / f"{experiment}.json", figures)
    write_trials_page(output / f"{experiment}.html", figures, command=command_line())
    print_table(trials_table(figures))
    missing = figures["missing"]
    if missing:
        _say(f"{len(missing)} of {len(trials)} trainings are not finished; the same command goes on")


def settings_of(
    stores: list[Path], tests: list[str] | None, chunks: int, batch_size: int, rate: float, judged: int,
    minutes: float = 0.0,
) -> "Settings":  # fmt: skip
    """What the options say of all trials."""
    from lexome.core.errors import UsageError
    from lexome.tasks.bench.trials import Settings

    if not stores:
        raise UsageError("name a store to train on with --store; `lexome prepare basecall` makes one")
    named: dict[str, Path] = {}
    for text in tests or ():
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            raise UsageError(f"--test {text}: expected NAME=STORE")
        named[name] = Path(path)
    return Settings(tuple(stores), named, chunks, batch_size, rate, minutes, judged)


def say_result(result: "Result") -> None:
    """One line of a finished trial."""
    if result.failure:
        _say(f"{result.trial}: failed: {result.failure}")
        return
    identities = ", ".join(f"{name} {f['label_identity_mean']:.4f}" for name, f in result.figures.items())
    _say(f"{result.trial}: identity {identities}, {result.seconds:.0f} s")


def say_log(trial: str, row: dict[str, Any]) -> None:
    """A line of a training's log, now and then."""
    if "loss" in row and row["step"] % 200 == 0:
        _say(f"{trial}: step {row['step']}, loss {row['loss']:.3f}")


def _say(text: str) -> None:
    typer.echo(f"lexome: {text}", err=True)
