"""What was left out of the input, at the end of a command."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from lexome.core.records import Skipped

LISTED = 20
TOGETHER = 3  # of one reason stand on lines of their own; more share one


def echo_skipped(skipped: Sequence["Skipped"]) -> None:
    """Says on stderr what was skipped and why: the number, then `LISTED` lines.

    More than a few of one reason share a line, so that a thousand reads that are there twice do not hide the
    one file that is damaged.
    """
    names: dict[str, list[str]] = {}
    for one in skipped:
        names.setdefault(one.reason, []).append(one.name)
    lines: list[tuple[str, int]] = []
    for reason, those in names.items():
        if len(those) > TOGETHER:
            lines.append((f"{those[0]} and {len(those) - 1} more: {reason}", len(those)))
        else:
            lines += [(f"{name}: {reason}", 1) for name in those]
    if skipped:
        typer.echo(f"lexome: {len(skipped)} skipped:", err=True)
    for line, _ in lines[:LISTED]:
        typer.echo(f"lexome:   {line}", err=True)
    if len(lines) > LISTED:
        typer.echo(f"lexome:   and {sum(number for _, number in lines[LISTED:])} more", err=True)
