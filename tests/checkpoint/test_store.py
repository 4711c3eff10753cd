"""The checkpoint folder: what is written comes back, what is damaged is refused."""

import dataclasses
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint import store
from lexome.checkpoint.store import Checkpoint, bundled_models, config_of, load, save
from lexome.core.errors import BadInputError, UsageError


def test_what_is_saved_comes_back(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save(tmp_path / "model", checkpoint, "# A card")
    assert sorted(p.name for p in tmp_path.rglob("*")) == [
        "README.md",
        "config.json",
        "model",
        "model.safetensors",
    ]
    assert (tmp_path / "model" / "README.md").read_text() == "# A card\n"
    back = load(tmp_path / "model")
    assert config_of(back) == config_of(checkpoint)
    assert back.weights.keys() == checkpoint.weights.keys()
    for name, weight in checkpoint.weights.items():
        assert back.weights[name].dtype == weight.dtype
        assert back.weights[name].shape == weight.shape
        assert back.weights[name].tobytes() == weight.tobytes()
    assert back.name == "small"


def test_statistics_are_no_parameters(checkpoint: Checkpoint) -> None:
    convs = (4 * 5 + 4) + 2 * 4 + (6 * 4 * 9 + 6)
    lstms = 4 * 6 * (6 + 6 + 2) + 4 * 5 * (6 + 5)
    assert checkpoint.num_parameters == convs + lstms + (3 * 5 + 3) + 64 * (3 + 1)


def test_the_same_checkpoint_gives_the_same_bytes(checkpoint: Checkpoint, tmp_path: Path) -> None:
    reordered = dict(reversed(checkpoint.weights.items()))
    save(tmp_path / "a", checkpoint, "card")
    save(tmp_path / "b", dataclasses.replace(checkpoint, weights=reordered), "card")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_views_are_saved_as_what_they_show(checkpoint: Checkpoint, tmp_path: Path) -> None:
    transposed = np.arange(6, dtype=np.float32).reshape(2, 3).T
    save(tmp_path / "m", dataclasses.replace(checkpoint, weights={"w": transposed}), "card")
    np.testing.assert_array_equal(load(tmp_path / "m").weights["w"], transposed)


def test_nothing_is_replaced_unasked(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save(tmp_path / "m", checkpoint, "first")
    with pytest.raises(UsageError, match="exists already"):
        save(tmp_path / "m", checkpoint, "second")
    save(tmp_path / "m", checkpoint, "third", overwrite=True)
    assert (tmp_path / "m" / "README.md").read_text() == "third\n"
    (tmp_path / "m" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="exists already"):
        save(tmp_path / "m", checkpoint, "fourth", overwrite=True)
    assert (tmp_path / "m" / "thesis.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_failed_save_leaves_no_model(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    save(tmp_path / "m", checkpoint, "old")
    monkeypatch.setattr(store, "serialize", fail)
    for overwrite, name in ((True, "m"), (False, "n")):
        with pytest.raises(OSError, match="disk full"):
            save(tmp_path / name, checkpoint, "new", overwrite=overwrite)
    assert not (tmp_path / "n").exists()
    assert load(tmp_path / "m").name == "small"
    assert (tmp_path / "m" / "README.md").read_text() == "old\n"
    monkeypatch.undo()
    save(tmp_path / "n", checkpoint, "again")  # what the failure left does not stand in the way
    assert load(tmp_path / "n").name == "small"


def edit_config(change: Callable[[dict], object]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        change(config)
        (folder / "config.json").write_text(json.dumps(config))

    return edit


def edit_weights(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(change(path.read_bytes()))

    return edit


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (edit_config(lambda c: c.update(extra=1)), "unknown key 'extra'"),
        (edit_config(lambda c: c.pop("features")), "key 'features' is missing"),
        (edit_config(lambda c: c["head"].update(loss="x")), "unknown key 'loss'"),
        (edit_config(lambda c: c.update(format_version=2)), "format_version 2 is unknown"),
        (edit_config(lambda c: c.pop("format_version")), "format_version None is unknown"),
        (lambda f: (f / "config.json").write_text("{"), "not valid JSON"),
        (lambda f: (f / "config.json").write_text("[1]"), "format_version None"),
        (lambda f: (f / "config.json").write_text(" " * (store.MAX_CONFIG_BYTES + 1)), "larger than"),
        (lambda f: (f / "config.json").unlink(), "not a model"),
        (lambda f: (f / "model.safetensors").unlink(), "missing or cut short"),
        (edit_weights(lambda b: b[:4]), "missing or cut short"),
        (edit_weights(lambda b: b[:-4]), "not a safetensors file"),
        (edit_weights(lambda b: struct.pack("<Q", 1 << 60) + b[8:]), "damaged or too large"),
        (edit_weights(lambda b: b[:-4] + struct.pack("<f", float("nan"))), "not finite"),
    ],
)
def test_damage_is_named(
    checkpoint: Checkpoint, tmp_path: Path, damage: Callable[[Path], object], complaint: str
) -> None:
    save(tmp_path / "m", checkpoint, "card")
    damage(tmp_path / "m")
    with pytest.raises((BadInputError, UsageError), match=complaint):
        load(tmp_path / "m")


def test_an_unknown_name_is_answered_with_the_nearest(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "zoo" / "r9_fast", checkpoint, "card")
    monkeypatch.setattr(store, "bundled_models", lambda: {"r9_fast": tmp_path / "zoo" / "r9_fast"})
    with pytest.raises(UsageError, match=r"'r9_fats'.*did you mean 'r9_fast'.*`lexome models list`"):
        load("r9_fats")
    assert load("r9_fast").name == "small"


def test_a_plain_name_means_the_bundled_model(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "zoo" / "fast", checkpoint, "card")
    monkeypatch.setattr(store, "bundled_models", lambda: {"fast": tmp_path / "zoo" / "fast"})
    mine = dataclasses.replace(checkpoint, provenance={"name": "mine"})
    save(tmp_path / "fast", mine, "card")
    monkeypatch.chdir(tmp_path)
    assert load("fast").name == "small"
    assert load("./fast").name == load(Path("fast")).name == "mine"


def test_every_bundled_model_loads() -> None:
    for name, folder in bundled_models().items():
        assert folder.name == name
        assert load(name).num_parameters > 0


def test_loading_needs_no_torch(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save(tmp_path / "m", checkpoint, "card")
    code = f"import sys; from lexome.checkpoint.store import load; load({str(tmp_path / 'm')!r})"
    run = subprocess.run([sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"])
    assert run.returncode == 0


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(BadInputError, match="no weights beside it"):
        load(tmp_path)
