"""Tests of `lexome.tasks.language.mutate_train`."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.features.tokens import load_tokenizer, save_tokenizer
from lexome.tasks.language.model import open_language_model
from lexome.tasks.language.mutate_copies import as_tokens
from lexome.tasks.language.mutate_pairs import Pair
from lexome.tasks.language.mutate_train import (
    MutateRequest,
    log_line,
    opened,
    train_mutations,
    weighted,
)
from lexome.tasks.language.mutate_write import ChildrenConfig, write_children
from lexome.tasks.language.text_task import TextTask, TextTaskConfig

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def mutations(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """The tiny models beside this file."""
    return load_file(Path(__file__).with_name("toy_mutations.py"))


@pytest.fixture
def recipe(tmp_path: Path, mutations: ModuleType) -> Path:
    """A recipe, and the pairs beside it."""
    (tmp_path / "toy.toml").write_text(mutations.RECIPE)
    mutations.family(tmp_path / "pairs.tsv")
    return tmp_path / "toy.toml"


def request(recipe: Path, **options: object) -> MutateRequest:
    """A short training."""
    usual = {"epochs": 50, "lr": 1e-2, "batch_size": 4, "evaluations": 0.05, "copy_steps": 0}
    return MutateRequest(str(recipe), recipe.with_name("pairs.tsv"), **{**usual, **options})  # type: ignore[arg-type]


def test_new_weights_learn_a_family_and_write_its_children(recipe: Path, tmp_path: Path) -> None:
    done = train_mutations(request(recipe), tmp_path / "out", "1.0")
    assert done.figures["test"]["accuracy"] >= 5 / 6  # of six tokens the last letter is a toss-up
    model = open_language_model(tmp_path / "out" / "model", device="cpu")
    [children] = write_children(model, ["ACTGG"], ChildrenConfig(max_length_change=1))
    assert {child.sequence for child in children[:2]} == {"ACTGG", "ACTGC"}
    assert load(tmp_path / "out" / "model").provenance["training_pairs"] == 4
    assert (tmp_path / "out" / "figures.json").exists()
    with pytest.raises(UsageError, match="is done"):
        train_mutations(request(recipe), tmp_path / "out", "1.0")
    again = MutateRequest(
        str(tmp_path / "out" / "model"), recipe.with_name("pairs.tsv"), epochs=1, batch_size=4, lr=1e-6
    )
    further = train_mutations(again, tmp_path / "further", "1.0")
    assert further.figures["test"]["loss"] == pytest.approx(done.figures["test"]["loss"], abs=0.01)


def test_pairs_that_changed_can_weigh_more(recipe: Path, tmp_path: Path) -> None:
    train_mutations(request(recipe, changed_weight=8, epochs=15), tmp_path / "out", "1.0")
    model = open_language_model(tmp_path / "out" / "model", device="cpu")
    [children] = write_children(model, ["ACTGG"], ChildrenConfig(max_length_change=1))
    assert children[0].sequence == "ACTGC"
    pairs = [Pair("", "", "A", "C"), Pair("", "", "A", "A")]
    assert weighted(pairs, 3) == [pairs[0]] * 3 + [pairs[1]]


def test_a_recipe_is_filled_in_with_what_the_tokenizer_says(mutations: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(mutations.RECIPE)
    save_tokenizer(mutations.BPE, tmp_path / "bpe.json")
    model, _ = opened(str(tmp_path / "r.toml"), str(tmp_path / "bpe.json"))
    assert model.architecture.config["vocab_size"] == model.head.config["vocab_size"] == 12
    assert model.head.config["start_id"] == 1
    assert opened(str(tmp_path / "r.toml"))[0].head.config["start_id"] == 0
    (tmp_path / "k.toml").write_text(mutations.RECIPE.replace('"byte"', '"nothing"'))
    with pytest.raises(UsageError, match="nothing"):
        opened(str(tmp_path / "k.toml"))
    (tmp_path / "u.toml").write_text("typo = 1\n" + mutations.RECIPE)
    with pytest.raises(UsageError, match="typo"):
        opened(str(tmp_path / "u.toml"))
    with pytest.raises(UsageError, match="keeps its tokenizer"):
        opened("dna_bpe", "byte")


@pytest.mark.parametrize("name", ["shape_mutate", "shape_mutate_tiny", "shape_mutate_decoder"])
def test_the_recipes_build(name: str) -> None:
    model, _ = opened(str(REPOSITORY / "recipes" / "enbed" / f"{name}.toml"))
    pairs = as_tokens([Pair("", "", "A", "C")], load_tokenizer("byte"))
    network = TextTask(TextTaskConfig(new_weights=True), model, {"training": pairs}, {}).build()
    size = sum(parameter.numel() for parameter in network.parameters())
    assert size < 400_000 if name == "shape_mutate_tiny" else 2_000_000 < size < 3_000_000


def test_what_makes_no_sense_is_refused(recipe: Path, tmp_path: Path, mutations: ModuleType) -> None:
    for wrong in ({"epochs": 0.0}, {"copy_steps": -1}, {"changed_weight": 0}):
        with pytest.raises(UsageError):
            request(recipe, **wrong)
    mutations.classifier(tmp_path / "c")
    with pytest.raises(UsageError, match="writes no text"):
        train_mutations(request(tmp_path / "c"), tmp_path / "out", "1.0")
    text = recipe.with_name("pairs.tsv").read_text().replace("validation\t", "test\t")
    recipe.with_name("pairs.tsv").write_text(text)
    with pytest.raises(UsageError, match="no validation pairs"):
        train_mutations(request(recipe), tmp_path / "none", "1.0")
    assert not (tmp_path / "none").exists()


def test_log_lines() -> None:
    row = {"step": 3, "loss": 0.5, "accuracy": 0.75, "speed": {"chunks_per_s": 12.3}, "seconds": 4.0}
    assert log_line(row) == "step 3: loss 0.5000, accuracy 0.7500, 12.3 pairs/s, 4 s"
    assert log_line({"step": 4, "warning": "slow"}) == "step 4: warning: slow"
    said = log_line({"step": 5, "validation": {"loss": np.float64(1)}, "best": True})
    assert said == "step 5: validation: loss 1.0000 (best)"
