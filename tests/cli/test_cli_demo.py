"""`lexome demo`: the figures on stdout, everything else on stderr."""

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(lexome: Run, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The demo with the small model under the bundled one's name."""
    monkeypatch.setattr(
        "lexome.checkpoint.store.bundled_models", lambda: {"r9.4.1_fast": small_model, "other": small_model}
    )
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: lexome("demo", *arguments)


def test_without_options_it_makes_a_folder_named_demo(run: Run, tmp_path: Path) -> None:
    code, out, err = run("--reads", "3")
    assert code == 0
    table = {line.split()[0]: line.split()[1] for line in out.splitlines()}
    assert table["reads"] == "3"
    lines = err.splitlines()
    assert [line.split()[1:3] for line in lines[:3]] == [
        ["lexome", "simulate"], ["lexome", "basecall"], ["lexome", "evaluate"],
    ]  # fmt: skip
    assert "These are simulated reads" in lines[3]
    assert lines[4] == "lexome: look at demo/report.html"
    page = (tmp_path / "demo" / "report.html").read_text("utf-8")
    assert "lexome demo --reads 3" in page


def test_options_reach_the_demo(run: Run, tmp_path: Path) -> None:
    code, _, err = run("-o", "x", "-m", "other", "--reads", "2", "--seed", "7", "--threads", "1")
    assert code == 0
    assert "--count 2 " in err
    assert "--seed 7 " in err
    assert "-m other " in err
    assert (tmp_path / "x" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-m", "r9.4.1_fsat"), "did you mean 'r9.4.1_fast'?"),
        (("-o", "file"), "file is a file"),
        (("--reads", "0"), "--reads"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_wrong_use(run: Run, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / "file").write_text("text")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert not (tmp_path / "demo").exists()
