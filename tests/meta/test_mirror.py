"""tests/ mirrors src/lexome: every module has its tests where one looks for them."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src" / "lexome"
TESTS = REPOSITORY / "tests"

# module -> why it has no test file of its own
EXCEPTIONS: dict[str, str] = {}


def has_tests(module: Path) -> bool:
    """Whether a test in the mirrored folder (a kernel's: also its twin's) has its name or imports it."""
    folder = TESTS / module.parent
    folders = [folder, folder.parent] if module.parent.name == "kernels" else [folder]
    name = re.compile(rf"test_(.*_)?{module.stem}(_.*)?")
    package = ".".join(["lexome", *module.parent.parts])
    imported = re.compile(rf"{package}\.{module.stem}\b|from {package} import .*\b{module.stem}\b")
    files = [file for place in folders for file in place.glob("test_*.py")]
    return any(name.fullmatch(file.stem) or imported.search(file.read_text("utf-8")) for file in files)


def test_every_module_has_a_test_file() -> None:
    modules = [m.relative_to(SOURCE) for m in sorted(SOURCE.rglob("*.py")) if m.name != "__init__.py"]
    without = [str(m) for m in modules if str(m) not in EXCEPTIONS and not has_tests(m)]
    assert not without, "write tests/<same folder>/test_<name>.py"


def test_every_exception_is_needed() -> None:
    needless = [name for name in EXCEPTIONS if not (SOURCE / name).exists() or has_tests(Path(name))]
    assert not needless


def test_every_test_folder_mirrors_a_package() -> None:
    folders = {f.parent.relative_to(TESTS) for f in TESTS.rglob("test_*.py")} - {Path()}
    extra = {Path("meta"), Path("golden"), Path("gpu"), Path("recipes"), Path("benchmarks")}
    assert not {str(f) for f in folders - extra if not (SOURCE / f).is_dir()}
