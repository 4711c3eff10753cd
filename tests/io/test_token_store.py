"""Stores of tokens: rows in shards, whole or not at all, damage is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.io.token_store import open_token_writer, read_token_store

META = {"tokenizer_json": "{}", "categories": ["plants", "animals"]}
ROWS = [np.arange(1, 1 + length) for length in (5, 3, 8, 1, 2)]


def made(path: Path) -> Path:
    with open_token_writer(path, 8, rows_of_shard=2) as writer:
        writer.add(ROWS[:3], 0, "training")
        writer.add(ROWS[3:4], 1, "validation")
        writer.add(ROWS[4:], 1, "training")
        writer.finish(META)
    return path


def test_rows_come_back_with_category_and_split(tmp_path: Path) -> None:
    store = read_token_store(made(tmp_path / "s"))
    assert store.categories == ("plants", "animals")
    assert [len(shard.split_N) for shard in store.shards] == [2, 2, 1]
    training = store.rows("training")
    assert training[:, 2].tolist() == [0, 0, 0, 1]
    for (shard, row, _), want in zip(training, [*ROWS[:3], ROWS[4]], strict=True):
        assert store.ids(shard, row).tolist() == want.tolist()
    ((shard, row, category),) = store.rows("validation")
    assert (store.ids(shard, row).tolist(), category) == ([1], 1)
    assert len(store.rows("test")) == 0


def test_nothing_is_left_of_a_store_that_was_not_finished(tmp_path: Path) -> None:
    with open_token_writer(tmp_path / "s", 8) as writer:
        writer.add(ROWS, 0, "training")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="nothing to write"), open_token_writer(tmp_path / "s", 8) as writer:
        writer.finish(META)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there(tmp_path: Path) -> None:
    made(tmp_path / "s")
    with pytest.raises(UsageError, match="exists already"), open_token_writer(tmp_path / "s", 8):
        pass


def _change(path: Path, **changes: object) -> None:
    meta = json.loads((path / "meta.json").read_text())
    (path / "meta.json").write_text(json.dumps({**meta, **changes}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "not a store of tokens of version 1"),
        ({"shards": 4}, "4 shards are spoken of, 3 are there"),
        ({"shards": 10**9}, "1000000000 shards are spoken of"),
        ({"rows": 6}, "rows are missing"),
        ({"categories": ["one"]}, "does not fit"),
        ({"tokenizer_json": None}, "no tokenizer"),
    ],
)
def test_damaged_stores(change: dict[str, object], message: str, tmp_path: Path) -> None:
    path = made(tmp_path / "s")
    _change(path, **change)
    with pytest.raises(BadInputError, match=message):
        read_token_store(path)


def test_what_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="make one with: lexome prepare lm"):
        read_token_store(tmp_path)
    path = made(tmp_path / "s")
    lengths = path / "shard-00000" / "lengths.npy"
    np.save(lengths, np.array([5, 9], np.uint16))
    with pytest.raises(BadInputError, match="shard 0 does not fit"):
        read_token_store(path)
    (path / "shard-00001" / "tokens.npy").unlink()
    np.save(lengths, np.array([5, 3], np.uint16))
    with pytest.raises(BadInputError, match="shard-00001: not a readable"):
        read_token_store(path)
