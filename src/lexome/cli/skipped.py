"""What was left out of the input, at the end of a command."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from lexome.core.records import Skipped

LISTED = 20


def echo_skipped(skipped: Sequence["Skipped"]) -> None:
    """Lists on stderr what was skipped and why: the number, then the first `LISTED`."""
    if not skipped:
        return
    lines = [f"{len(skipped)} skipped:", *(f"  {one.name}: {one.reason}" for one in skipped[:LISTED])]
    if len(skipped) > LISTED:
        lines.append(f"  and {len(skipped) - LISTED} more")
    for line in lines:
        typer.echo(f"lexome: {line}", err=True)
