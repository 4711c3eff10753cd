"""`lexome compress measure`: what the operations of a search space cost on this machine."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class By(StrEnum):
    """What time is taken by."""

    cpu = "cpu"
    wall = "wall"


def measure(
    space: Annotated[
        Path, typer.Option("--space", metavar="FILE", help="TOML with a table [space]; see recipes/rubicon/.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="JSON", help="The table of costs.")],
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, max=4096, metavar="N", help="Chunks at a time.")
    ] = 8,
    chunk_size: Annotated[
        int, typer.Option("--chunk-size", min=1, max=1_000_000, metavar="S", help="Samples in a chunk.")
    ] = 2000,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, metavar="N", help="Measure all in turn N times.")
    ] = 3,
    by: Annotated[
        By, typer.Option("--by", help="Time of the processor (on a busy machine), or of the clock.")
    ] = By.cpu,
) -> None:
    """Measure the latency of every operation that networks of a search space may be made of.

    Each runs by itself in the CPU engine, on one thread, in turn with all others; the median counts. The file
    also has multiply-accumulates and bytes, and says on which machine it was measured. docs/search.md.
    """
    from lexome.cli.figures import check_outputs
    from lexome.cli.progress import progress
    from lexome.report.files import write_json
    from lexome.tasks.shrink.measure import MeasureConfig, measure_costs, measurements_of
    from lexome.tasks.shrink.search_file import read_space

    check_outputs(output)
    config = MeasureConfig(batch_size, chunk_size, rounds, by=by.value)
    found = read_space(space)
    with progress("measuring", "measurements", measurements_of(found, config)) as tell:
        table = measure_costs(found, config, tell)
    write_json(output, table.record())
    typer.echo(f"lexome: {len(table.operations)} operations: {output}", err=True)
