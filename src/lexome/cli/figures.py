"""Commands that print figures, and write them as JSON and as a page if they are asked to."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lexome.report.tables import Table

JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write all figures here as JSON.")
]
PageFile = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write a self-contained HTML page here.")
]


def check_outputs(*files: Path | None) -> None:
    """Finds out before any work whether the files that are wanted can be written.

    Raises:
        UsageError: if not.
    """
    from lexome.report.files import check_can_write

    for file in files:
        if file is not None:
            check_can_write(file)


def give_out(
    figures: Mapping[str, Any],
    tables: "Sequence[Table]",
    write_page: Callable[..., None],
    json_file: Path | None,
    page: Path | None,
) -> None:
    """Writes the files that were asked for, and the tables to stdout with an empty line between them."""
    from lexome.cli.command_line import command_line
    from lexome.report.files import write_json
    from lexome.report.tables import print_table

    if json_file is not None:
        write_json(json_file, figures)
    if page is not None:
        write_page(page, figures, command=command_line())
    for number, table in enumerate(tables):
        if number:
            typer.echo()
        print_table(table)
