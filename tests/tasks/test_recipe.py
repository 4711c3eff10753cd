"""Recipes: every one in the repository parses and its network builds; what is wrong is said by name."""

import copy
from pathlib import Path

import pytest
import torch

from lexome.core.config import from_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.decode.heads import find_head
from lexome.features.signal import SignalConfig, fit_to_stride
from lexome.models.registry import new_network
from lexome.tasks.basecall.task import BasecallTaskConfig
from lexome.tasks.correct.distil import DistilConfig
from lexome.tasks.correct.task import CorrectTaskConfig
from lexome.tasks.recipe import KEYS, TASK_KINDS, read_recipe, resolve_recipe
from lexome.train.loop import LoopConfig

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPES = sorted((REPOSITORY / "recipes").rglob("*.toml"))
# spaces of `compress search`, shapes for `lm mutate train`
RECIPES = [path for path in RECIPES if not path.name.startswith(("search_", "shape_"))]
KIND_OF = {path: read_recipe(path).data["task_kind"] for path in RECIPES}
BASECALLERS = [path for path in RECIPES if KIND_OF[path] == "basecall"]
CORRECTORS = [path for path in RECIPES if KIND_OF[path] == "correct"]


def test_there_are_recipes() -> None:
    assert set(KIND_OF.values()) == set(TASK_KINDS)


@pytest.mark.parametrize("path", CORRECTORS, ids=lambda path: path.stem)
def test_a_recipe_of_a_corrector_parses_and_its_network_builds(path: Path) -> None:
    recipe = read_recipe(path)
    task = from_dict(CorrectTaskConfig, recipe.data["task"], path.name)
    network = new_network(recipe.data["architecture"], recipe.data["head"]).eval()
    with torch.no_grad():
        rows = 86 if recipe.data["architecture"]["config"]["pileup"]["ccs_qualities"] else 85
        assert network(torch.zeros(2, rows, 100, dtype=torch.int16)).shape == (2, 100, 5)
    layers = len(recipe.data["architecture"]["config"]["feed_forwards"])
    published = {"teacher": 8_943_775, "student": 6_018_155}
    if path.stem in published:
        assert sum(p.numel() for p in network.parameters()) == published[path.stem]
    assert task.optim.warmup_steps < recipe.loop.steps
    assert not task.stores
    with pytest.raises(UsageError, match="names no training store"):
        recipe.task()
    assert ("distil" in recipe.data) == path.stem.endswith("student")
    if "distil" in recipe.data:
        distil = from_dict(DistilConfig, recipe.data["distil"], path.name)
        teacher = read_recipe(path.with_name(path.name.replace("student", "teacher")))
        assert layers < len(teacher.data["architecture"]["config"]["feed_forwards"])
        assert not distil.teacher
        assert (distil.student_alpha, distil.distill_alpha) == (1.0, 1e5)


@pytest.mark.parametrize("path", BASECALLERS, ids=lambda path: path.stem)
def test_a_recipe_parses_and_its_network_builds(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name
    where = f"recipe {path.name}"
    task = from_dict(BasecallTaskConfig, recipe.data["task"], where)
    signal = from_dict(SignalConfig, recipe.data.get("signal", {}), where)
    torch.manual_seed(0)
    network = new_network(recipe.data["architecture"], recipe.data["head"]).eval()
    samples = 20 * network.stride
    with torch.no_grad():
        scores = network(torch.randn(2, 1, samples))
    assert scores.shape == (2, 20, network.num_outputs)
    head = recipe.data["head"]
    decoded = find_head(head["name"]).decoder(head["config"])(scores[0].numpy())
    assert len(decoded.moves) == 20
    assert fit_to_stride(signal, network.stride).chunk_size > 0
    assert task.optim.warmup_steps < recipe.loop.steps
    assert not task.stores, "stores are given with --set, they are on nobody else's machine"
    with pytest.raises(UsageError, match="names no training store"):
        recipe.task()


@pytest.fixture
def data() -> dict:
    head = {"name": "crf", "config": {"state_len": 1}}
    convs = [{"size": 4, "kernel": 3, "stride": 2, "activation": "swish"}]
    architecture = {"name": "bonito", "config": {"convs": convs, "lstms": [{"size": 4, "reverse": True}]}}
    return {
        "task_kind": "basecall", "name": "small", "architecture": architecture, "head": head,
        "task": {"stores": ["nowhere"]}, "loop": {"steps": 5},
    }  # fmt: skip


def test_defaults_of_the_loop_are_filled_in(data: dict) -> None:
    before = copy.deepcopy(data)
    recipe = resolve_recipe(data, "here")
    assert data == before
    assert recipe.loop == LoopConfig(steps=5)
    assert recipe.data["loop"]["batch_size"] == LoopConfig(steps=5).batch_size
    assert recipe.data["task"] == {"stores": ["nowhere"]}


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("signal", "task")])
def test_a_missing_key_is_named(data: dict, key: str) -> None:
    del data[key]
    with pytest.raises(UsageError, match=f"here: key '{key}' is missing"):
        resolve_recipe(data, "here")


def put(table: dict, key: str, value: object) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
    table[last] = value


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("architectur", {}, "unknown key 'architectur'; did you mean 'architecture'"),
        ("task_kind", "basecal", "unknown task_kind 'basecal'; did you mean 'basecall'"),
        ("task_kind", ["basecall"], "unknown task_kind"),
        ("distil", {}, "unknown key 'distil'"),
        ("loop.step", 3, r"\[loop\]: unknown key 'step'; did you mean .*'steps'"),
        ("loop.steps", 0, r"\[loop\]: steps must be at least 1"),
        ("loop.steps", "many", r"\[loop\], key 'steps': expected int"),
        ("loop.validate_every", 0, "validate_every must be at least 1"),
        ("loop", 3, r"\[loop\]: expected a table"),
        ("head.nam", "x", r"\[head\]: needs exactly the keys"),
        ("architecture", "bonito", r"\[architecture\]: needs exactly the keys"),
    ],
)
def test_wrong_tables_are_refused(data: dict, key: str, value: object, message: str) -> None:
    put(data, key, value)
    with pytest.raises(UsageError, match=message):
        resolve_recipe(data, "here")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("task.optim.learning_rate", 0.1, r"recipe small, \[task\].*unknown key 'learning_rate'"),
        ("task.optim.lr", -1.0, "lr and clip must be positive"),
        ("task.optim.clip_mode", "mean", "'mean' is not allowed; did you mean 'median'"),
        ("task.augment.min_strech", 0.9, "unknown key 'min_strech'; did you mean 'min_stretch'"),
        ("task.augment.noise_sd", -0.1, "must not be negative"),
        ("signal.scaling.method", "madmed", r"\[signal\].*'madmed' is not allowed"),
        ("signal.chunk_size", 0, r"\[signal\]: overlap must be"),
        ("signal.trim.window", 0, "window must be at least 1"),
        ("task.stores", "nowhere", "expected a list"),
        ("task.stores", ["nowhere"], "not a readable training store"),
    ],
)
def test_wrong_settings_of_the_task_are_refused(data: dict, key: str, value: object, message: str) -> None:
    put(data, key, value)
    with pytest.raises(LexomeError, match=message):
        resolve_recipe(data, "here").task()


def test_every_kind_has_its_own_tables(data: dict) -> None:
    corrector = data | {"task_kind": "correct", "distil": {"teacher": "x"}}
    assert resolve_recipe(corrector, "here").data["distil"] == {"teacher": "x"}
    with pytest.raises(UsageError, match="here: unknown key 'signal'"):
        resolve_recipe(corrector | {"signal": {}}, "here")
    with pytest.raises(LexomeError, match=r"recipe small, \[task\].*unknown key 'augment'"):
        resolve_recipe(corrector | {"task": {"stores": [], "augment": {}}}, "here").task()


def test_a_file_with_overrides(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(RECIPES[0].read_text("utf-8"), "utf-8")
    recipe = read_recipe(path, ["loop.steps=7", "task.stores=['a', 'b']", "name=other", "task.optim.lr=0.5"])
    assert (recipe.name, recipe.loop.steps, recipe.data["loop"]["steps"]) == ("other", 7, 7)
    assert recipe.data["task"]["stores"] == ["a", "b"]
    assert recipe.data["task"]["optim"]["lr"] == 0.5
    with pytest.raises(UsageError, match="unknown key 'lop'; did you mean 'loop'"):
        read_recipe(path, ["lop.steps=7"])
    with pytest.raises(UsageError, match=r"nothing\.toml: no such file"):
        read_recipe(tmp_path / "nothing.toml")
