"""The documents speak of what is there: files, commands, links."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src" / "lexome"
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
INDEX = REPOSITORY / "docs" / "README.md"
SYSTEMS = (REPOSITORY / "docs" / "systems.md").read_text("utf-8")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def rows() -> list[list[str]]:
    """The cells of every row of docs/systems.md, headings left out."""
    lines = [line for line in SYSTEMS.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in table if row[0] != "section" and set(row[0]) != {"-"}]


def commands() -> set[str]:
    """Every command of `lexome`, with its groups: {"lexome", "lexome basecall", ...}."""
    script = [sys.executable, str(Path(__file__).with_name("cli_surface.py"))]
    lines = subprocess.run(script, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line for line in lines if not line.startswith(" ")}


def anchors(page: Path) -> set[str]:
    """The names by which the headings of a page can be linked."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_system_has_a_file_and_a_test_or_is_said_not_to_exist() -> None:
    assert SYSTEMS.count("\n## ") == 5, "one table per paper"
    assert len(rows()) > 90
    for row in rows():
        assert len(row) == 5, row
        _, _, files, tests, command = row
        if files == "*not yet*":
            assert (tests, command) == ("", ""), row
        else:
            assert "`" in files, row
            assert "`tests/" in tests, row


def test_every_file_named_for_a_system_exists() -> None:
    missing = []
    for row in rows():
        for name in re.findall(r"`([^`]+)`", row[2] + row[3]):
            outside = name.startswith(("tests/", "recipes/", "benchmarks/"))
            place = REPOSITORY / name if outside else SOURCE / name
            wanted = "test_*.py" if name.startswith("tests/") else "*.py"
            if not (any(place.rglob(wanted)) if place.is_dir() else place.is_file()):
                missing.append(name)
    assert not missing


def test_every_command_named_for_a_system_exists() -> None:
    named = {name for row in rows() for name in re.findall(r"`([^`]+)`", row[4])}
    scripts = {name.removeprefix("python ") for name in named if name.startswith("python ")}
    assert all((REPOSITORY / script).is_file() for script in scripts)
    assert named
    assert not {name for name in named if not name.startswith("python ")} - commands()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


def test_the_index_lists_every_page() -> None:
    linked = {
        (INDEX.parent / target.partition("#")[0]).resolve()
        for target in LINK.findall(INDEX.read_text("utf-8"))
    }
    assert not [str(page) for page in PAGES if page not in linked and page != INDEX]


def test_every_verb_of_make_is_explained() -> None:
    verbs = re.findall(r"^\.PHONY: (.+)$", (REPOSITORY / "Makefile").read_text("utf-8"), re.M)
    text = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    assert not [verb for verb in verbs if verb not in ("help", "clean") and f"`make {verb}`" not in text]
