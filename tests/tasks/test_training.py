"""Training a recipe into a folder: what is kept, what is resumed, what is refused."""

import json
from pathlib import Path

import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.recipe import read_recipe
from lexome.tasks.training import train_recipe
from lexome.train.state import read_record


class Stop(Exception):  # noqa: N818
    """As Ctrl-C, in the middle."""


def weights(folder: Path) -> dict[str, bytes]:
    return {name: weight.tobytes() for name, weight in load(folder / "model").weights.items()}


def test_the_model_remembers_where_it_comes_from(tiny_recipe: Path, tmp_path: Path) -> None:
    rows: list[dict] = []
    position = train_recipe(read_recipe(tiny_recipe), tmp_path / "new" / "out", "1.2.3", on_log=rows.append)
    assert position.step == 6
    model = load(tmp_path / "new" / "out" / "model")
    made = model.provenance
    assert (made["name"], made["lexome_version"], made["seed"], made["batch_size"]) == ("tiny", "1.2.3", 1, 4)
    assert made["step"] == position.best_step
    assert model.features["chunk_size"] == 200
    assert [row["step"] for row in rows if "validation" in row] == [3, 6]
    logged = (tmp_path / "new" / "out" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in logged] == rows


def test_a_trained_model_can_call(tiny_recipe: Path, tmp_path: Path, mixed_pod5: Path, graph_cache) -> None:
    """Also one whose recipe leaves the scorer's settings to their defaults."""
    from lexome.decode.heads import DEFAULT_BLANK_SCORE
    from lexome.nn.scorer import CrfScorerConfig
    from lexome.tasks.basecall.files import call_files
    from lexome.tasks.basecall.model import open_model
    from lexome.tasks.basecall.plan import CallRequest, plan_calls

    assert CrfScorerConfig(1).blank_score == DEFAULT_BLANK_SCORE
    train_recipe(read_recipe(tiny_recipe), tmp_path / "out", "1.2.3")
    request = CallRequest([mixed_pod5], tmp_path / "calls.bam")
    assert call_files(request, plan_calls(request), open_model(tmp_path / "out" / "model")).reads == 14


def test_stopped_and_resumed_is_as_never_stopped(tiny_recipe: Path, tmp_path: Path) -> None:
    recipe = read_recipe(tiny_recipe)
    train_recipe(recipe, tmp_path / "whole", "1")

    def stop(row: dict) -> None:
        if row["step"] == 4:
            raise Stop

    with pytest.raises(Stop):
        train_recipe(recipe, tmp_path / "parts", "1", on_log=stop)
    assert read_record(tmp_path / "parts")["position"]["step"] == 2
    assert train_recipe(recipe, tmp_path / "parts", "1", resume=True).step == 6
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")


def test_a_folder_in_use_is_not_overwritten(tiny_recipe: Path, tmp_path: Path) -> None:
    recipe = read_recipe(tiny_recipe)
    train_recipe(recipe, tmp_path / "out", "1")
    before = weights(tmp_path / "out")
    with pytest.raises(UsageError, match="holds a training already; add --resume"):
        train_recipe(recipe, tmp_path / "out", "1")
    other = read_recipe(tiny_recipe, ["task.optim.lr=0.5", "loop.steps=8"])
    with pytest.raises(UsageError, match=r"another recipe \(different: loop, task\)"):
        train_recipe(other, tmp_path / "out", "1", resume=True)
    assert weights(tmp_path / "out") == before


def test_where_and_how_it_is_told_may_change_when_it_goes_on(tiny_recipe: Path, tmp_path: Path) -> None:
    """And a state from before a setting existed is one with its default."""
    train_recipe(read_recipe(tiny_recipe), tmp_path / "out", "1")
    path = tmp_path / "out" / "training.json"
    record = json.loads(path.read_text())
    for key in ("average_decay", "device", "minutes", "precision", "processes"):
        del record["recipe"]["loop"][key]
    path.write_text(json.dumps(record))
    free = ["loop.device=auto", "loop.log_every=1", "loop.save_every=5", "loop.save_every_s=9"]
    assert train_recipe(read_recipe(tiny_recipe, free), tmp_path / "out", "1", resume=True).step == 6
    for wrong in ("loop.average_decay=0.9", "loop.minutes=3", "loop.seed=2", "loop.batch_size=2"):
        with pytest.raises(UsageError, match=r"another recipe \(different: loop\)"):
            train_recipe(read_recipe(tiny_recipe, [wrong]), tmp_path / "out", "1", resume=True)


def test_the_model_says_how_long_it_could_take(tiny_recipe: Path, tmp_path: Path) -> None:
    train_recipe(read_recipe(tiny_recipe, ["loop.minutes=0.02"]), tmp_path / "out", "1")
    made = load(tmp_path / "out" / "model").provenance
    assert made["minutes"] == 0.02
    assert "steps" not in made


def test_nothing_to_resume(tiny_recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no training to resume"):
        train_recipe(read_recipe(tiny_recipe), tmp_path / "out", "1", resume=True)
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder(tiny_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    for name in ("file", "file/below"):
        with pytest.raises(UsageError, match="cannot be a folder"):
            train_recipe(read_recipe(tiny_recipe), tmp_path / name, "1")


def test_a_missing_store_leaves_no_folder(tiny_recipe: Path, tmp_path: Path) -> None:
    recipe = read_recipe(tiny_recipe, ['task.stores=["nowhere"]'])
    with pytest.raises(BadInputError, match="nowhere"):
        train_recipe(recipe, tmp_path / "out", "1")
    assert not (tmp_path / "out").exists()
