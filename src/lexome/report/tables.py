"""Tables: rich in a terminal, plain aligned text anywhere else, so that a pipe gets no control codes."""

import sys
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Table:
    """A table of finished text.

    `align` has one letter per column, `l` or `r`; without it the first column is left-aligned and all others
    right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    align: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row of {len(row)} cells in a table of {len(self.columns)} columns: {row}"
                )
        if self.align and len(self.align) != len(self.columns):
            raise ValueError(f"align '{self.align}' does not fit {len(self.columns)} columns")

    def alignment(self) -> str:
        """One letter per column, `l` or `r`."""
        return self.align or "l" + "r" * (len(self.columns) - 1)


def plain_text(table: Table) -> str:
    """Lays a table out as aligned text with two spaces between columns; ends with a newline."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    text = []
    for line in lines:
        cells = (
            cell.ljust(width) if side == "l" else cell.rjust(width)
            for cell, width, side in zip(line, widths, table.alignment(), strict=True)
        )
        text.append("  ".join(cells).rstrip())
    heading = [table.caption] if table.caption else []
    return "\n".join(heading + text) + "\n"


def print_table(table: Table, to: TextIO | None = None) -> None:
    """Prints a table to a stream (standard output unless told otherwise)."""
    stream: TextIO = to if to is not None else sys.stdout
    if not stream.isatty():
        stream.write(plain_text(table))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, title=table.caption or None, title_justify="left", pad_edge=False)
    for name, side in zip(table.columns, table.alignment(), strict=True):
        drawn.add_column(name, justify="left" if side == "l" else "right", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))  # Text: a cell's brackets are no markup
    Console(file=stream).print(drawn)
