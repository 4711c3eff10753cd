"""A search from its file to a recipe that trains: measured costs, the search itself, what is written."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.compress.costs import read_cost_table
from lexome.compress.space_costs import SpaceCosts
from lexome.core.errors import BadInputError, UsageError
from lexome.report.files import write_json
from lexome.tasks.recipe import read_recipe
from lexome.tasks.shrink.measure import MeasureConfig, measure_costs, measurements_of
from lexome.tasks.shrink.search import run_search, search_recipe
from lexome.tasks.shrink.search_file import SearchFile, costs_by, read_search_file, read_space
from lexome.tasks.shrink.search_result import found_tables
from lexome.tasks.training import train_recipe

FILE = """
task_kind = "basecall"
name = "found"
head = { name = "ctc", config = {} }
signal = { chunk_size = 200, overlap = 20 }
task = { stores = ["STORE"], validation_chunks = 4 }
loop = { steps = 2, batch_size = 2, log_every = 1, device = "cpu" }
search = { steps = 4, warm_up = 0.0, validate_every = 4 }
[space]
kind = "convolutions"
tail = [{ size = 4, kernel = 1 }]
stages = [{ channels = [2, 4], kernels = [3, 9], layers = 2, bits = [[4, 8], [32, 32]], stride = 5 }]
"""
RECIPES = Path(__file__).parents[3] / "recipes" / "rubicon"


@pytest.fixture
def file(tiny_store: Path, tmp_path: Path) -> SearchFile:
    path = tmp_path / "space.toml"
    path.write_text(FILE.replace("STORE", tiny_store.as_posix()))
    return read_search_file(path)


def searched(file: SearchFile, folder: Path, target: float, **more: Any) -> dict[str, Any]:
    costs = costs_by("macs", file.space)
    assert isinstance(costs, SpaceCosts)
    return run_search(search_recipe(file, costs, "macs", target), folder, "0", **more)


def test_a_search_writes_a_recipe_that_trains(file: SearchFile, tmp_path: Path) -> None:
    out = tmp_path / "out"
    figures = searched(file, out, 10.0)
    assert figures == json.loads((out / "search.json").read_text())
    assert figures["cost"] <= 10 < figures["likeliest_cost"] or not figures["changed_for_target"]
    recipe = read_recipe(out / "recipe.toml")
    assert (
        recipe.data["architecture"] == json.loads((out / "derived/config.json").read_text())["architecture"]
    )
    assert build_network(load(out / "derived")).stride == 5
    train_recipe(recipe, tmp_path / "trained", "0")
    trained = build_network(load(tmp_path / "trained/model"))
    assert sum(p.numel() for p in trained.parameters()) == figures["parameters"]
    tables = found_tables(figures)
    assert [row[0] for row in tables[1].rows] == [row["choice"] for row in figures["choices"]]
    if (out / "bits.toml").exists():
        bits = tomllib.loads((out / "bits.toml").read_text())
        assert all(pair == [4, 8] for pair in bits["layers"].values())
    with pytest.raises(UsageError, match="add --resume"):
        searched(file, out, 10.0)
    assert searched(file, out, 10.0, resume=True) == figures
    with pytest.raises(UsageError, match=r"different: target"):
        searched(file, out, 11.0, resume=True)


def test_costs_are_measured_and_read(file: SearchFile, tmp_path: Path) -> None:
    config = MeasureConfig(1, 200, rounds=2, repeats=1, min_s=0.0, by="wall")
    done: list[int] = []
    table = measure_costs(file.space, config, done.append)
    assert table.operations.keys() == file.space.operations().keys()
    assert done == list(range(1, len(done) + 1))
    assert len(done) <= measurements_of(file.space, config)
    assert all(cost.latency_ns > 0 for cost in table.operations.values())
    path = tmp_path / "costs.json"
    write_json(path, table.record())
    assert read_cost_table(path) == table
    assert costs_by(str(path), file.space).unit == "ns per sample"
    with pytest.raises(BadInputError, match=r"no cost of \d+ of \d+ operations: "):
        costs_by(str(path), read_space(RECIPES / "search_small.toml"))


def test_the_recipes_are_spaces() -> None:
    small, ladder = (read_search_file(RECIPES / name) for name in ("search_small.toml", "search_ladder.toml"))
    assert small.config.method == "proxyless"
    assert len(small.space.operations()) > 100
    assert ladder.config.method == "optuna"
    with pytest.raises(UsageError, match="take --method optuna"):
        read_search_file(RECIPES / "search_ladder.toml", ["search.method=darts"])
    for wrong, complaint in (
        ("space.kind=tree", "unknown kind 'tree'"),
        ("tasks.stores=[]", "did you mean 'task'"),
        ("task_kind=correct", "cannot be searched for yet"),
        ("search.method=nas", "'nas' is not allowed"),
    ):
        with pytest.raises(UsageError, match=complaint):
            read_search_file(RECIPES / "search_small.toml", [wrong])
