"""The training store: what is written is read back; damage, leftovers and halves are recognised."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.io.chunks import SOURCE_DTYPE, LabelledChunk, read_store, write_store


def make_chunks(count: int = 5, samples: int = 60) -> list[LabelledChunk]:
    rng = np.random.default_rng(0)
    return [
        LabelledChunk(
            rng.normal(size=samples).astype(np.float32), rng.integers(1, 5, 4 + i).astype(np.uint8),
            f"{i:08d}-0000-0000-0000-000000000000", f"chr{i % 2}", 100 * i, 100 * i + 4 + i, i % 3 == 0,
        )
        for i in range(count)
    ]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_store(tmp_path / "store", make_chunks(), {"levels": "x", "format_version": 77})
    return tmp_path / "store"


def test_round_trip(store: Path) -> None:
    chunks, opened = make_chunks(), read_store(store)
    assert opened.path == store
    assert dict(opened.meta) == {"levels": "x", "format_version": 1, "chunks": 5}
    assert opened.lengths_N.tolist() == [4, 5, 6, 7, 8]
    assert opened.targets_NL.shape == (5, 8)
    assert opened.split_N.tolist() == [1, 0, 0, 1, 0]
    assert opened.indices("validation").tolist() == [0, 3]
    assert opened.indices("training").tolist() == [1, 2, 4]
    for i, chunk in enumerate(chunks):
        np.testing.assert_array_equal(opened.signal_NS[i], chunk.signal.astype(np.float16))
        assert opened.targets_NL[i].tolist() == chunk.target.tolist() + [0] * (8 - len(chunk.target))
        assert opened.source_N[i].item() == (
            chunk.read_id.encode(), chunk.contig.encode(), chunk.start_bp, chunk.end_bp,
        )  # fmt: skip
    assert opened.source_N.dtype == SOURCE_DTYPE


def test_the_large_arrays_stay_on_disk(store: Path) -> None:
    opened = read_store(store)
    for array in (opened.signal_NS, opened.targets_NL):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_an_existing_folder_and_no_chunks_are_refused(tmp_path: Path, store: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        write_store(store, make_chunks(), {})
    with pytest.raises(UsageError, match="no chunk"):
        write_store(tmp_path / "other", [], {})
    assert not (tmp_path / "other").exists()


def test_leftovers_of_an_earlier_attempt_do_not_get_in(tmp_path: Path) -> None:
    (tmp_path / "store.partial").mkdir()
    (tmp_path / "store.partial" / "old.npy").write_bytes(b"old")
    write_store(tmp_path / "store", make_chunks(), {})
    assert {p.name for p in tmp_path.iterdir()} == {"store"}
    assert not (tmp_path / "store" / "old.npy").exists()


@pytest.mark.parametrize("failure", ["meta", "signal"])
def test_a_failure_leaves_nothing_that_looks_whole(tmp_path: Path, failure: str) -> None:
    chunks = make_chunks()
    if failure == "signal":
        chunks[-1] = dataclasses.replace(chunks[-1], signal=chunks[-1].signal[:-1])
    with pytest.raises((TypeError, ValueError)):
        write_store(tmp_path / "store", chunks, {"x": object()} if failure == "meta" else {})
    assert not (tmp_path / "store").exists()
    with pytest.raises(BadInputError, match="not a readable training store"):
        read_store(tmp_path / "store.partial")


NAMES = ["signal", "targets", "lengths", "source", "split"]


@pytest.mark.parametrize("name", [*(f"{n}.npy" for n in NAMES), "meta.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "text"])
def test_missing_and_broken_files_are_said(store: Path, name: str, damage: str) -> None:
    path = store / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "cut": content[:-3], "text": b"not an array"}[damage])
    with pytest.raises(BadInputError, match="not a readable training store") as caught:
        read_store(store)
    assert str(store) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("signal", np.zeros((5, 60), np.float64), "signal.npy has an unexpected layout"),
        ("signal", np.zeros((4, 60), np.float16), "do not fit together"),
        ("signal", np.zeros(5, np.float16), "signal.npy has an unexpected layout"),
        ("targets", np.zeros((5, 8), np.int64), "targets.npy has an unexpected layout"),
        ("targets", np.zeros((5, 7), np.uint8), "a length is beyond its target"),
        ("lengths", np.zeros(6, np.int32), "do not fit together"),
        ("lengths", np.full(5, -1, np.int32), "a length is beyond its target"),
        ("lengths", np.array(5, np.int32), "lengths.npy has an unexpected layout"),
        ("source", np.zeros(5, "S36"), "source.npy has an unexpected layout"),
        ("split", np.full(5, 200, np.uint8), "names a split that is none"),
    ],
)
def test_arrays_that_do_not_make_a_store_are_refused(store: Path, name: str, array, message: str) -> None:
    np.save(store / f"{name}.npy", array)
    with pytest.raises(BadInputError, match=message):
        read_store(store)


def test_objects_are_never_unpickled(store: Path) -> None:
    np.save(store / "targets.npy", np.array([{}] * 5, object), allow_pickle=True)
    with pytest.raises(BadInputError, match="not a readable training store"):
        read_store(store)


def test_a_header_that_promises_more_than_there_is_allocates_nothing(store: Path) -> None:
    shape = b"(5, 60)"
    content = (store / "signal.npy").read_bytes()
    assert shape in content
    (store / "signal.npy").write_bytes(
        content.replace(shape, b"(5,%d)" % 10**12, 1).replace(b" " * 10, b"", 1)
    )
    with pytest.raises(BadInputError):
        read_store(store)


@pytest.mark.parametrize("meta", [{"format_version": 2}, {}, [], {"format_version": "1"}])
def test_another_format_version_is_refused(store: Path, meta) -> None:
    (store / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(BadInputError, match="format version"):
        read_store(store)
