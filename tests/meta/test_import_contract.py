"""Imports go one way only, and every module can be imported first."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# Each module is imported as if it were the first of the package: all of lexome is forgotten before.
IMPORT_ALONE = """
import importlib, pkgutil, sys
import lexome
names = [m.name for m in pkgutil.walk_packages(lexome.__path__, "lexome.")]
assert len(names) > 15, names
for name in names:
    for loaded in [m for m in sys.modules if m.partition(".")[0] == "lexome"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}")
"""


def test_import_contract_holds() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([lint, "--no-logo", "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_module_can_be_imported_on_its_own() -> None:
    run = subprocess.run([sys.executable, "-c", IMPORT_ALONE], capture_output=True, text=True)
    assert (run.stdout, run.returncode) == ("", 0), run.stdout + run.stderr
