"""`lexome bench speed`, as typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.cli.bench_speed import SpeedSubject, speed
from lexome.tasks.bench import kan_speed
from lexome.tasks.bench.speed_subjects import SUBJECTS

Run = Callable[..., tuple[int, str, str]]


def test_the_names_are_those_of_the_subjects() -> None:
    assert [one.value for one in SpeedSubject] == list(SUBJECTS)


def test_a_subject(lexome: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert speed.__doc__
    monkeypatch.setattr(kan_speed, "BATCHES", (1,))
    out = tmp_path / "out"
    code, printed, _ = lexome("bench", "speed", "kan", "-o", out, "--threads", 1, "--seconds", 0)
    assert code == 0
    assert "times faster than a KAN" in printed
    figures = json.loads((out / "kan.json").read_text())
    assert figures["subject"] == "kan"
    assert figures["command"].startswith("lexome bench speed kan")
    assert len(figures["groups"][0]["series"]) == 3
    assert "Kolmogorov" in (out / "kan.html").read_text()
    assert (out / "kan.png").read_bytes().startswith(b"\x89PNG")
    assert not list(out.glob("*.partial"))


def test_wrong_use(lexome: Run, tmp_path: Path) -> None:
    for arguments, said in (
        (("head", "-o", tmp_path), "heads"),
        (("kan", "-o", tmp_path, "--seconds", 5, "--max-seconds", 1), "--seconds 5 is more than"),
        (("kan", "-o", tmp_path, "--device", "tpu"), "device tpu"),
        (("kan", "-o", tmp_path / "a" / "b"), "does not exist"),
    ):
        code, _, err = lexome("bench", "speed", *arguments)
        assert code == 2
        assert said in err
        assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
