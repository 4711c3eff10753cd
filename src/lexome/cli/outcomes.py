"""What became of ZMWs that were not written, at the end of a command."""

from collections.abc import Callable, Mapping, Sequence

import typer


def echo_outcomes(
    examples: Mapping[str, Sequence[tuple[str, str]]],
    numbers: Mapping[str, int],
    heading: Callable[[str, int], str],
) -> None:
    """Says on stderr how many had each outcome, and the first ones with their reasons.

    Args:
        examples: by outcome the first names, with the reason of each.
        numbers: how many had each outcome.
        heading: the line of an outcome and its number.
    """
    for outcome, first in examples.items():
        number = numbers[outcome]
        lines = [heading(outcome, number), *(f"  {name}: {reason}" for name, reason in first)]
        if number > len(first):
            lines.append(f"  and {number - len(first)} more")
        for line in lines:
            typer.echo(f"lexome: {line}", err=True)
