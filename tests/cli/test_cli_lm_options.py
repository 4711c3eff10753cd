"""What the commands for using language models share."""

import os
from pathlib import Path

import pytest

from lexome.cli.lm_options import source_of
from lexome.core.errors import UsageError


def test_sequences_are_read_again_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">x\nAC\n>y\nG\n")
    source = source_of([tmp_path / "a.fa"])
    first = source()
    assert next(first) == ("x", "AC")
    assert list(source()) == [("x", "AC"), ("y", "G")]


def test_pipes_are_refused_before_they_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is a pipe, but sequences are read twice"):
        source_of([tmp_path / "pipe"])
