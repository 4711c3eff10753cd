"""Who takes part in a comparison: trained models, and networks with random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.tasks.bench.basecallers_models import (
    open_basecallers,
    untrained_of_name,
    untrained_of_recipe,
)
from lexome.tasks.shrink.quantize_figures import weight_bytes

RECIPE = """
task_kind = "basecall"
name = "tiny_ctc"
[architecture]
name = "quartznet"
[architecture.config]
activation = "relu"
blocks = [{ size = 8, kernel = 5, stride = 3, separable = false }, { size = 8, kernel = 9, residual = true }]
[head]
name = "ctc"
config = {}
[signal]
chunk_size = 300
overlap = 30
[loop]
steps = 1
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


def test_all_kinds_side_by_side(small_model: Path, recipe: Path) -> None:
    found = open_basecallers(
        [str(small_model), f"CTC=recipe:{recipe}", f"recipe:{recipe}", "w=bonito:8"], device="cpu"
    )
    assert [(one.label, one.is_trained) for one in found] == [
        ("small", True), ("CTC", False), ("tiny_ctc", False), ("w", False),
    ]  # fmt: skip
    assert [one.source for one in found] == [
        str(small_model), f"recipe:{recipe}", f"recipe:{recipe}", "bonito:8",
    ]  # fmt: skip
    assert [one.model.signal.chunk_size for one in found] == [1000, 300, 300, 3000]
    assert [one.checkpoint.head.name for one in found] == ["crf", "ctc", "ctc", "crf"]
    assert found[0].model.digest != found[1].model.digest == found[2].model.digest


def test_random_weights_are_those_of_the_seed_and_let_signal_through(recipe: Path) -> None:
    one, other = untrained_of_recipe(recipe, 1), untrained_of_recipe(recipe, 2)
    torch.rand(3)  # it does not matter what was drawn before
    before = torch.random.get_rng_state()
    same = untrained_of_recipe(recipe, 1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(np.array_equal(one.weights[name], same.weights[name]) for name in one.weights)
    assert not all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)
    scores_NTK = build_network(one)(torch.randn(2, 1, 300))
    assert scores_NTK.shape[2] == 5
    assert float(scores_NTK.detach().std(dim=1).min()) > 0.05


def test_bits_of_a_recipe_are_stored_bits(recipe: Path) -> None:
    plain = untrained_of_recipe(recipe, 0)
    recipe.write_text(f'{RECIPE}[quantize]\nbits = [4, 8]\n[quantize.layers]\n"scorer.*" = [32, 32]\n')
    few = untrained_of_recipe(recipe, 0)
    assert plain.quantization is None
    assert few.quantization is not None
    assert few.num_parameters == plain.num_parameters
    on_grids = sum(
        int(np.prod(shape))
        for layer in few.quantization["layers"].values()
        if layer["weight_bits"] == 4
        for shape in layer["weights"].values()
    )
    steps = sum(w.nbytes for name, w in few.weights.items() if name.endswith("quantization_step"))
    assert on_grids > 0.5 * plain.num_parameters
    assert weight_bytes(few) == weight_bytes(plain) - on_grids * 4 + on_grids // 2 + steps


def test_named_architectures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert untrained_of_name("quartznet:16", 0).name == "quartznet:16"
    assert untrained_of_name("bonito", 0).name == "bonito:96"
    (tmp_path / "bonito").symlink_to(small_model)  # what is there comes first
    (one,) = open_basecallers(["bonito"], device="cpu")
    assert (one.is_trained, one.checkpoint.num_parameters) == (True, load(small_model).num_parameters)


def test_what_cannot_take_part(
    small_model: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corrector = tmp_path / "corrector.toml"
    corrector.write_text(RECIPE.replace('"basecall"', '"correct"').replace("[signal]", "[task]"))
    for texts, said in (
        (["r9.4.1_fats"], "no model 'r9.4.1_fats'.*did you mean 'r9.4.1_fast'.*nor an architecture"),
        (["boniito:96"], "no model 'boniito:96'.*nor an architecture of docs/architectures.md"),
        (["hifi_student"], "^hifi_student: model .* is for the task 'correct', not for basecalling"),
        (["deepconsensus:32"], "takes .* rows and no signal; no basecaller"),
        (["bonito:0"], "width behind the colon must be a whole number above 0"),
        (["bonito:"], "width behind the colon must be a whole number above 0"),
        ([f"recipe:{corrector}"], "is no recipe of a basecaller"),
        (["recipe:none.toml"], "none.toml"),
        ([str(small_model), f"small=recipe:{recipe}"], "two models are called 'small'; name them apart"),
        (["=bonito"], "LABEL=MODEL needs a label"),
    ):
        with pytest.raises(UsageError, match=said):
            open_basecallers(texts, device="cpu")
