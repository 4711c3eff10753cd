"""`lexome compress search`: a network found by a search, under a bound of what it costs."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class By(StrEnum):
    """How to search."""

    proxyless = "proxyless"
    darts = "darts"
    optuna = "optuna"


def search(
    space: Annotated[
        Path,
        typer.Argument(
            metavar="SPACE", help="A recipe with [space] in place of [architecture]; see recipes/rubicon/."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets recipe.toml, search.json, the state.")
    ],
    cost: Annotated[
        str,
        typer.Option(
            "--cost",
            metavar="FILE|macs|bytes",
            help="A table of lexome compress measure, or what is counted.",
        ),
    ],
    target: Annotated[
        float,
        typer.Option(
            "--target",
            metavar="X",
            help="What the network may cost: ns per sample (table), MAC per sample, or bytes.",
        ),
    ],
    store: Annotated[
        list[Path] | None,
        typer.Option(
            "--store", metavar="STORE", help="Folder of lexome prepare basecall (task.stores); repeatable."
        ),
    ] = None,
    method: Annotated[
        By | None, typer.Option("--method", help="Default: the file's search.method, or else proxyless.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, metavar="N", help="Of the search; for optuna of each trial."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, metavar="N", help="Networks that optuna trains.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage", metavar="URL", help="Database of optuna's trials (default: SQLite in DIR)."
        ),
    ] = None,
    worker: Annotated[
        int,
        typer.Option(
            "--worker", min=0, metavar="K", help="Number of this worker, if several share the trials."
        ),
    ] = 0,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the file (repeatable)."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the state in DIR; for optuna also: join other workers."),
    ] = False,
) -> None:
    """Search for the best basecaller within a bound of latency, operations or bytes.

    The training chunks are halved by read: weights learn on one half, the choice of the network on the other.
    DIR/recipe.toml is the network that was found, ready for lexome train. docs/search.md says how it works.
    """
    from lexome import __version__
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.cli.train import told
    from lexome.compress.space_costs import SpaceCosts
    from lexome.core.errors import UsageError
    from lexome.report.files import check_can_write
    from lexome.report.tables import print_table
    from lexome.tasks.shrink.search import run_search, search_recipe
    from lexome.tasks.shrink.search_file import costs_by, read_search_file
    from lexome.tasks.shrink.search_result import FIGURES, RECIPE, found_tables
    from lexome.tasks.shrink.trials import TrialsRequest, run_trials

    if not 0 < target < float("inf"):
        raise UsageError(f"--target {target}: must be above 0 and finite")

    options: dict[str, Any] = {
        "task.stores": None if store is None else [str(path.resolve()) for path in store],
        "search.method": None if method is None else method.value,
        "search.steps": steps,
        "search.trials": trials,
    }
    # JSON's strings, numbers and lists are TOML's
    given = [f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in options.items() if v is not None]
    file = read_search_file(space, [*(overrides or ()), *given])
    check_can_write(output / FIGURES if output.is_dir() else output)
    costs = costs_by(cost, file.space)

    def log(row: dict[str, Any]) -> None:
        for line in told(row):
            _say(line)

    with interruptible(lambda: kept_in(output)):
        if file.config.method != "optuna":
            assert isinstance(costs, SpaceCosts)  # a ladder is refused by then
            figures = run_search(
                search_recipe(file, costs, cost, target), output, __version__, resume=resume, on_log=log
            )
        else:
            request = TrialsRequest(file, costs, cost, target, output, storage, worker, resume)
            figures = run_trials(request, __version__, lambda row: _say(_ended(row)))
    for number, table in enumerate(found_tables(figures)):
        if number:
            typer.echo()
        print_table(table)
    if figures.get("changed_for_target"):
        _say(
            f"the likeliest network costs {figures['likeliest_cost']:,.6g}, more than the target; changed: "
            f"{', '.join(figures['changed_for_target'])}"
        )
    _say(f"{output / RECIPE}")


def _ended(row: dict[str, Any]) -> str:
    choices = ", ".join(f"{name} {option}" for name, option in row["choices"].items())
    value = "no value" if row["value"] is None else f"{row['value']:.4f}"
    return f"trial {row['trial']}: {row['state']}, {value}, cost {row['cost']:,.6g}: {choices}"


def _say(text: str) -> None:
    typer.echo(f"lexome: {text}", err=True)
