"""The benchmark's sets: as published, and as found in folders."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from lexome.evaluate.classification import METRICS
from lexome.tasks.language.gue_sets import (
    GROUPS,
    GUE_SETS,
    KNOWN_SETS,
    OWN,
    FoundSet,
    Protocol,
    find_sets,
)
from lexome.tasks.language.labelled import read_labelled


def test_28_sets_whose_averages_are_the_published_ones() -> None:
    assert len({one.name for one in GUE_SETS}) == len({one.folder for one in GUE_SETS}) == 28
    scores = {
        group: [one.published for one in GUE_SETS if one.group == group and one.published is not None]
        for group in GROUPS
    }
    counts = {"EMP": 10, "TF-M": 5, "CVC": 1, "TF-H": 5, "PD": 3, "CPD": 3, "SSP": 1}
    assert {group: len(of) for group, of in scores.items()} == counts
    # tables 3 and 2 of the paper
    averages = {
        "EMP": 55.98,
        "TF-M": 67.99,
        "CVC": 71.02,
        "TF-H": 70.10,
        "PD": 84.21,
        "CPD": 70.52,
        "SSP": 84.99,
    }
    for group, average in averages.items():
        assert np.mean(scores[group]) == pytest.approx(average, abs=0.011)
    assert np.mean([score for of in scores.values() for score in of]) == pytest.approx(66.80, abs=0.006)


def test_what_is_said_of_the_sets_makes_sense() -> None:
    assert len({one.name for one in KNOWN_SETS}) == len(KNOWN_SETS)
    for one in KNOWN_SETS:
        assert one.metric in METRICS["classes"]
        assert (one.metric == "f1_macro") == (one.name == "covid")
    # table 1: lengths and classes of the groups (the files of transcription factors have one base more)
    facts = {(one.group, one.length_bp, one.num_classes) for one in GUE_SETS}
    assert facts == {
        ("EMP", 500, 2), ("TF-M", 101, 2), ("CVC", 1000, 9), ("TF-H", 101, 2), ("PD", 300, 2),
        ("CPD", 70, 2), ("SSP", 400, 3),
    }  # fmt: skip


def _table(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"sequence,label\nAC,0\n"
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.mark.parametrize(
    ("files", "protocol", "is_published"),
    [
        (["train.csv", "dev.csv.gz", "test.csv"], Protocol.COMPLETE, True),
        (["train.csv", "test.tsv"], Protocol.TRAIN_TEST, True),
        (["train.csv", "dev.csv"], Protocol.TRAIN_DEV, False),
        (["dev.csv", "test.csv"], Protocol.DEV_TEST, False),
        (["dev.csv"], Protocol.ONE_FILE, False),
        (["train.tsv.gz"], Protocol.ONE_FILE, False),
    ],
)
def test_protocols(files: list[str], protocol: Protocol, is_published: bool, tmp_path: Path) -> None:
    for name in files:
        _table(tmp_path / "tf/0" / name)
    (found,) = find_sets(tmp_path)
    assert found.described.name == "tf/0"
    assert sorted(path.name for path in found.files.values()) == sorted(files)
    assert found.protocol is protocol
    assert found.protocol.is_published is is_published


def test_other_folders_are_found_after_the_known_ones(tmp_path: Path) -> None:
    for name in ("b/c/d/train.csv", "b/c/d/e/train.csv", "mine/test.csv", "tf/1/dev.csv", "EMP/H3/dev.csv",
                 "nucleotide_transformer/train.tsv.gz", "mine/notes.txt"):  # fmt: skip
        _table(tmp_path / name)
    _table(tmp_path / "mine/test.csv.gz")
    found = find_sets(tmp_path)
    names = [one.described.name for one in found]
    assert names[:3] == ["EMP/H3", "tf/1", "NT/H2AFZ"]
    assert len([name for name in names if name.startswith("NT/")]) == 18
    assert names[-2:] == ["b/c/d", "mine"]
    assert found[-1] == FoundSet(found[-1].described, {"test": tmp_path / "mine/test.csv"})
    assert (found[-1].described.suite, found[-1].described.folder) == (OWN, "mine")
    assert [one.described.name for one in find_sets(tmp_path / "mine")] == ["mine"]
    assert find_sets(tmp_path / "none") == []


def test_the_real_folder(shared: Path) -> None:
    found = {one.described.name: one for one in find_sets(shared / "data/dna/gue")}
    by_protocol = {p: sorted(n for n, one in found.items() if one.protocol is p) for p in Protocol}
    assert by_protocol[Protocol.COMPLETE] == [
        "mouse/2", "mouse/4", "prom_core_notata", "tf/0", "tf/1", "tf/2", "tf/4"
    ]  # fmt: skip
    assert by_protocol[Protocol.TRAIN_DEV] == [
        "mouse/0", "mouse/3", "prom_300_tata", "prom_core_tata", "tf/3"
    ]  # fmt: skip
    assert by_protocol[Protocol.ONE_FILE] == ["EMP/H3K79me3", "EMP/H4", "splice"]
    assert len(by_protocol[Protocol.DEV_TEST]) == 10
    assert len(found) == 25
    assert {one.described for one in found.values()} <= set(GUE_SETS)


def test_sizes_lengths_and_classes_are_those_of_the_real_files(shared: Path) -> None:
    checked = 0
    for folder in ("gue", "benchmarks"):
        for found in find_sets(shared / "data/dna" / folder):
            described, target = found.described, None
            for split, size in zip(("train", "dev", "test"), described.sizes, strict=True):
                if split not in found.files:
                    continue
                only = None if described.task is None else ("task", described.task)
                read = read_labelled(found.files[split], target=target, only=only,
                                     sequence_column=described.sequence_column)  # fmt: skip
                target = read.target
                assert size in (None, len(read)), (described.name, split)
                assert target.num_outputs == described.num_classes
                lengths = [len(one) for one in read.sequences]
                if described.length_bp is not None:
                    assert np.mean(np.array(lengths) == described.length_bp) > 0.999
                checked += size is not None
    assert checked == 56
