"""The page for users of other basecallers speaks of the options that there are, and of all of them."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "coming-from.md"
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


@cache
def surface() -> list[str]:
    """The commands of `lexome` with their options, one per line."""
    script = [sys.executable, str(Path(__file__).with_name("cli_surface.py"))]
    return subprocess.run(script, check=True, capture_output=True, text=True).stdout.splitlines()


def options_of(command: str) -> set[str]:
    """All options of a command of `lexome`, short ones too."""
    lines = surface()
    start = lines.index(command) + 1
    own: set[str] = set()
    for line in lines[start:]:
        if not line.startswith(" "):
            break
        own |= set(OPTION.findall(line))
    return own


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading: the cells, an escaped bar within one kept."""
    text = PAGE.read_text("utf-8").split(f"\n## {heading}\n", 1)[1]
    lines = re.search(r"((?:^\|.*\n)+)", text, re.M)
    assert lines is not None
    rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines[1].splitlines()[2:]]
    return [[cell.strip() for cell in row] for row in rows]


def test_every_row_has_all_cells() -> None:
    for heading, width in (("Options", 4), ("Tags and headers", 3), ("Models", 2)):
        rows = table(heading)
        assert len(rows) > 5
        assert all(len(row) == width for row in rows), heading


def test_every_option_of_basecall_is_on_the_page() -> None:
    named = set(OPTION.findall(" ".join(row[2] for row in table("Options"))))
    assert not options_of("lexome basecall") - named


def test_every_option_on_the_page_is_one_of_basecall() -> None:
    named = set(OPTION.findall(" ".join(row[2] for row in table("Options"))))
    assert not named - options_of("lexome basecall")


def test_every_command_on_the_page_exists() -> None:
    commands = {line for line in surface() if not line.startswith(" ")}
    named = set(re.findall(r"`(lexome(?: [a-z]+)+)", PAGE.read_text("utf-8")))
    assert len(named) > 5
    assert not named - commands


def test_the_refusal_is_the_one_that_is_shown(shared: Path) -> None:
    from lexome.core.errors import UsageError
    from lexome.io.signal_files import runs_of
    from lexome.tasks.basecall.choose import resolve_model

    shown = re.search(r"-m auto -o calls\.bam\nlexome: (.*?)\n```", PAGE.read_text("utf-8"), re.S)
    assert shown is not None
    runs = runs_of([shared / "data" / "nanopore" / "r10" / "can_reads.pod5"])
    with pytest.raises(UsageError) as caught:
        resolve_model("auto", runs)
    assert str(caught.value) == " ".join(shown[1].split())


def test_every_tag_that_is_written_is_named() -> None:
    import numpy as np

    from lexome.core.records import Basecall, ReadInfo, RunInfo
    from lexome.io.hts import OutputHeader, tags_of

    run = RunInfo("run", "FAX1", 4000, "MN1", "2024-01-02T03:04:05.000000+00:00")
    extra = {"num_minknow_events": 3, "pore_type": "not_set"}
    info = ReadInfo("id", 5, 1, 1, 1, 0, "signal_positive", run, "x", extra)
    bases, moves = np.array([9], np.uint8), np.array([1], np.uint8)
    call = Basecall(info, "A", bases, moves, 5, 0, 80.0, 10.0, "med_mad", "model")
    written = {tag[0] for tag in tags_of(call, OutputHeader([run], "model", 5, "1", "lexome"), True)}
    rows = table("Tags and headers")
    named = {tag for row in rows if row[1] != "-" for tag in re.findall(r"`(\w\w)`", row[0])}
    missing = {tag for row in rows if row[1] == "-" for tag in re.findall(r"`(\w\w)`", row[0])}
    assert written <= named
    assert len(missing) > 10
    assert not written & missing
