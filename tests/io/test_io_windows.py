"""The store of windows: what is written is read back; damage and halves are recognised."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.core.zmw import Truth, Window
from lexome.io.windows import LAYOUT, SOURCE_DTYPE, WindowWriter, open_window_writer, read_windows

ROWS, WIDTH = 9, 7
PLACE = Truth("t", "ACGT", 0, np.array([[4, 7]]), "chr7", 100, 140, "train")


def make_windows(count: int, seed: int = 0, name: str = "m/1/ccs") -> tuple[list[Window], np.ndarray]:
    rng = np.random.default_rng(seed)
    windows = [
        Window(
            name, i, rng.integers(0, 256, (ROWS, WIDTH)).astype(np.uint8), rng.random(4).astype(np.float32),
            3, 5 * i, 5 * i + 5, WIDTH * i, WIDTH * i + WIDTH, False,
        )
        for i in range(count)
    ]  # fmt: skip
    labels = rng.integers(1, 5, (count, WIDTH)).astype(np.uint8)
    labels[np.arange(WIDTH) >= rng.integers(0, WIDTH + 1, count)[:, None]] = 0
    return windows, labels


def write(path: Path, parts: list[int], splits: tuple[str, ...] = ("training", "validation", "test")) -> None:
    with open_window_writer(path, ROWS, WIDTH) as writer:
        for number, count in enumerate(parts):
            writer.add(*make_windows(count, number, f"m/{number}/ccs"), PLACE, splits[number % len(splits)])
        writer.finish({"pileup": {"width": WIDTH}, "format_version": 55}, {"yield.tsv": "a\tb\n"})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write(tmp_path / "store", [4, 0, 1, 12])
    return tmp_path / "store"


def test_round_trip(store: Path) -> None:
    opened = read_windows(store)
    assert opened.path == store
    assert dict(opened.meta) == {"pileup": {"width": WIDTH}, "format_version": 1, "windows": 17}
    assert (store / "yield.tsv").read_text() == "a\tb\n"
    assert opened.split_N.tolist() == [0] * 4 + [2] + [0] * 12
    assert opened.indices("test").tolist() == [4]
    assert opened.indices("validation").tolist() == []
    start = 0
    for number, count in ((0, 4), (2, 1), (3, 12)):
        windows, labels = make_windows(count, number, f"m/{number}/ccs")
        own = slice(start, start + count)
        np.testing.assert_array_equal(opened.rows_NRL[own], np.stack([w.rows_RL for w in windows]))
        np.testing.assert_array_equal(opened.snr_N4[own], np.stack([w.snr for w in windows]))
        np.testing.assert_array_equal(opened.labels_NL[own], labels)
        assert opened.lengths_N[own].tolist() == (labels > 0).sum(axis=1).tolist()
        for window, row in zip(windows, opened.source_N[own], strict=True):
            place = (window.index, window.ccs_start_bp, window.ccs_end_bp, 3, b"chr7", 100, 140)
            assert row.item() == (window.name.encode(), *place)
        start += count
    assert start == len(opened.rows_NRL)


@pytest.mark.parametrize("count", [1, 9, 10, 99, 1001])
def test_headers_fit_any_number_of_windows(tmp_path: Path, count: int) -> None:
    write(tmp_path / "s", [count])
    opened = read_windows(tmp_path / "s")
    assert opened.rows_NRL.shape == (count, ROWS, WIDTH)
    np.testing.assert_array_equal(opened.rows_NRL[-1], make_windows(count)[0][-1].rows_RL)


def test_the_large_arrays_stay_on_disk(store: Path) -> None:
    opened = read_windows(store)
    for array in (opened.rows_NRL, opened.labels_NL, opened.snr_N4):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_windows_are_written_as_they_come(tmp_path: Path) -> None:
    with open_window_writer(tmp_path / "s", ROWS, WIDTH) as writer:
        sizes = []
        for _ in range(3):
            writer.add(*make_windows(200), PLACE, "training")
            sizes.append((tmp_path / "s.partial" / "rows.npy").stat().st_size)
            assert not (tmp_path / "s").exists()
        assert writer.num_windows == 600
        assert sizes[2] > sizes[1] > sizes[0] > 10_000
        writer.finish({})


def test_without_an_end_nothing_is_left(tmp_path: Path) -> None:
    with open_window_writer(tmp_path / "s", ROWS, WIDTH) as writer:
        writer.add(*make_windows(2), PLACE, "training")
    assert list(tmp_path.iterdir()) == []

    def fail(writer: WindowWriter) -> None:
        writer.add(*make_windows(2), PLACE, "training")
        writer.finish({"x": object()})

    with pytest.raises(TypeError), open_window_writer(tmp_path / "s", ROWS, WIDTH) as writer:
        fail(writer)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_and_no_windows_are_refused(tmp_path: Path, store: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        write(store, [3])
    assert len(read_windows(store).rows_NRL) == 17
    with pytest.raises(UsageError, match="no window"):
        write(tmp_path / "other", [0])
    assert not (tmp_path / "other").exists()


def test_leftovers_of_an_earlier_attempt_do_not_get_in(tmp_path: Path) -> None:
    (tmp_path / "store.partial").mkdir()
    (tmp_path / "store.partial" / "old.npy").write_bytes(b"old")
    write(tmp_path / "store", [2])
    assert {p.name for p in tmp_path.iterdir()} == {"store"}
    names = {f"{name}.npy" for name in LAYOUT} | {"meta.json", "yield.tsv"}
    assert {p.name for p in (tmp_path / "store").iterdir()} == names


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    windows, labels = make_windows(2)
    wide = [dataclasses.replace(w, rows_RL=np.zeros((ROWS, WIDTH + 1), np.uint8)) for w in windows]
    named = [dataclasses.replace(w, name="é" * 41) for w in windows]
    for bad, error in ((wide, ValueError), (named, BadInputError)):
        with pytest.raises(error), open_window_writer(tmp_path / "s", ROWS, WIDTH) as writer:
            writer.add(bad, labels, PLACE, "training")
        assert not (tmp_path / "s").exists()
    place = dataclasses.replace(PLACE, contig="c" * 81)
    with pytest.raises(BadInputError, match="too long"), open_window_writer(tmp_path / "s", 9, 7) as writer:
        writer.add(windows, labels, place, "training")


def change(path: Path, name: str, index: object, value: object) -> None:
    array = np.load(path / f"{name}.npy")
    array[index] = value
    np.save(path / f"{name}.npy", array)


@pytest.mark.parametrize(
    ("name", "index", "value", "message"),
    [
        ("labels", (3, slice(None)), 5, "of the length"),
        ("labels", (3, 0), 0, "of the length"),
        ("lengths", 3, 99, "of the length"),
        ("lengths", 3, -1, "of the length"),
        ("split", 16, 3, "a split that is none"),
    ],
)
def test_wrong_values_are_recognised(
    tmp_path: Path, name: str, index: object, value: object, message: str
) -> None:
    path = tmp_path / "full"
    with open_window_writer(path, ROWS, WIDTH) as writer:
        writer.add(make_windows(17)[0], np.full((17, WIDTH), 2, np.uint8), PLACE, "training")
        writer.finish({})
    read_windows(path)
    change(path, name, index, value)
    with pytest.raises(BadInputError, match=message):
        read_windows(path)


def test_wrong_files_are_recognised(store: Path) -> None:
    whole = (store / "rows.npy").read_bytes()
    (store / "rows.npy").write_bytes(whole[:-1])
    with pytest.raises(BadInputError, match="not a readable store"):
        read_windows(store)
    np.save(store / "rows.npy", np.zeros((17, ROWS, WIDTH), np.int8))
    with pytest.raises(BadInputError, match=r"rows\.npy has an unexpected layout"):
        read_windows(store)
    for shape in ((16, ROWS, WIDTH), (17, ROWS, WIDTH + 1)):
        np.save(store / "rows.npy", np.zeros(shape, np.uint8))
        with pytest.raises(BadInputError, match="do not fit together"):
            read_windows(store)
    np.save(store / "rows.npy", np.array([[[object()]]]), allow_pickle=True)
    with pytest.raises(BadInputError, match="not a readable store"):
        read_windows(store)
    (store / "rows.npy").write_bytes(whole)
    np.save(store / "snr.npy", np.zeros((17, 3), np.float32))
    with pytest.raises(BadInputError, match="do not fit together"):
        read_windows(store)


@pytest.mark.parametrize("text", ["", "[]", '{"format_version": 2}', "nonsense"])
def test_a_wrong_record_is_recognised(store: Path, text: str) -> None:
    (store / "meta.json").write_text(text)
    with pytest.raises(BadInputError, match="not a readable store|format version"):
        read_windows(store)


def test_another_kind_of_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text(json.dumps({"format_version": 1}))
    with pytest.raises(BadInputError, match="lexome prepare correct"):
        read_windows(tmp_path)
    assert SOURCE_DTYPE.names is not None
