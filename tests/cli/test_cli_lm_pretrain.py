"""`lexome prepare lm` and `lexome lm pretrain`, as a user types them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.checkpoint.store import load
from lexome.simulate.genome import random_genome

Run = Callable[..., str]

TINY = [
    part
    for key, value in {"size": 16, "num_layers": 1, "num_heads": 4, "hidden": 16}.items()
    for part in ("--set", f"architecture.config.{key}={value}")
]


@pytest.fixture
def run(lexome: Callable[..., tuple[int, str, str]]) -> Run:
    def type_it(*arguments: object, code: int = 0) -> str:
        exit_code, out, err = lexome(*arguments)
        assert exit_code == code, err
        return out + err

    return type_it


@pytest.fixture
def store(run: Run, tmp_path: Path) -> Path:
    folder = tmp_path
    for seed, name in enumerate(("a", "b")):
        (folder / f"{name}.fa").write_text(f">{name}\n{random_genome(60_000, seed)}\n")
    told = run(
        "prepare", "lm", folder / "a.fa", f"plants={folder / 'b.fa'}", "-t", "3mer-overlapping",
        "-o", folder / "store", "--validation-share", 0.2,
    )  # fmt: skip
    assert "a: 60,000 bases" in told
    assert "plants: 60,000 bases" in told
    return folder / "store"


def test_from_genomes_to_a_model_and_further(run: Run, store: Path, tmp_path: Path) -> None:
    told = run("lm", "pretrain", store, "-o", tmp_path / "a", "--steps", 4, "--span", 4, "--80-10-10", *TINY)
    assert "frequency_loss" in told
    model = load(tmp_path / "a" / "model")
    assert model.provenance["masking"] == {"share": 0.15, "span": 4, "random_share": 0.1, "keep_share": 0.1}
    assert model.architecture.config["vocab_size"] == 69
    run("lm", "pretrain", store, "-o", tmp_path / "b", "--steps", 2, "--from", tmp_path / "a" / "model")
    assert load(tmp_path / "b" / "model").architecture == model.architecture
    again = run("lm", "pretrain", store, "-o", tmp_path / "a", "--steps", 4, "--resume", *TINY, code=2)
    assert "another recipe" in again  # the masking differs


def test_the_shipped_recipes_can_be_trained(run: Run, store: Path, tmp_path: Path) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "dnabert2" / "dna_bpe.toml"
    tiny = [*TINY, "--set", "task.weights={}", "--set", "task.validation_rows=64"]
    told = run("lm", "pretrain", store, "-o", tmp_path / "a", "--recipe", recipe, "--steps", 2, *tiny)
    assert "best at step 2" in told
    told = run("lm", "pretrain", store, "-o", tmp_path / "b", "--recipe", recipe, "--span", 3, code=2)
    assert "put start_from, masking and lr into" in told


def test_wrong_use(run: Run, store: Path, tmp_path: Path) -> None:
    assert "make one with: lexome prepare lm" in run("lm", "pretrain", tmp_path, "-o", tmp_path / "x", code=1)
    assert "no model 'nothing'" in run(
        "lm", "pretrain", store, "-o", tmp_path / "x", "--from", "nothing", code=2
    )
    told = run("lm", "pretrain", store, "-o", tmp_path / "x", "--from", "r9.4.1_fast", code=2)
    assert "scores no masked tokens" in told
