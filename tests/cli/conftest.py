"""Running `lexome` as it is typed, without the cost of a process each time."""

import sys
from collections.abc import Callable

import pytest

from lexome.cli import main as cli


@pytest.fixture
def lexome(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the real main(); gives the exit code, stdout and stderr (that of the C libraries too)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lexome", *map(str, arguments)])
        code: object = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        output = capfd.readouterr()
        return int(code or 0), output.out, output.err  # pyright: ignore[reportArgumentType]

    return call
