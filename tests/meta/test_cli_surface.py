"""The command line does not change unnoticed: its commands and options are frozen in cli_surface.txt."""

import difflib
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def test_commands_and_options_are_the_frozen_ones() -> None:
    frozen = (HERE / "cli_surface.txt").read_text(encoding="utf-8")
    command = [sys.executable, str(HERE / "cli_surface.py")]
    now = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if now != frozen:
        change = difflib.unified_diff(
            frozen.splitlines(), now.splitlines(), "frozen", "now", lineterm="", n=1
        )
        pytest.fail(
            "the command line changed; if that is wanted:\n"
            "  python tests/meta/cli_surface.py > tests/meta/cli_surface.txt\n" + "\n".join(change)
        )
