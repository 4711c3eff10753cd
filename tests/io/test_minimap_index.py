"""The index file of minimap2: what it holds, and the kinds of damage that minimap2 does not notice."""

import mappy
import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.io.minimap_index import index_sequences, is_minimap_index


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    rng = np.random.default_rng(4)
    names = {"one": 5001, "a|b": 17, "three": 300}
    text = "".join(
        f">{name} words\n{''.join(rng.choice(list('ACGT'), size))}\n" for name, size in names.items()
    )
    (folder / "r.fa").write_text(text)
    mappy.Aligner(str(folder / "r.fa"), preset="map-ont", fn_idx_out=str(folder / "r.mmi"))
    return folder / "r.mmi"


def test_names_and_lengths(index):
    assert is_minimap_index(index)
    assert not is_minimap_index(index.with_name("r.fa"))
    assert index_sequences(index) == [("one", 5001), ("a|b", 17), ("three", 300)]


def test_cut_off_anywhere(index, tmp_path):
    whole = index.read_bytes()
    path = tmp_path / "cut.mmi"
    for keep in [*range(0, 70, 3), *range(70, len(whole), 1013), len(whole) - 4, len(whole) - 1]:
        path.write_bytes(whole[:keep])
        with pytest.raises(BadInputError, match=r"cut\.mmi: the index is cut off or damaged"):
            index_sequences(path)


def test_several_parts(index, tmp_path):
    (tmp_path / "two.mmi").write_bytes(index.read_bytes() * 2)
    with pytest.raises(BadInputError, match="in several parts"):
        index_sequences(tmp_path / "two.mmi")


@pytest.mark.parametrize("flag", [2, 4, 6])
def test_without_bases_or_names(index, tmp_path, flag):
    content = bytearray(index.read_bytes())
    content[20] = flag
    (tmp_path / "bare.mmi").write_bytes(content)
    with pytest.raises(BadInputError, match="holds no bases or no names"):
        index_sequences(tmp_path / "bare.mmi")


def test_a_header_cannot_ask_for_much_memory(index, tmp_path):
    path = tmp_path / "huge.mmi"
    for at, value in ((12, 40), (12, 31), (16, 2**32 - 1)):
        content = bytearray(index.read_bytes())
        content[at : at + 4] = value.to_bytes(4, "little")
        path.write_bytes(content)
        with pytest.raises(BadInputError, match="cut off or damaged"):
            index_sequences(path)


def test_something_else(tmp_path):
    (tmp_path / "text.mmi").write_bytes(b"x" * 100)
    with pytest.raises(BadInputError, match="not a minimap2 index"):
        index_sequences(tmp_path / "text.mmi")


def test_another_version(index, tmp_path):
    (tmp_path / "old.mmi").write_bytes(b"MMI\1" + index.read_bytes()[4:])
    assert is_minimap_index(tmp_path / "old.mmi")
    with pytest.raises(BadInputError, match="of another version of minimap2; build it anew"):
        index_sequences(tmp_path / "old.mmi")


@pytest.mark.parametrize(("at", "value"), [(4, 0), (4, 256), (8, 0), (8, 29)])
def test_impossible_minimizers(index, tmp_path, at, value):
    content = bytearray(index.read_bytes())
    content[at : at + 4] = value.to_bytes(4, "little")
    (tmp_path / "odd.mmi").write_bytes(content)
    with pytest.raises(BadInputError, match="the index is damaged"):
        index_sequences(tmp_path / "odd.mmi")
