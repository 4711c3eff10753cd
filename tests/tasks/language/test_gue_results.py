"""Result files: what they count, and that a damaged one is said to be so."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from lexome.core.errors import BadInputError, UsageError
from lexome.models.registry import new_language_network
from lexome.tasks.language.gue_answer import Answer
from lexome.tasks.language.gue_results import (
    DNABERT2_PARAMETERS,
    about_set,
    check_settings,
    cost,
    read_json,
    read_results,
    scored,
)
from lexome.tasks.language.gue_sets import find_sets
from lexome.tasks.language.gue_splits import trials


def test_parameters_of_dnabert2() -> None:
    """All of its encoder but the tables of tokens and of their types."""
    with torch.device("meta"):
        network = new_language_network(
            {"name": "dnabert2", "config": {}}, {"name": "masked_lm", "config": {"vocab_size": 4096}}
        )
    numbers = {name: p.numel() for name, p in network.encoder.named_parameters()}
    assert sum(numbers.values()) - (4096 + 2) * 768 == DNABERT2_PARAMETERS


def test_relative_flops() -> None:
    """A tenth of DNABERT-2's parameters, and half as many bases per token: a fifth of its FLOPs."""
    one = Answer(np.zeros((1, 2)), 2.0, 12_000_000, DNABERT2_PARAMETERS // 10, 2.45, 10, 5)
    made = cost([one, one])
    assert made["relative_flops"] == pytest.approx(0.2)
    assert made["cpu_s"] == 4.0
    assert made["parameters"] == 12_000_000
    assert cost([Answer(np.zeros((1, 2)), 0.0)])["relative_flops"] is None


def test_about_a_set_with_leaks(toy: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "tf" / "0").mkdir(parents=True)
    training = toy.motif_set(30)
    for split in ("train", "dev", "test"):
        toy.write_table(tmp_path / "tf/0" / f"{split}.csv", training)
    (found,) = find_sets(tmp_path)
    about = about_set(found, trials(found), 5)
    assert about["leakage"]["same"] == 30
    assert about["leakage"]["lines"][0].startswith("30 of 30 tested sequences are in training too (100.0%)")
    assert about["protocol"]["published"]
    assert about["protocol"]["folds"] is None
    assert (about["set"]["metric"], about["set"]["num_classes"], about["kind"]) == ("mcc", 2, "classes")


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_changed_data_is_noticed(toy: ModuleType, tmp_path: Path, split: str) -> None:
    (tmp_path / "tf" / "0").mkdir(parents=True)
    for number, name in enumerate(("train", "dev", "test")):
        toy.write_table(tmp_path / "tf/0" / f"{name}.csv", toy.motif_set(30, seed=number))
    (found,) = find_sets(tmp_path)
    before = about_set(found, trials(found), 5)["data_sha256"]
    table = tmp_path / "tf/0" / f"{split}.csv"
    flipped = {"with": "without", "without": "with"}
    first, row, *rest = table.read_text().splitlines()
    sequence, label = row.split(",")
    table.write_text("\n".join([first, f"{sequence},{flipped[label]}", *rest]))
    after = about_set(found, trials(found), 5)["data_sha256"]
    changed = [key for key in before if before[key] != after[key]]
    assert changed == (["tested"] if split == "test" else ["training"])


def test_settings_that_differ() -> None:
    check_settings({"a": 1, "b": [1]}, {"a": 1, "b": [1]}, Path("x"))
    with pytest.raises(UsageError, match=r"x: was made with other settings \(different: a, c\)"):
        check_settings({"a": 1, "b": 2}, {"a": 2, "b": 2, "c": 0}, Path("x"))


def _data() -> dict[str, Any]:
    return {
        "set": {"name": "s", "group": "g", "suite": "o", "metric": "mcc", "published": None, "note": ""},
        "protocol": {"text": "t", "published": False},
        "kind": "classes",
        "sizes": {"tested": 3},
        "leakage": {"same": 0, "reverse": 0, "lines": []},
        "duplicates": [],
        "contender": {"name": "c", "role": "model"},
        "cost": {"cpu_s": 0.0, "parameters": 1, "bases_per_token": 1.0, "relative_flops": 1.0},
        "data_sha256": {"training": "", "tested": ""},
        "settings": {},
    }


def _write(folder: Path, data: Any) -> Path:
    place = folder / "results" / "s"
    place.mkdir(parents=True)
    np.savez(place / "c-seed0.npz", predictions=np.eye(3, 2), truth=np.array([0, 1, 0]))
    (place / "c-seed0.json").write_text(json.dumps(data))
    return place


def test_results_are_read(tmp_path: Path) -> None:
    _write(tmp_path, _data())
    (one,) = read_results(tmp_path)
    assert (one.set_name, one.contender) == ("s", "c")
    assert np.array_equal(one.predictions_NK, np.eye(3, 2))
    with pytest.raises(UsageError, match="holds no results"):
        read_results(tmp_path / "results" / "none")


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("set", "metric", "none"), ("set", "name", 3), ("contender", "role", "judge"), ("cost", None, None),
        ("kind", None, "other"), ("sizes", "tested", None), ("leakage", None, 3),
    ],
)  # fmt: skip
def test_damaged_results(tmp_path: Path, part: str, key: str | None, value: Any) -> None:
    data = _data()
    if key is None:
        data[part] = value
    elif value is None:
        del data[part][key]
    else:
        data[part][key] = value
    _write(tmp_path, data)
    with pytest.raises(BadInputError, match=r"c-seed0.json: a damaged result .*remove it and run again"):
        read_results(tmp_path)


def test_damaged_files(tmp_path: Path) -> None:
    place = _write(tmp_path, _data())
    whole = (place / "c-seed0.npz").read_bytes()
    for content in (b"", b"no zip at all", whole[:100], whole[:-30]):
        (place / "c-seed0.npz").write_bytes(content)
        with pytest.raises(BadInputError, match="a damaged result"):
            read_results(tmp_path)
    (place / "c-seed0.npz").unlink()
    with pytest.raises(BadInputError, match="a damaged result"):
        read_results(tmp_path)
    np.savez(place / "c-seed0.npz", predictions=np.eye(3, 2), truth=np.array([0, 1]))
    with pytest.raises(BadInputError, match="a damaged result"):
        read_results(tmp_path)
    (place / "c-seed0.json").write_text("{")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_results(tmp_path)
    (place / "c-seed0.json").write_text("[]")
    with pytest.raises(BadInputError, match="is no result"):
        read_json(place / "c-seed0.json")


def test_predictions_that_are_no_numbers_leave_no_file(toy: ModuleType, tmp_path: Path) -> None:
    """Nothing that looks like a result is left of one that cannot be scored."""
    (tmp_path / "own").mkdir()
    for split in ("train", "dev", "test"):
        toy.write_table(tmp_path / "own" / f"{split}.csv", toy.motif_set(30))
    (found,) = find_sets(tmp_path)
    parts = trials(found)
    with pytest.raises(ValueError, match="no finite number"):
        scored([Answer(np.full((30, 2), np.nan), 0.0)], parts, "classes", tmp_path / "r.json")
    assert not list(tmp_path.glob("r.*"))
