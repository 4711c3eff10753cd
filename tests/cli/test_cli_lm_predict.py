"""`lexome lm predict` as it is typed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.core.alphabet import reverse_complement
from lexome.simulate.genome import random_genome
from lexome.tasks.language.targets import Target

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    lexome: Run, random_language_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.fa").write_text(
        f">a c\r\n{random_genome(60, 1)}\r\n\r\n>b\n{random_genome(90, 2).lower()}\n"
    )
    for name, target in (
        ("classes", Target("classes", ("no", "yes"))),
        ("labels", Target("labels", ("p", "q"))),
        ("masked", None),
    ):
        (tmp_path / name).symlink_to(random_language_model("nucleotide", target))
    return lambda *arguments: lexome("lm", "predict", *arguments)


def test_rows_on_stdout_and_in_files(run: Run, tmp_path: Path) -> None:
    code, out, err = run("classes", "x.fa")
    assert (code, err) == (0, "")
    lines = [line.split("\t") for line in out.splitlines()]
    assert lines[0] == ["name", "prediction", "p_no", "p_yes"]
    assert [line[0] for line in lines[1:]] == ["a", "b"]
    assert all(line[1] == ("yes" if float(line[3]) > 0.5 else "no") for line in lines[1:])
    code, out, err = run("classes", "x.fa", "-o", "o.csv", "--batch-tokens", 5)
    assert (code, out, err) == (0, "", "lexome: wrote 2 rows to o.csv\n")
    assert (tmp_path / "o.csv").read_text().splitlines()[0] == "name,prediction,p_no,p_yes"
    assert run("classes", "x.fa", "-o", "o.csv", "--resume")[2] == (
        "lexome: o.csv is complete, there is nothing to resume\n"
    )


def test_case_and_strand_change_nothing_that_they_should_not(run: Run, tmp_path: Path) -> None:
    sequence = random_genome(70, 3)
    rows = "".join(f"{one},1\n" for one in (sequence, sequence.lower(), reverse_complement(sequence)))
    (tmp_path / "x.csv").write_text("sequence,label\n" + rows)
    lines = [line.split("\t") for line in run("labels", "x.csv", "--rc-average")[1].splitlines()]
    assert [line[0] for line in lines] == ["name", "1", "2", "3"]
    assert lines[1][1:] == lines[2][1:]
    assert [float(p) for p in lines[3][2:]] == pytest.approx([float(p) for p in lines[1][2:]], abs=1e-5)
    all_labels = run("labels", "x.csv", "--threshold", "0.000001")[1]
    assert [line.split("\t")[1] for line in all_labels.splitlines()[1:]] == ["p;q"] * 3


def test_long_sequences(run: Run) -> None:
    code, out, err = run("classes", "x.fa", "--max-tokens", 80)
    assert (code, out) == (1, "")
    assert "x.fa: 1 of 2 sequences have more than 80 tokens (most: 'b', 92); cut them with --window" in err
    code, out, err = run("classes", "x.fa", "--max-tokens", 80, "--truncate")
    assert (code, err) == (0, "lexome: 1 of 2 sequences are cut to their first 80 tokens\n")
    code, out, err = run("classes", "x.fa", "--window", 40, "--overlap", 20)
    assert (code, err) == (0, "")
    places = [line.split("\t")[:3] for line in out.splitlines()[1:]]
    assert places == [
        ["a", "0", "40"], ["a", "20", "60"],
        ["b", "0", "40"], ["b", "20", "60"], ["b", "40", "80"], ["b", "50", "90"],
    ]  # fmt: skip


def test_unknown_tokens_are_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "n.fa").write_text(">a\nACGTRYRY\n")
    code, _, err = run("classes", "n.fa")
    assert code == 0
    assert err.startswith("lexome: warning: 50% of the tokens are unknown")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("masked", "x.fa"), 2, "fine-tune it first"),
        (("none", "x.fa"), 2, "no model 'none'"),
        (("r9.4.1_fast", "x.fa"), 2, "not a language model"),
        (("classes", "none.fa"), 1, "none.fa: no such file"),
        (("classes", "."), 2, "is a folder"),
        (("classes", "empty.fa"), 1, "empty.fa: holds no sequence"),
        (("classes", "heads.fa"), 1, "the sequence 'a' is empty"),
        (("classes", "n.fa"), 1, "the sequence 'n' holds no A, C, G or T at all"),
        (("classes", "x.fa", "-o", "o.txt"), 2, "the ending decides the format"),
        (("classes", "x.fa", "-o", "no/o.tsv"), 2, "does not exist"),
        (("classes", "x.fa", "--resume"), 2, "needs an output file"),
        (("classes", "x.fa", "--threshold", "0.5"), 2, "--threshold is for labels"),
        (("classes", "x.fa", "--overlap", "5"), 2, "give --window too"),
        (("classes", "x.fa", "--device", "cuda:77"), 2, "no such GPU"),
        (("classes", "x.fa", "--tokenizer", "byte"), 1, "the tokenizer has 384 tokens"),
    ],
)
def test_wrong_use(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    (tmp_path / "empty.fa").write_text("")
    (tmp_path / "heads.fa").write_text(">a\n>b\n")
    (tmp_path / "n.fa").write_text(">ok\nA\n>n\nNNRN\n")
    before = sorted(tmp_path.iterdir())
    got, out, err = run(*arguments)
    assert words in err
    assert (got, out) == (code, "")
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
