"""`lexome bench frontier` as it is typed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.cli.bench_frontier import By
from lexome.report import picture

Call = Callable[..., tuple[int, str, str]]
QUICK = ("--chunk-size", 100, "--max-batch", 2, "--min-repeats", 1, "--min-time", 0, "--threads", 1)


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_measure_add_a_model_and_draw(
    lexome: Call, small_model: Path, tiny_store: Path, tmp_path: Path
) -> None:
    command = ("bench", "frontier", f"a b={small_model}", "--store", tiny_store, *QUICK, "-o", "out")
    code, out, err = lexome(*command, "--by", By.cpu.value)
    assert code == 0, err
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "frontier.html", "frontier.json", "frontier.png",
    ]  # fmt: skip
    speed, accuracy = out.split("\n\n")
    assert speed.splitlines()[2].startswith("a b ")
    assert accuracy.splitlines()[1].split()[:2] == ["model", "label"]
    figures = json.loads((tmp_path / "out" / "frontier.json").read_text())
    assert [model["label"] for model in figures["models"]] == ["a b"]
    assert figures["protocol"]["rate"] == "samples_per_cpu_s"
    assert figures["protocol"]["timing"]["min_repeats"] == 1
    page = (tmp_path / "out" / "frontier.html").read_text("utf-8")
    assert "lexome bench frontier &#x27;a b=" in page
    code, out, err = lexome(*command)
    assert (code, out) == (2, "")
    assert "out/frontier.json: holds results; --resume goes on with them" in err
    code, out, err = lexome(*command, "--resume")
    assert code == 2
    assert "cannot be gone on with: protocol.rate: samples_per_cpu_s there, samples_per_s here" in err
    more = [small_model if word == command[2] else word for word in command]
    code, out, err = lexome(*more, "--by", "cpu", "--resume")
    assert code == 0, err
    assert [line.split("  ")[0] for line in out.splitlines()[2:4]] == ["a b", "small"]
    again = json.loads((tmp_path / "out" / "frontier.json").read_text())
    assert again["models"][0]["speed"] == figures["models"][0]["speed"]
    assert len(again["commands"]) == 2


def test_what_is_refused_before_any_work(
    lexome: Call, small_model: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ("--store", tiny_store)
    for words, said in (
        (("r9.4.1_turbo", "-o", "out"), "give --reads and --reference, or --store"),
        (("hifi_student", *store, "-o", "out"), "hifi_student: model"),
        ((small_model, *store, "-o", "none/out"), "the folder .* does not exist"),
        ((small_model, *store, "-o", "out", "--min-time", 9, "--max-time", 1), "--min-time 9 is more than"),
    ):
        code, out, err = lexome("bench", "frontier", *words)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert re.search(said, err), err
    monkeypatch.setattr(picture, "find_spec", lambda name: None)
    code, out, err = lexome("bench", "frontier", "no such model", "-o", "out")
    assert (code, out) == (2, "")
    assert "pip install lexome[figures]" in err
    assert not list(tmp_path.iterdir())
