"""tests/ mirrors src/lexome: every module has its tests where one looks for them."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src" / "lexome"
TESTS = REPOSITORY / "tests"

# module -> why it has no test file of its own
EXCEPTIONS: dict[str, str] = {}


def has_tests(module: Path) -> bool:
    """Whether the mirrored folder (for a kernel also its torch twin's) has tests with the module's name."""
    folder = TESTS / module.parent
    folders = [folder, folder.parent] if module.parent.name == "kernels" else [folder]
    word = re.compile(rf"test_(.*_)?{re.escape(module.stem)}(_.*)?")
    return any(word.fullmatch(file.stem) for place in folders for file in place.glob("test_*.py"))


def test_every_module_has_a_test_file() -> None:
    modules = [m.relative_to(SOURCE) for m in sorted(SOURCE.rglob("*.py")) if m.name != "__init__.py"]
    without = [str(m) for m in modules if str(m) not in EXCEPTIONS and not has_tests(m)]
    assert not without, "no tests/<same folder>/test_<name>.py"


def test_every_exception_is_needed() -> None:
    needless = [name for name in EXCEPTIONS if not (SOURCE / name).exists() or has_tests(Path(name))]
    assert not needless


def test_every_test_folder_mirrors_a_package() -> None:
    folders = {f.parent.relative_to(TESTS) for f in TESTS.rglob("test_*.py")} - {Path()}
    extra = {Path("meta"), Path("golden"), Path("gpu"), Path("recipes"), Path("benchmarks")}
    assert not {str(f) for f in folders - extra if not (SOURCE / f).is_dir()}
