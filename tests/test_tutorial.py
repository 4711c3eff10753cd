"""docs/tutorial.md: every block runs, in order, and prints what the page shows."""

import math
import re
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.M | re.S)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
TOLERANCE = 0.02  # processors round differently, so a base here and there may be called differently


def steps() -> list[tuple[str, str]]:
    """The page's Python blocks, each with the output shown below it ("" if none is)."""
    found: list[tuple[str, str]] = []
    for language, content in BLOCK.findall(PAGE.read_text("utf-8")):
        if language == "python":
            found.append((content, ""))
        else:
            assert language == "text", language
            assert found, "an output before any code"
            assert found[-1][1] == "", "two outputs of one block"
            found[-1] = (found[-1][0], content)
    return found


def agree(printed: str, shown: str) -> bool:
    """Whether two texts are the same but for small differences of their numbers."""
    if NUMBER.sub("#", printed) != NUMBER.sub("#", shown):
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=TOLERANCE, abs_tol=0.005) for a, b in pairs)


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ("12 reads, 0.853", "12 reads, 0.851", True),
        ("12 reads, 0.853", "12 reads, 0.953", False),
        ("12 reads", "13 reads", False),
        ("12 reads", "12 bases", False),
        ("24810 bases", "24812 bases", True),
        ("[3, 4]", "[3, 4, 5]", False),
        ("id a1b2-12", "id a1b2-13", False),
    ],
)
def test_outputs_are_compared_closely(printed: str, shown: str, same: bool) -> None:
    assert agree(printed, shown) is same


def test_every_block_prints_what_the_page_shows(
    graph_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict = {"__name__": "tutorial"}
    run: Callable = exec
    blocks = steps()
    assert len(blocks) > 10
    with chdir(tmp_path):
        for number, (code, shown) in enumerate(blocks, 1):
            capsys.readouterr()
            run(compile(code, f"{PAGE.name}, block {number}", "exec"), names)
            printed = capsys.readouterr().out
            assert agree(printed, shown), f"block {number} printed\n{printed}\nthe page shows\n{shown}"


def test_lines_fit_the_page() -> None:
    assert not [line for code, _ in steps() for line in code.splitlines() if len(line) > 110]
