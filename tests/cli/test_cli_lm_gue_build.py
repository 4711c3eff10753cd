"""The options of `lexome lm gue build` reach the request, and what is told reaches the user."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lexome.cli.lm_gue_build import build
from lexome.core.errors import UsageError
from lexome.simulate.genome import random_genome


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.chdir(tmp_path)
    contigs = {name: random_genome(9000, seed) for seed, name in enumerate("abc")}
    Path("g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
    Path("p.bed").write_text(
        "".join(f"{name}\t{start}\t{start + 30}\n" for name in contigs for start in range(500, 8000, 500))
    )
    app = typer.Typer()
    app.command()(build)
    return app


def _run(app: typer.Typer, *arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout == ""
    return done.stderr


def test_every_option(app: typer.Typer) -> None:
    options = "p.bed -g g.fa -o out --length 40 --negatives adversarial --shift 25 --validation b --test c"
    told = _run(app, *options.split(), "--seed", "7")
    assert "lexome: train: 15 positives, 15 negatives\n" in told
    assert "lexome: 0 of 30 test sequences are in train too\n" in told
    meta = json.loads(Path("out/meta.json").read_text())
    assert (meta["length_bp"], meta["negatives"], meta["shift_bp"], meta["seed"]) == (
        40,
        "adversarial",
        25,
        7,
    )
    assert (meta["validation"], meta["test"]) == (["b"], ["c"])
    sequences = Path("out/test.csv").read_text().splitlines()[1:]
    assert {len(row.split(",")[0]) for row in sequences} == {40}


def test_at_random(app: typer.Typer) -> None:
    told = _run(app, *"p.bed -g g.fa -o out --held-out 0.2".split())
    assert [line.split()[1:3] for line in told.splitlines()[:3]] == [
        ["train:", "27"], ["dev:", "9"], ["test:", "9"]
    ]  # fmt: skip


def test_what_does_not_go_together(app: typer.Typer) -> None:
    with pytest.raises(UsageError, match="give one with --genome"):
        _run(app, *"p.bed -o out".split())
