"""The recipes of ENBED: every one builds its network, has the parameters that it says, and trains."""

from pathlib import Path

import pytest
import torch

from lexome.core.config import apply_overrides, read_toml
from lexome.features.tokens import load_tokenizer
from lexome.models.registry import new_language_network
from lexome.simulate.genome import random_genome
from lexome.tasks.language.corpus import CorpusRequest, prepare_tokens
from lexome.tasks.recipe import resolve_recipe

FOLDER = Path(__file__).parents[2] / "recipes" / "enbed"
RECIPES = sorted(FOLDER.glob("enbed*.toml"))
COUNTS = {
    "enbed": 942_008_832,
    "enbed_12_12": 624_148_992,
    "enbed_0_24": 548_614_144,
    "enbed_small": 4_577_088,
    "enbed_small_1_1": 3_248_256,
    "enbed_small_decoder": 2_804_608,
    "enbed_small_dense": 4_575_808,
}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_parameters_are_as_many_as_the_recipe_says(path: Path) -> None:
    data = read_toml(path)
    recipe = resolve_recipe(data, str(path))
    with torch.device("meta"):
        network = new_language_network(recipe.data["architecture"], recipe.data["head"])
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == COUNTS[path.stem]
    told = " ".join(path.read_text().replace("\n#", " ").split())
    assert f"{count:,} parameters" in told
    assert data["name"] == path.stem
    assert path.name in told.split("task_kind")[0]  # its command


def test_all_recipes_are_here() -> None:
    assert {path.stem for path in RECIPES} == COUNTS.keys()


def test_optimisers_are_the_published_one(tmp_path: Path) -> None:
    for path in RECIPES:
        optim = read_toml(path)["task"]["optim"]
        assert (optim["beta1"], optim["beta2"], optim["eps"], optim["warmup_share"]) == (
            0.9,
            0.99,
            1e-6,
            0.05,
        )
        assert optim["lr"] == (1e-3 if "small" in path.stem else 1e-5)


@pytest.mark.parametrize("path", [p for p in RECIPES if "small" in p.stem], ids=lambda path: path.stem)
def test_the_small_ones_take_a_store_of_bytes(path: Path, tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(f">a\n{random_genome(3000, 1)}\n>b\n{random_genome(1000, 2)}\n")
    request = CorpusRequest(
        [("a", tmp_path / "a.fa")], load_tokenizer("byte", uppercase=True), 129, frozenset({"b"}), 0.0
    )
    prepare_tokens(request, tmp_path / "store")
    data = apply_overrides(read_toml(path), [f'task.stores=["{tmp_path / "store"}"]'])
    task = resolve_recipe(data, str(path)).task()
    batch = next(task.batches("training", batch_size=2, seed=0, rank=0, world=1, skip=0))
    with torch.no_grad():
        network = task.build()
        scores = network(batch.tokens_NT, batch.visible_NT, batch.written_NU)
    assert scores.shape == (*batch.written_NU.shape, 384)
