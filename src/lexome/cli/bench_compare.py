"""`lexome bench compare`: two ways to train, alike in all else."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.bench_variants import (
    BatchSize,
    Chunks,
    Judged,
    Rate,
    Stores,
    Tests,
    say_log,
    say_result,
    settings_of,
)

Contender = Annotated[str, typer.Argument(metavar="RECIPE|NAME[:WIDTH]", show_default=False)]


def compare(
    first: Contender,
    second: Contender,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Gets the trainings.")],
    stores: Stores = [],  # noqa: B006 (typer wants a list)
    tests: Tests = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Trainings of each.")] = 3,
    hours: Annotated[
        float,
        typer.Option(
            "--budget-hours", metavar="H", min=0, help="Time for all, in equal parts, instead of --chunks."
        ),
    ] = 0.0,
    chunks: Chunks = 10_000,
    batch_size: BatchSize = 8,
    rate: Rate = 4e-3,
    judged: Judged = 2000,
) -> None:
    """Train two recipes or named architectures alike, and say how far they differ.

    Recipes keep their own settings but for stores, seed and time; architectures are trained as by `bench
    variants`. The same command goes on where it was stopped. DIR/compare.json and .html hold the result.
    """
    from lexome.cli.command_line import command_line
    from lexome.core.errors import LexomeError
    from lexome.report.comparison import comparison_table, write_comparison_page
    from lexome.report.files import write_json
    from lexome.report.tables import print_table
    from lexome.tasks.bench.compare import compared, contender, paired_trials
    from lexome.tasks.bench.trials import run_trials

    minutes = 60 * hours / (2 * seeds)
    settings = settings_of(stores, tests, chunks, batch_size, rate, judged, minutes)
    a, b = contender(first, settings), contender(second, settings)
    run_trials(paired_trials(a, b, seeds), settings, output, on_result=say_result, on_log=say_log)
    figures = compared(a, b, seeds, settings, output)
    write_json(output / "compare.json", figures)
    if not figures["seeds"]:
        raise LexomeError(f"no seed was trained both ways: {'; '.join(figures['failures'])}")
    write_comparison_page(output / "compare.html", figures, command=command_line())
    print_table(comparison_table(figures))
