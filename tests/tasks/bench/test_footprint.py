"""Memory that a measurement takes, and may take."""

from pathlib import Path

import numpy as np
import pytest

from lexome.tasks.bench import footprint
from lexome.tasks.bench.footprint import memory_growth, memory_limit

MIB = 2**20


def test_growth_is_that_since_the_meter_was_made() -> None:
    try:
        footprint._FORGET_PEAK.write_text("5")
    except OSError:
        pytest.skip("this system cannot forget an earlier peak of memory")
    np.ones(96 * MIB, np.uint8).sum()  # an earlier peak, given back
    grown = memory_growth("cpu")
    assert grown() < 16 * MIB
    block = np.ones(64 * MIB, np.uint8)
    assert 60 * MIB < grown() < 80 * MIB
    del block
    assert 60 * MIB < grown() < 80 * MIB


def test_half_of_what_is_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 900 kB\nMemAvailable:     200 kB\n")
    monkeypatch.setattr(footprint, "_MACHINE", info)
    assert memory_limit("cpu") == 100 * 1024
    info.write_text("MemTotal: 900 kB\n")
    assert memory_limit("cpu") == footprint.FALLBACK_BYTES
    monkeypatch.setattr(footprint, "_MACHINE", tmp_path / "absent")
    assert memory_limit("cpu") == footprint.FALLBACK_BYTES
