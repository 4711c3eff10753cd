"""Embeddings on disk: the same values in every format, whole or nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.tasks.language.embed import Embedding
from lexome.tasks.language.embed_files import (
    Layout,
    check_embeddings_output,
    unique_ids,
    write_embeddings,
)
from lexome.tasks.language.embedding_set import read_embeddings

RNG = np.random.default_rng(2)
LENGTHS = {"a": 3, "long name": 700, "c": 1}


def layout(pool: str, dtype: str = "float32") -> Layout:
    return Layout(4, np.dtype(dtype), pool != "mean", pool == "token", {"model": "m", "pool": pool})


def made(pool: str) -> list[Embedding]:
    rows = {name: 1 if pool == "mean" else length for name, length in LENGTHS.items()}
    embeddings = []
    for record, (name, count) in enumerate(rows.items()):
        vectors = RNG.normal(size=(count, 4)).astype(np.float32)
        spans = np.stack([np.arange(count) * 2, np.arange(count) * 2 + 2], 1)
        half = count // 2
        for part, is_last in ((slice(0, half), False), (slice(half, None), True)):
            if part.stop != 0 and (pool != "mean" or is_last):
                embeddings.append(Embedding(record, name, vectors[part], spans[part], is_last))
    return embeddings


def rows_of(embeddings: list[Embedding], name: str) -> np.ndarray:
    return np.concatenate([one.vectors_RD for one in embeddings if one.name == name])


@pytest.mark.parametrize("pool", ["mean", "token", "base"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_all_formats_hold_the_same(
    tmp_path: Path, pool: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lexome.tasks.language.embed_files.GROUP_BYTES", 2048)
    embeddings = made(pool)
    told: list[float] = []
    for name in ("e", "e.npz", "e.parquet"):
        count = write_embeddings(
            tmp_path / name, layout(pool, dtype), embeddings, lambda name: name, told.append
        )
        assert count == 3
    assert told[-1] == 2 * sum(LENGTHS.values()) if pool != "mean" else 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e", "e.npz", "e.parquet"]
    for name in ("e", "e.npz"):
        found = read_embeddings(tmp_path / name)
        assert found.ids == list(LENGTHS)
        assert found.about == {"model": "m", "pool": pool}
        assert found.embeddings_RD.dtype == dtype
        assert isinstance(found.embeddings_RD, np.memmap) == (name == "e")
        for id_ in LENGTHS:
            expected = rows_of(embeddings, id_).astype(dtype)
            np.testing.assert_array_equal(found[id_], expected[0] if pool == "mean" else expected)
        assert (found.spans_R2 is not None) == (pool == "token")
    table = pq.read_table(tmp_path / "e.parquet")
    assert pq.ParquetFile(tmp_path / "e.parquet").num_row_groups == (1 if pool == "mean" else 3)
    assert json.loads(table.schema.metadata[b"lexome"])["pool"] == pool
    got = np.array(table["embedding"].to_pylist())
    np.testing.assert_array_equal(
        got, np.concatenate([rows_of(embeddings, n) for n in LENGTHS]).astype(dtype)
    )
    if pool == "token":
        spans = np.concatenate([one.spans_R2 for one in embeddings])
        np.testing.assert_array_equal(read_embeddings(tmp_path / "e").spans_R2, spans)
        np.testing.assert_array_equal(np.stack([table["start"], table["end"]], 1), spans)
        assert table["id"].to_pylist()[3:5] == ["long name"] * 2


@pytest.mark.parametrize("name", ["e", "e.npz", "e.parquet"])
def test_nothing_is_left_of_what_is_stopped(tmp_path: Path, name: str) -> None:
    def stopping() -> Iterator[Embedding]:
        yield from made("base")[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_embeddings(tmp_path / name, layout("base"), stopping(), lambda name: name)
    assert list(tmp_path.iterdir()) == []
    large = Embedding(0, "x", np.full((1, 4), 1e5, np.float32), np.array([[0, 1]]), True)
    with pytest.raises(LexomeError, match="'x': numbers that do not fit float16"):
        write_embeddings(tmp_path / name, layout("mean", "float16"), [large], lambda name: name)
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    for name, words in (("x.npy", "become .npz"), ("no/x.npz", "does not exist"), (".", "exists already")):
        with pytest.raises(UsageError, match=words):
            check_embeddings_output(tmp_path / name)
    check_embeddings_output(tmp_path / "new")


def test_repeated_names_are_numbered() -> None:
    unique = unique_ids({"a": 3, "b": 1, "a#2": 1, "c": 2, "c#2": 2})
    names = ["a", "b", "a", "a#2", "a", "c", "c#2", "c", "c#2"]
    ids = [unique(name) for name in names]
    assert ids == ["a", "b", "a#3", "a#2", "a#4", "c", "c#2", "c#3", "c#2#2"]
