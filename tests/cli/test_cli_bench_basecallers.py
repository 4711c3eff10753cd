"""`lexome bench basecallers` as it is typed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.cli.bench_basecallers import basecallers
from lexome.report import picture

Call = Callable[..., tuple[int, str, str]]
QUICK = ("--rounds", 1, "--min-time", 0, "--threads", 1, "--device", "cpu")


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_measure_draw_and_go_on(lexome: Call, small_model: Path, mixed_pod5: Path, tmp_path: Path) -> None:
    (tmp_path / "ref.fa").write_text(">g\n" + "ACGTTGCAAC" * 30 + "\n")
    reads = ("--reads", mixed_pod5, "--reference", "ref.fa", "--limit", 6)
    command = ("bench", "basecallers", f"a b={small_model}", "bonito:8", *QUICK, "-o", "out")
    code, out, err = lexome(*command, *reads)
    assert code == 0, err
    measured, published = out.split("\n\n")
    assert measured.splitlines()[0] == "Measured here: the first 6 reads of mixed.pod5 on ref.fa"
    assert [line.split("  ")[0] for line in measured.splitlines()[2:]] == ["a b", "bonito:8"]
    assert "not trained" in measured.splitlines()[3]
    assert published.startswith("Published, on other reads and other machines")
    assert sorted(file.suffix for file in (tmp_path / "out").iterdir()) == [".html", ".json", ".json", ".png"]
    figures = json.loads((tmp_path / "out" / "basecallers.json").read_text())
    assert figures["protocol"]["rounds"] == 1
    assert figures["models"][0]["reads"]["reads"] == 4  # of six, two cannot be called
    assert "&#x27;a b=" in (tmp_path / "out" / "basecallers.html").read_text("utf-8")
    code, out, err = lexome(*command, *reads)
    assert (code, out) == (2, "")
    assert "holds results; --resume keeps" in err
    code, out, err = lexome(*command, *reads, "--resume")
    assert code == 0, err
    again = json.loads((tmp_path / "out" / "basecallers.json").read_text())
    assert again["models"][0]["reads"] == figures["models"][0]["reads"]


def test_without_matplotlib_there_is_no_picture(
    lexome: Call, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "find_spec", lambda name: None)
    code, out, err = lexome("bench", "basecallers", small_model, *QUICK, "-o", "out")
    assert code == 0, err
    assert "no picture is drawn: a PNG needs matplotlib" in err
    assert "there is no identity" in out
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "basecallers.html", "basecallers.json",
    ]  # fmt: skip


def test_what_is_refused_before_any_work(lexome: Call, small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for words, said in (
        (("r9.4.1_fats", "-o", "out"), "no model 'r9.4.1_fats'"),
        (("hifi_student", "-o", "out"), "hifi_student: model .* is for the task 'correct'"),
        ((small_model, small_model, "-o", "out"), "two models are called 'small'; name them apart"),
        ((small_model, "--reads", "x.pod5", "-o", "out"), "--reads and --reference belong together"),
        ((small_model, "-o", "none/out"), "the folder .* does not exist"),
        ((small_model, "-o", "file"), "file: is no folder"),
    ):
        code, out, err = lexome("bench", "basecallers", *words)
        assert (code, out) == (2, ""), words
        assert len(err.splitlines()) == 1
        assert re.search(said, err), err
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert "docs/comparing-basecallers.md" in str(basecallers.__doc__)
