"""What starts fast stays fast: the command line loads nothing heavy, the CPU path no torch."""

import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "lexome"

HEAVY = (
    "torch numpy numba onnx onnxruntime pysam pod5 pyarrow polars h5py mappy plotly safetensors pandas scipy"
)

# Runs the help of every command in one process, then names the heavy modules that were loaded.
EVERY_HELP = f"""
import contextlib, io, sys
import typer
from lexome.cli.main import app

def helps(command, path):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        app([*path, "--help"], standalone_mode=False)
    assert "Usage" in text.getvalue(), path
    for name, subcommand in getattr(command, "commands", {{}}).items():
        helps(subcommand, [*path, name])

helps(typer.main.get_command(app), [])
print(*sorted(set("{HEAVY}".split()) & set(sys.modules)))
"""

# What must work without torch; `*_loss.py` and `engine/torch.py` are the torch twins.
WITHOUT_TORCH = [
    "core",
    "dp/kernels",
    "io",
    "simulate",
    "features",
    "decode",
    "evaluate",
    "report",
    "cli",
    "zoo",
]


def loaded(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, lexome, lexome.cli.main; print(*sorted(set('{HEAVY}'.split()) & set(sys.modules)))"
    assert loaded(code) == ""


def test_no_help_page_loads_anything_heavy() -> None:
    assert loaded(EVERY_HELP) == ""


def test_the_way_of_a_read_loads_no_torch() -> None:
    files = [file for folder in WITHOUT_TORCH for file in (SOURCE / folder).rglob("*.py")]
    files = [file for file in files if not file.stem.endswith("_loss") and file.stem != "__init__"]
    files += [file for file in [SOURCE / "engine/onnx.py", SOURCE / "tasks/basecall/run.py"] if file.exists()]
    names = [".".join(file.relative_to(SOURCE.parent).with_suffix("").parts) for file in files]
    assert len(names) > 5
    code = f"""
import importlib, sys
for name in {names}:
    importlib.import_module(name)
    if "torch" in sys.modules:
        sys.exit(f"{{name}} imports torch")
"""
    assert loaded(code) == ""
