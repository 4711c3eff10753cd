"""The settings of a run: written, read back, and compared in words."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import LexomeError, UsageError
from lexome.tasks.basecall.journal import (
    InputFile,
    Settings,
    differences,
    file_digest,
    ids_digest,
    input_files,
    model_digest,
    read_journal,
    write_journal,
)

SETTINGS = Settings(
    "0.1.0", "fast", "d1", "onnx on cpu", 10000, 500, True, False, None, None, None, None, None, None,
    (InputFile("b.pod5", 20), InputFile("c.pod5", 30)),
)  # fmt: skip


def compare(here: Settings, there: Settings = SETTINGS) -> list[str]:
    return differences(json.loads(json.dumps(dataclasses.asdict(there))), here)


def changed(**changes: object) -> Settings:
    return dataclasses.replace(SETTINGS, **changes)  # pyright: ignore[reportArgumentType]


def with_files(*files: tuple[str, int]) -> Settings:
    return changed(files=tuple(InputFile(*file) for file in files))


def test_written_and_read_back(tmp_path: Path) -> None:
    settings = changed(min_qscore=7.0, reference="é.fa", reference_digest="x", shard="2/8", max_reads=3)
    path = tmp_path / "calls.bam.partial.json"
    write_journal(path, SETTINGS)
    write_journal(path, settings)
    content = read_journal(path)
    assert content is not None
    assert differences(content, settings) == []
    assert len(differences(content, SETTINGS)) == 4
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_journal_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "calls.bam.partial.json"
    write_journal(path, SETTINGS)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LexomeError, match=r"calls\.bam\.partial\.json: cannot be written \(No space"):
        write_journal(path, changed(model="other"))
    monkeypatch.undo()
    assert compare(SETTINGS, SETTINGS) == []
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    content = read_journal(path)
    assert content is not None
    assert content["model"] == "fast"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"lexome": 3}', "\0" * 50, "\xff"])
def test_what_is_no_journal(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="latin-1")
    assert read_journal(path) is None
    assert read_journal(tmp_path / "none.json") is None


DIFFERENT = [
    (changed(lexome="0.2.0", model="x"), ["lexome 0.1.0 there, 0.2.0 here"]),
    (changed(model="hac", model_digest="d2"), ["model fast there, hac here"]),
    (changed(model_digest="d2"), ["the weights or the configuration of model fast have changed"]),
    (changed(engine="torch on cuda"), ["engine onnx on cpu there, torch on cuda here"]),
    (changed(chunk_size=4000, overlap=400),
     ["chunk size 10000 there, 4000 here", "overlap 500 there, 400 here"]),
    (changed(beam_width=8), ["beam width none there, 8 here"]),
    (changed(trim=False), ["trimming on there, off here"]),
    (changed(emit_moves=True), ["move table off there, on here"]),
    (changed(min_qscore=8.0), ["lowest quality none there, 8.0 here"]),
    (changed(shard="2/8"), ["shard none there, 2/8 here"]),
    (changed(max_reads=5), ["number of reads none there, 5 here"]),
    (changed(reference="a.fa", reference_digest="r"), ["reference none there, a.fa here"]),
    (changed(read_ids="i"), ["no list of read ids there, a list of read ids here"]),
    (with_files(("b.pod5", 20)), ["input file c.pod5 there, not here"]),
    (with_files(("d.pod5", 1)), ["input file b.pod5 and 1 more there, not here",
                                 "input file d.pod5 only here, and it would be called before others"]),
    (with_files(("b.pod5", 21), ("c.pod5", 30)), ["the size of input file b.pod5 has changed"]),
    (with_files(("a.pod5", 1), ("b.pod5", 20), ("c.pod5", 30)),
     ["input file a.pod5 only here, and it would be called before others"]),
    (with_files(("c.pod5", 30), ("b.pod5", 20)), ["the input files have another order"]),
]  # fmt: skip


@pytest.mark.parametrize(("here", "words"), DIFFERENT, ids=[words[0] for _, words in DIFFERENT])
def test_every_difference_is_named(here: Settings, words: list[str]) -> None:
    assert compare(here) == words


def test_each_field_makes_a_difference() -> None:
    """A setting that is added later must not be forgotten in the comparison."""
    for field in dataclasses.fields(Settings):
        if field.name == "reference":
            continue  # its content counts, not its name
        value = getattr(SETTINGS, field.name)
        other = not value if isinstance(value, bool) else () if field.name == "files" else "other"
        there, here = SETTINGS, changed(**{field.name: other})
        if field.name == "files":
            there, here = here, there
            assert compare(there, here), field.name
        elif field.name in ("chunk_size", "overlap", "max_reads", "beam_width"):
            assert compare(changed(**{field.name: 7})), field.name
        elif field.name == "min_qscore":
            assert compare(changed(min_qscore=7.0)), field.name
        else:
            assert compare(here), field.name


def test_the_same_references_under_other_names_are_the_same() -> None:
    there = changed(reference="a.fa", reference_digest="r")
    assert compare(changed(reference="other/a.fa", reference_digest="r"), there) == []
    assert compare(changed(reference="a.fa", reference_digest="s"), there) == [
        "the content of the reference a.fa has changed"
    ]
    assert compare(changed(read_ids="i"), changed(read_ids="j")) == ["the list of read ids has changed"]


def test_further_files_behind_the_others_are_no_difference() -> None:
    assert compare(with_files(("b.pod5", 20), ("c.pod5", 30), ("d.pod5", 5))) == []
    twice = with_files(("b.pod5", 20), ("b.pod5", 20))
    assert compare(twice, twice) == []
    assert compare(with_files(("b.pod5", 20)), twice) == ["the input files have another order"]


def test_a_damaged_journal_fits_nothing() -> None:
    assert differences({"lexome": "0.1.0"}, SETTINGS) == ["its journal is damaged"]


def test_digests(tmp_path: Path, small_model: Path) -> None:
    checkpoint = load(small_model)
    assert model_digest(checkpoint) == model_digest(load(small_model))
    weights = {name: weight.copy() for name, weight in checkpoint.weights.items()}
    next(iter(weights.values())).flat[0] += np.float32(1e-3)
    features = checkpoint.features | {"overlap": 105}
    for other in (
        dataclasses.replace(checkpoint, weights=weights),
        dataclasses.replace(checkpoint, features=features),
    ):
        assert model_digest(other) != model_digest(checkpoint)
    assert ids_digest(["a", "b"]) == ids_digest(["b", "a"]) != ids_digest(["a"])
    (tmp_path / "a").write_bytes(b"x" * 100)
    (tmp_path / "b").write_bytes(b"x" * 101)
    assert file_digest(tmp_path / "a") != file_digest(tmp_path / "b")
    with pytest.raises(UsageError, match="cannot be read"):
        file_digest(tmp_path / "none")
    files = [tmp_path / "b", tmp_path / "none", tmp_path / "a"]
    assert input_files(files) == (InputFile("b", 101), InputFile("none", -1), InputFile("a", 100))
