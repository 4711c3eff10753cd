"""House rules that a linter does not know."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src" / "lexome"
MODULES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 300

# Written in pieces, so that this file does not contain what it looks for.
MACHINE_PATHS = "|".join(["wo" + "rk/", "ho" + "me/", "ro" + "ot/"])
REGISTRIES = "|".join(["py" + r"pi\.org", "python" + r"hosted\.org", "index" + "-url", "find" + "-links"])
FORBIDDEN = {
    "a path of somebody's machine": rf"(?<![\w.$}}-])/(?:{MACHINE_PATHS})",
    "a temporary folder (use tmp_path)": r"(?<![\w.])/" + "tmp/",
    "a package registry's host": REGISTRIES,
}


def tracked_files() -> list[Path]:
    """Files of the repository that are, or would be, under version control."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("not a git checkout: which files belong to the repository is unknown")
    return [REPOSITORY / name for name in run.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def test_files_are_short() -> None:
    long = {str(m): n for m in MODULES if (n := len(m.read_text("utf-8").splitlines())) >= MAX_LINES}
    assert not long, f"files of {MAX_LINES} lines or more: divide them"


def test_no_grab_bags() -> None:
    names = {module.stem for module in MODULES} | {module.parent.name for module in MODULES}
    assert not names & {"utils", "util", "helpers", "common", "misc", "base"}


def test_packages_do_nothing_when_imported() -> None:
    filled = [
        str(m) for m in MODULES if m.name == "__init__.py" and m.parent != SOURCE and m.read_text().strip()
    ]
    assert not filled, "__init__.py stays empty"


def test_every_folder_of_modules_is_a_package() -> None:
    assert not [str(m.parent) for m in MODULES if not (m.parent / "__init__.py").exists()]


@pytest.mark.parametrize(
    ("pattern", "allowed_in", "why"),
    [
        (r"^\s*(import|from) numba\b", "dp/kernels", "numba kernels live in dp/kernels only"),
        (r"\bpickle\.(load|loads|dump|dumps)\b|^\s*(import|from) (dill|joblib|marshal)\b", None, "no pickle"),
        (
            r"\bpickle\.Unpickler\b",
            "checkpoint/dorado.py",
            "one unpickler only, which refuses all but tensors",
        ),
        (r"weights_only\s*=\s*False", None, "torch.load only with weights_only=True"),
        (r"(?<![\w.])(eval|exec)\(", None, "nothing is executed from data"),
        (r"^from __future__ import annotations", None, "it hides the shapes from jaxtyping"),
        (r"^class \w*(Base|Manager|Utils|Helper)\b", None, "a class is a thing, not a filler word"),
        (
            r"^\s*import lexome\b|^\s*from lexome import (?!__version__$)",
            "tasks/new_model.py",
            "nobody imports the package root (but the program that it writes)",
        ),
    ],
)
def test_what_source_does_not_contain(pattern: str, allowed_in: str | None, why: str) -> None:
    found = [
        f"{module.relative_to(SOURCE)}:{number}"
        for module in MODULES
        for number, line in enumerate(module.read_text("utf-8").splitlines(), 1)
        if re.search(pattern, line) and not (allowed_in and module.is_relative_to(SOURCE / allowed_in))
    ]
    assert not found, why


def test_the_repository_names_no_machine_and_no_registry() -> None:
    found = []
    for file in tracked_files():
        try:
            lines = file.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # weights and other binary data
        for what, pattern in FORBIDDEN.items():
            found += [f"{file}:{n}: {what}" for n, line in enumerate(lines, 1) if re.search(pattern, line)]
    assert not found


def test_no_large_file_is_tracked() -> None:
    large = [str(f) for f in tracked_files() if f.stat().st_size > 20_000_000]
    assert not large
    zoo = sum(f.stat().st_size for f in (SOURCE / "zoo").rglob("*") if f.is_file())
    assert zoo < 60_000_000, "the bundled models are to stay under 60 MB together"
