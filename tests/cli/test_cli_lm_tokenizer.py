"""`lexome lm tokenizer` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.simulate.genome import random_genome

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(lexome: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.fa").write_text(f">a\n{random_genome(5000, 1)}\n>b\n{random_genome(3000, 2).lower()}NN\n")
    return lambda *arguments: lexome("lm", "tokenizer", *arguments)


def test_train_encode_decode(run: Run, tmp_path: Path) -> None:
    code, out, err = run("train", "g.fa", "-o", "tk", "--vocab-size", 100)
    assert (code, out) == (0, "")
    assert err.startswith("lexome: 100 tokens from 8,000 bases in 16 lines")
    assert sorted(path.name for path in (tmp_path / "tk").iterdir()) == ["tokenizer.json", "training.json"]
    (tmp_path / "x.fa").write_text(">one\nACGTNACG\n>two\nacgt\n")
    code, out, err = run("encode", "tk", "x.fa")
    assert (code, err) == (0, "")
    lines = [line.split("\t") for line in out.splitlines()]
    assert [name for name, _ in lines] == ["one", "two"]
    assert all(ids.startswith("1 ") and ids.endswith(" 2") for _, ids in lines)
    (tmp_path / "ids.tsv").write_text(out)
    assert run("decode", "tk", "ids.tsv") == (0, ">one\nACGTNACG\n>two\nACGT\n", "")
    code, out, _ = run("encode", "tk", "x.fa", "--tokens", "--no-special", "--encode", "longest")
    assert [line.split("\t")[1].replace(" ", "") for line in out.splitlines()] == ["ACGT[UNK]ACG", "ACGT"]


def test_fewer_tokens_than_asked_for_are_said(run: Run) -> None:
    code, _, err = run("train", "g.fa", "-o", "tk", "--min-frequency", 500)
    assert code == 0
    assert "warning: 4096 tokens were asked for, but no pair is left that is there 500 times" in err


def test_report(run: Run, tmp_path: Path) -> None:
    code, out, err = run(
        "report",
        "nucleotide",
        "3mer-overlapping",
        "--sequences",
        "g.fa",
        "--json",
        "f.json",
        "--report",
        "f.html",
    )
    assert (code, err) == (0, "")
    assert out.splitlines()[2].split()[:4] == ["nucleotide", "nucleotide", "10", "1"]
    figures = json.loads((tmp_path / "f.json").read_text())
    assert [one["kind"] for one in figures["tokenizers"]] == ["nucleotide", "3mer-overlapping"]
    assert figures["tokenizers"][0]["unknown_tokens"] == 3000  # lower case
    assert "lm tokenizer report nucleotide" in (tmp_path / "f.html").read_text()
    run("report", "nucleotide", "--sequences", "g.fa", "--json", "f.json", "--uppercase")
    assert json.loads((tmp_path / "f.json").read_text())["tokenizers"][0]["unknown_tokens"] == 0


def test_sweep(run: Run, tmp_path: Path) -> None:
    code, out, err = run("sweep", "g.fa", "--from", 5, "--to", 12, "--json", "s.json", "--report", "s.html")
    assert code == 0
    assert "warning: no more than" in err
    sizes = [row["vocab_size"] for row in json.loads((tmp_path / "s.json").read_text())["sizes"]]
    assert sizes == [2**n for n in range(5, 5 + len(sizes))]
    assert len(out.splitlines()) == 2 + len(sizes)
    assert (tmp_path / "s.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("train", "none.fa", "-o", "tk"), 1, "none.fa: no such file"),
        (("train", "g.fa", "-o", "tk", "--line-length", "1"), 2, "a line needs two bases"),
        (("report", "nucleotides", "--sequences", "g.fa"), 2, "did you mean"),
        (("report", "byte", "--sequences", "empty.fa"), 1, "empty.fa: holds no sequence"),
        (("report", "byte", "--sequences", "g.fa", "--json", "no/f.json"), 2, "the folder"),
        (("sweep", "g.fa", "--from", "9", "--to", "8"), 2, "--from 9 is above --to 8"),
        (("sweep", "g.fa", "--from", "15"), 1, "too little to train on"),
        (("encode", "byte", "g.fa", "--encode", "longest"), 2, "one way to encode only"),
        (("decode", "byte", "g.fa"), 1, "line 1 is not a name"),
        (("encode", "g.fa", "g.fa"), 1, "not a tokenizer.json"),
    ],
)
def test_wrong_use(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    (tmp_path / "empty.fa").write_text("")
    got, out, err = run(*arguments)
    assert (got, out) == (code, "")
    assert words in err
    assert err.count("\n") <= 1
    assert not (tmp_path / "tk").exists()
