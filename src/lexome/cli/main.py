"""The `lexome` command: one Typer app, one file per command group, heavy imports only inside the commands."""

import os
import sys
from typing import Annotated, Any

import typer

from lexome import __version__
from lexome.cli import (
    basecall,
    bench,
    calibrate,
    compress,
    correct,
    demo,
    evaluate,
    finetune,
    lm,
    merge,
    models,
    new,
    prepare,
    simulate,
    train,
)
from lexome.cli import filter as filter_command
from lexome.core.errors import LexomeError

# any wrong option or argument, also that none was given; typer does not name this class
_WRONG_USE: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="lexome",
    help="Read DNA with small, fast neural networks: nanopore current into bases, PacBio passes into reads.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"lexome {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    context.obj = {"debug": debug}


app.command()(demo.demo)
app.command()(basecall.basecall)
app.command()(merge.merge)
app.command()(correct.correct)
app.command()(calibrate.calibrate)
app.command(name="filter")(filter_command.filter_reads)
app.add_typer(simulate.app, name="simulate")
app.add_typer(prepare.app, name="prepare")
app.command()(train.train)
app.command()(finetune.finetune)
app.add_typer(compress.app, name="compress")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(bench.app, name="bench")
app.add_typer(lm.app, name="lm")
app.add_typer(models.app, name="models")
app.add_typer(new.app, name="new")


def main() -> None:
    """Runs the command line: exit 0 done, 1 failed, 2 wrong use, 130 interrupted.

    An error is one line on stderr; `--debug`, anywhere on the line, shows the traceback.
    """
    debug = "--debug" in sys.argv
    if debug:  # allowed anywhere on the line, not only before the command
        sys.argv = [sys.argv[0], "--debug", *(a for a in sys.argv[1:] if a != "--debug")]
    try:
        # else typer prints three lines for an option that is wrong
        code = app(standalone_mode=False, prog_name="lexome")
    except LexomeError as error:
        if debug:
            raise
        typer.echo(f"lexome: {error}", err=True)
        sys.exit(error.exit_code)
    except _WRONG_USE as error:
        typer.echo(_wrong_use(error), err=True)
        sys.exit(2)
    except (OSError, MemoryError) as error:  # of the machine, not of the program
        if debug:
            raise
        typer.echo(f"lexome: {_of_the_machine(error)}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:  # outside of a command
        code = 130
    if code == 130:  # typer's word for KeyboardInterrupt
        typer.echo("lexome: interrupted", err=True)
    sys.exit(code)


def _wrong_use(error: Any) -> str:
    """What typer finds wrong with the command, in one line; its page of help, if nothing was asked for."""
    message = error.format_message()
    if message.startswith("Usage:"):
        return message
    what = " ".join(message.split()).rstrip(".")
    command = "lexome" if error.ctx is None else error.ctx.command_path
    return f"lexome: {what}; see {command} --help"


def _of_the_machine(error: OSError | MemoryError) -> str:
    """What the system refused, in one line: most often a file in a folder that may not be looked into."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; fewer --threads or a smaller --batch-size need less"
    reason = error.strerror or str(error) or type(error).__name__
    return reason if error.filename is None else f"{os.fsdecode(error.filename)}: {reason}"
