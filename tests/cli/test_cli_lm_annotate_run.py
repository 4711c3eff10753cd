"""`lexome lm annotate run` and `train` as they are typed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.simulate.genome import random_genome
from lexome.tasks.language.annotate_text import TextRequest
from lexome.tasks.language.targets import Target

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    lexome: Run, random_language_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").symlink_to(random_language_model("nucleotide", Target("classes", ("a", "b"))))
    (tmp_path / "g.fa").write_text(f">g\n{random_genome(1000, 1)}\n>n\n{'N' * 120}\n")
    return lambda *arguments: lexome("lm", "annotate", *arguments)


def test_a_track(run: Run, tmp_path: Path) -> None:
    code, out, err = run("run", *"g.fa -m m -o o.bed --window 100 --step 50 --windows".split())
    assert (code, out) == (0, "")
    assert "lexome: 2 sequences, 1,120 bases: 19 lines\n" in err
    assert "lexome: 120 letters other than A, C, G and T were read as they are\n" in err
    lines = (tmp_path / "o.bed").read_text().splitlines()
    names = {line.split("\t")[3] for line in lines}
    assert [line.split("\t")[1:3] for line in lines[:2]] == [["0", "75"], ["75", "125"]]
    code, _, err = run("run", *"g.fa -m m -o o.gff3 --window 100".split())
    assert (code, "sequences" in err) == (0, True)
    assert (tmp_path / "o.gff3").read_text().startswith("##gff-version 3\ng\tlexome\tregion\t1\t")
    leave = [part for name in names for part in ("--leave-out", name)]
    assert run("run", *"g.fa -m m -o none.bed --window 100 --min-probability 0.1".split(), *leave)[0] == 0
    assert (tmp_path / "none.bed").read_text() == ""
    code, _, err = run("run", *"g.fa -m m -o o.bed --window 100 --min-probability 1".split())
    assert (code, "windows below --min-probability are left out" in err) == (0, True)


def test_what_is_wrong(run: Run) -> None:
    assert run("run", *"g.fa -m m -o o.txt".split())[0] == 2
    assert run("run", *"g.fa -m m -o o.bed --window 100 --step 101".split())[0] == 2
    assert run("run", *"none.fa -m m -o o.bed".split())[0] == 1


def test_the_options_of_train(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[TextRequest, bool]] = []

    def learn(request: TextRequest, output: Path, version: str, *, resume: bool, on_log: object) -> dict:
        seen.append((request, resume))
        right = {"type": 0.5, "name": 0.25, "function": 0.125}
        return {"test": {"right": right, "whole_answer": 0.1, "f1_macro": 0.4, "fragments": 7}}

    monkeypatch.setattr("lexome.tasks.language.annotate_text.train_text", learn)
    options = (
        "sets -m model -o out --epochs 2 --batch-size 4 --lr 0.1 --new-weights --max-answer 9 --beams 2 "
        "--max-judged 3 --threads 1 --device cpu --seed 5 --resume"
    )
    code, _, err = run("train", *options.split())
    assert code == 0
    expected = TextRequest("model", Path("sets"), 2, 4, 0.1, True, 9, 2, 3, 1, "cpu", 5)
    assert seen == [(expected, True)]
    assert err == (
        "lexome: test (7 fragments): right: type 0.500, name 0.250, function 0.125; whole answer 0.100, F1 "
        "of types 0.400\n"
    )
