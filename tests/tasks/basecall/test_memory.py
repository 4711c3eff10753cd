"""The peak of memory, as the system says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lexome.tasks.basecall import memory


def test_what_was_needed_counts_though_it_was_given_back() -> None:
    code = """
from lexome.tasks.basecall.memory import peak_memory_bytes
before = peak_memory_bytes()
taken = bytearray(b"x") * 300_000_000
del taken
print(peak_memory_bytes() - before)
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 290e6 < int(run.stdout) < 400e6


def test_without_linux_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    assert 10e6 < memory.peak_memory_bytes() < 100e9


def test_without_torch_there_is_no_gpu() -> None:
    code = """
import sys
from lexome.tasks.basecall.memory import peak_gpu_bytes
print(peak_gpu_bytes(), "torch" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert re.fullmatch(r"None False\s*", run.stdout)
