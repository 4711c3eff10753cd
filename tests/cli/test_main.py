"""What `lexome` does around its commands: exit codes, one-line errors, --debug, --version."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import typer

from lexome import __version__
from lexome.cli import main as cli
from lexome.core.errors import BadInputError, LexomeError, UsageError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs main() with commands that fail in known ways; gives the exit code, stdout and stderr."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(cli._root)

    def fails_with(name: str, error: BaseException) -> None:
        @app.command(name)
        def command() -> None:
            raise error

    fails_with("input", BadInputError("a.pod5: not a POD5 file; check the download"))
    fails_with("usage", UsageError("unknown model 'fsat'; did you mean 'fast'?"))
    fails_with("bug", ZeroDivisionError("a defect of the program"))
    fails_with("interrupt", KeyboardInterrupt())

    @app.command("fine")
    def fine(context: typer.Context) -> None:
        typer.echo(f"debug {context.obj['debug']}")

    monkeypatch.setattr(cli, "app", app)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lexome", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_a_command_that_works_exits_with_zero(run: Run) -> None:
    assert run("fine") == (0, "debug False\n", "")


@pytest.mark.parametrize(
    ("command", "code", "line"),
    [
        ("input", 1, "lexome: a.pod5: not a POD5 file; check the download\n"),
        ("usage", 2, "lexome: unknown model 'fsat'; did you mean 'fast'?\n"),
    ],
)
def test_an_error_is_one_line_on_stderr(run: Run, command: str, code: int, line: str) -> None:
    assert run(command) == (code, "", line)


@pytest.mark.parametrize("arguments", [("--debug", "input"), ("input", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(run: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(LexomeError, match="not a POD5 file"):
        run(*arguments)
    assert run("fine", "--debug") == (0, "debug True\n", "")


def test_a_defect_of_the_program_is_not_hidden(run: Run) -> None:
    with pytest.raises(ZeroDivisionError):
        run("bug")


def test_an_interruption_exits_with_130_and_no_traceback(run: Run) -> None:
    code, out, err = run("interrupt")
    assert (code, out) == (130, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [("unheard-of",), ("fine", "--unheard-of"), ("fine", "extra"), ("--frobnicate",)]
)
def test_wrong_use_exits_with_two(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert arguments[-1] in err


def lexome(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from lexome.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


def test_the_real_program_names_an_unknown_command_and_exits_with_two() -> None:
    result = lexome("basecal")
    assert (result.returncode, result.stdout) == (2, "")
    assert "basecal" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_version_goes_to_stdout() -> None:
    result = lexome("--version")
    assert (result.returncode, result.stdout.split()[:2], result.stderr) == (0, ["lexome", __version__], "")
