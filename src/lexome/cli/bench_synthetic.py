"""`lexome bench synthetic`: how much of a signal a network has to see, on simulated tasks."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

KEPT = "{folder} holds what was done; the same command goes on from there"


class SyntheticTasks(StrEnum):
    """The tasks of the thesis."""

    oscillator = "oscillator"
    segmentation = "segmentation"


class Labels(StrEnum):
    """What is to be found in simulated nanopore signal."""

    borders = "borders"
    bases = "bases"


def synthetic(
    task: Annotated[
        SyntheticTasks,
        typer.Argument(
            metavar="TASK", help="oscillator (its resting height) or segmentation (signal into bases)."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of trainings and results.")
    ],
    receptive_fields: Annotated[
        str,
        typer.Option(
            "--receptive-fields", metavar="N,...", help="Samples that the networks see, odd numbers."
        ),
    ] = "5,9,15,21,31,51,101",
    labels: Annotated[
        Labels,
        typer.Option("--labels", help="Of segmentation: where a base begins, or which base is in the pore."),
    ] = Labels.borders,
    steps: Annotated[int, typer.Option("--steps", min=1, metavar="N", help="Of each training.")] = 500,
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Trainings of each size.")] = 2,
    noise: Annotated[
        float,
        typer.Option("--noise", min=0.0, metavar="FACTOR", help="Factor on all noise of the simulation."),
    ] = 1.0,
) -> None:
    """Train convolutional networks of exact receptive fields on synthetic tasks, and draw the curve.

    Two convolutions each, on signals that are simulated at every step. DIR gets a folder per training,
    results.json, report.html and report.png; the same command goes on where it was
    stopped. docs/synthetic.md defines tasks and figures.
    """
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.core.errors import UsageError
    from lexome.report.files import check_can_write, write_json
    from lexome.report.picture import check_can_draw
    from lexome.report.synthetic import synthetic_table, write_synthetic_page, write_synthetic_png
    from lexome.report.tables import print_table
    from lexome.tasks.bench.synthetic import Experiment, run_experiment, source_of

    check_can_draw()
    check_can_write(output / "results.json" if output.is_dir() else output)
    try:
        fields = tuple(int(part) for part in receptive_fields.split(","))
    except ValueError as error:
        raise UsageError(
            f"--receptive-fields {receptive_fields}: whole numbers with commas between them are needed"
        ) from error
    kind = "oscillator" if task is SyntheticTasks.oscillator else labels.value
    experiment = Experiment(source_of(kind, noise), fields, seeds, steps)
    total = len(fields) * seeds * steps
    done = 0
    with (
        interruptible(lambda: KEPT.format(folder=output)),
        progress("training", "steps", total) as show,
    ):

        def finished(result: object) -> None:
            nonlocal done
            done += steps
            show(done)

        figures = run_experiment(
            experiment, output, on_point=finished, on_log=lambda point, row: show(done + int(row["step"]))
        )
    write_json(output / "results.json", {**figures, "command": command_line()})
    write_synthetic_page(output / "report.html", figures, command=command_line())
    write_synthetic_png(output / "report.png", figures)
    print_table(synthetic_table(figures))
