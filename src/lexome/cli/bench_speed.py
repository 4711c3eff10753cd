"""`lexome bench speed`: how fast layers and the machine are."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class SpeedSubject(StrEnum):
    """What can be measured."""

    roofline = "roofline"
    splitting = "splitting"
    growth = "growth"
    kan = "kan"
    experts = "experts"
    heads = "heads"
    implementations = "implementations"
    attention = "attention"


def speed(
    subject: Annotated[
        SpeedSubject,
        typer.Argument(
            metavar="SUBJECT",
            help="roofline (products, memory, Bonito's layers), splitting (cut sequences), growth (with "
            "length, width, batch), kan, experts, heads, implementations (of one network) or attention.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")],
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="cpu or cuda:N.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")
    ] = None,
    max_batch: Annotated[
        int,
        typer.Option(
            "--max-batch", min=1, max=65536, metavar="N", help="Batch sizes of 1, 2, 4, ... up to N."
        ),
    ] = 256,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=0.0, metavar="S", help="Repeat every point for at least so long."),
    ] = 1.0,
    max_seconds: Annotated[
        float,
        typer.Option("--max-seconds", min=0.0, metavar="S", help="Leave out points that would take longer."),
    ] = 60.0,
) -> None:
    """Measure how fast layers, their implementations and the machine are.

    Each subject is a table or figure of the thesis on faster basecallers. DIR gets SUBJECT.json, SUBJECT.html
    and SUBJECT.png. docs/layer-speed.md says what is measured and how.
    """
    from lexome.cli.command_line import command_line
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.report.files import check_can_write, write_json
    from lexome.report.layer_speed import speed_tables, write_speed_page, write_speed_png
    from lexome.report.picture import check_can_draw
    from lexome.report.tables import print_table
    from lexome.tasks.bench.layer_speed import SpeedRequest, spots_of
    from lexome.tasks.bench.speed_subjects import plan_speed, run_speed
    from lexome.tasks.bench.timing import TimingConfig

    check_can_draw()
    check_can_write(output / f"{subject.value}.json" if output.is_dir() else output)
    if seconds > max_seconds:
        raise UsageError(f"--seconds {seconds:g} is more than --max-seconds {max_seconds:g}")
    # three warm-ups: torch compiles a script in the second
    timing = TimingConfig(warm_ups=3, min_s=seconds, max_s=max_seconds)
    request = SpeedRequest(device, threads or usable_cores(), max_batch, timing)
    plan = plan_speed(subject.value, request)
    with (
        interruptible(lambda: "nothing was written"),
        progress(f"measuring {subject.value}", "points", spots_of(plan)) as show,
    ):
        figures = run_speed(subject.value, plan, request, show)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / f"{subject.value}.json", {**figures, "command": command_line()})
    write_speed_page(output / f"{subject.value}.html", figures, command=command_line())
    write_speed_png(output / f"{subject.value}.png", figures)
    for number, table in enumerate(speed_tables(figures)):
        if number:
            typer.echo()
        print_table(table)
