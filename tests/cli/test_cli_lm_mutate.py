"""`lexome lm mutate` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
TOYS = Path(__file__).resolve().parents[1] / "tasks" / "language" / "toy_mutations.py"


@pytest.fixture
def run(
    lexome: Run, load_file: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.chdir(tmp_path)
    toys = load_file(TOYS)
    (tmp_path / "toy.toml").write_text(toys.RECIPE)  # type: ignore[attr-defined]
    toys.family(tmp_path / "pairs.tsv")  # type: ignore[attr-defined]
    toys.classifier(tmp_path / "judge")  # type: ignore[attr-defined]
    toys.writer(tmp_path / "writer")  # type: ignore[attr-defined]
    (tmp_path / "p.fa").write_text(">one\nACTGG\n>two\nacn\n")
    return lambda *arguments: lexome("lm", "mutate", *arguments)


def test_pairs_of_a_phylogeny(run: Run, tmp_path: Path) -> None:
    tips = "".join(
        f"({n}1:0.1,{n}2:0.1,{n}3:0.1,{n}4:0.1,{n}5:0.1){n}:0.1{',' if n < 'h' else ''}" for n in "abcdefgh"
    )
    (tmp_path / "t.nwk").write_text(f"({tips})r;")
    letters = {n: "A" * i + "C" + "A" * (7 - i) for i, n in enumerate("abcdefgh")}
    (tmp_path / "a.fa").write_text(
        "".join(f">{n}{i}\n{s[:-1]}{'AG'[i == 5]}\n" for n, s in letters.items() for i in range(1, 6))
    )
    code, out, err = run(
        "prepare",
        "--alignment",
        "a.fa",
        "--tree",
        "t.nwk",
        "-o",
        "o.tsv",
        "--json",
        "o.json",
        "--kappa",
        "2",
        "--validation",
        "0.2",
    )
    assert code == 0
    assert "training" in out
    assert "A>G" in out
    assert "lexome: ancestors: likelihood" in err
    assert "lexome: polytomies: 9" in err
    figures = json.loads((tmp_path / "o.json").read_text())
    assert figures["sets"]["all"]["pairs"] == 48
    assert figures["phylogeny"]["kappa"] == 2
    assert len((tmp_path / "o.tsv").read_text().splitlines()) == 49


def test_from_pairs_to_a_page(run: Run, tmp_path: Path) -> None:
    code, _, err = run(
        "train", "toy.toml", "--pairs", "pairs.tsv", "-o", "out", "--epochs", "3", "--batch-size", "4",
        "--copy-steps", "2", "--copy-bp", "4", "--device", "cpu", "--threads", "1",
    )  # fmt: skip
    assert code == 0, err
    assert "lexome: out/model: best at step" in err
    code, out, err = run(
        "evaluate", "out/model", "--pairs", "pairs.tsv", "--beams", "2", "--length-change", "0", "--json",
        "e.json", "--report", "e.html", "--resamples", "5", "--device", "cpu",
    )  # fmt: skip
    assert code == 0, err
    assert [line.split("  ")[0] for line in out.splitlines() if "baseline" in line][:1] == ["copy the parent"]
    systems = json.loads((tmp_path / "e.json").read_text())["systems"]
    assert [one["name"] for one in systems][3] == "out/model"
    assert "<svg" in (tmp_path / "e.html").read_text()


def test_children(run: Run, tmp_path: Path) -> None:
    given = ("run", "writer", "p.fa", "--beams", "2", "--length-change", "1", "--device", "cpu")
    code, out, _ = run(*given)
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[:2] for row in rows[1:]] == [["one", "1"], ["one", "2"], ["two", "1"], ["two", "2"]]
    assert run(*given)[1] == out
    code, _, _ = run(*given, "--rank-by", "judge", "-o", "c.fa")
    assert code == 0
    assert (tmp_path / "c.fa").read_text().startswith(">one_1 log_prob=")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("prepare", "-o", "o.tsv"), 2, "give either --pairs, or --alignment and --tree"),
        (("prepare", "-o", "o.csv", "--pairs", "pairs.tsv"), 2, "written as .tsv"),
        (("prepare", "-o", "o.tsv", "--pairs", "pairs.tsv"), 1, "no clade"),
        (
            ("prepare", "-o", "o.tsv", "--alignment", "p.fa", "--tree", "t", "--columns", "5"),
            2,
            "two numbers are wanted",
        ),
        (("prepare", "-o", "o.tsv", "--alignment", "p.fa", "--tree", "t"), 1, "one length"),
        (("train", "none.toml", "--pairs", "pairs.tsv", "-o", "x"), 2, "none.toml: no such file"),
        (("train", "judge", "--pairs", "pairs.tsv", "-o", "x"), 2, "writes no text"),
        (("train", "toy.toml", "--pairs", "p.fa", "-o", "x"), 1, "p.fa"),
        (("run", "judge", "p.fa"), 2, "writes no sequences"),
        (("run", "writer", "p.fa", "-o", "x.txt"), 2, "written as"),
        (("run", "writer", "none.fa"), 1, "none.fa"),
        (("run", "writer", "p.fa", "--rank-by", "judge", "--rank-class", "good"), 2, "cannot rank by 'good'"),
        (("evaluate", "writer", "writer", "--pairs", "pairs.tsv"), 2, "named twice"),
        (("evaluate", "--pairs", "pairs.tsv", "--json", "no/x.json"), 2, "does not exist"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    before = set(tmp_path.iterdir())
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 2
    assert set(tmp_path.iterdir()) == before
