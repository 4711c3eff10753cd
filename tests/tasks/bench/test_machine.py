"""What a measurement was made on."""

import platform
from importlib.metadata import version
from pathlib import Path

import pytest

from lexome.core.cores import usable_cores
from lexome.tasks.bench import machine
from lexome.tasks.bench.machine import machine_facts, processor_name


def test_facts() -> None:
    facts = machine_facts("cpu", 3)
    assert facts["cores"] == str(usable_cores())
    assert facts["threads"] == "3"
    assert facts["onnxruntime"] == version("onnxruntime")
    assert facts["processor"]
    assert "GPU" not in facts
    assert platform.node() not in facts.values()  # no name of a computer


def test_the_processor_as_its_maker_calls_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Some: CPU @ 3 GHz\n\nmodel name\t: Other\n")
    monkeypatch.setattr(machine, "_PROCESSORS", file)
    assert processor_name() == "Some: CPU @ 3 GHz"
    file.write_text("processor\t: 0\n")  # as on some ARM systems
    assert processor_name() == (platform.processor() or platform.machine())
    monkeypatch.setattr(machine, "_PROCESSORS", tmp_path / "absent")
    assert processor_name() == (platform.processor() or platform.machine())
