"""Prints every command of `lexome` with its arguments and options, one per line.

The frozen copy is cli_surface.txt; after a wanted change:
python tests/meta/cli_surface.py > tests/meta/cli_surface.txt
"""

from collections.abc import Iterator
from typing import Any

import typer

from lexome.cli.main import app


def surface(command: Any, path: str) -> Iterator[str]:
    """Yields the lines of a command and, below it, of its subcommands, in alphabetical order."""
    yield path
    for parameter in sorted(command.params, key=lambda p: (p.param_type_name != "argument", p.opts)):
        if parameter.param_type_name == "argument":
            name = parameter.metavar or parameter.name.upper()
            yield f"  {name.removesuffix('...')}{'...' if parameter.nargs == -1 else ''}"
        elif "--help" not in parameter.opts:
            names = sorted({*parameter.opts, *parameter.secondary_opts}, key=lambda name: (-len(name), name))
            yield f"  {' '.join(names)}{' (required)' if parameter.required else ''}"
    for name, subcommand in sorted(getattr(command, "commands", {}).items()):
        yield from surface(subcommand, f"{path} {name}")


if __name__ == "__main__":
    print("\n".join(surface(typer.main.get_command(app), "lexome")))
