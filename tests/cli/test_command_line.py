"""The command as it was typed."""

import shlex
import sys

import pytest

from lexome.cli.command_line import command_line


def test_a_shell_reads_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["basecall", "my reads.pod5", "-m", "it's", "-o", "$x.bam"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/lexome", *words])
    assert shlex.split(command_line()) == ["lexome", *words]
    assert shlex.split(command_line(but="basecall")) == ["lexome", *words[1:]]
