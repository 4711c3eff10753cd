"""Blocks cover genomes once, in the parts that were asked for."""

from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.language.region_split import (
    Letters,
    RegionConfig,
    blocks_of,
    check_contigs,
    check_species,
    named_files,
)

LENGTHS = {"a": 10_000, "b": 5_050, "c": 999}


def test_blocks_cover_all_once() -> None:
    blocks = blocks_of("x", LENGTHS, RegionConfig(1000, 0.2, 0.1))
    covered = {name: [0] * length for name, length in LENGTHS.items()}
    for block in blocks:
        for at in range(block.start_bp, block.end_bp):
            covered[block.contig][at] += 1
    assert all(set(counts) == {1} for counts in covered.values())
    splits = [block.split for block in blocks]
    assert len(blocks) == 17
    assert (splits.count("dev"), splits.count("test")) == (3, 2)


def test_the_draw_is_of_the_seed_and_the_species() -> None:
    config = RegionConfig(100)
    assert blocks_of("x", LENGTHS, config) == blocks_of("x", LENGTHS, config)
    splits = {
        tuple(block.split for block in blocks_of(name, LENGTHS, RegionConfig(100, seed=seed)))
        for name, seed in (("x", 0), ("y", 0), ("x", 1))
    }
    assert len(splits) == 3


def test_whole_contigs_and_species() -> None:
    config = RegionConfig(1000, dev_contigs=("b",), test_contigs=("c",), test_species=("z",))
    found = {block.contig: block.split for block in blocks_of("x", LENGTHS, config)}
    assert found == {"a": "train", "b": "dev", "c": "test"}
    assert {block.split for block in blocks_of("z", LENGTHS, config)} == {"test_species"}


def test_nothing_left_to_learn() -> None:
    with pytest.raises(UsageError, match="leave nothing to learn from"):
        blocks_of("x", {"a": 1500}, RegionConfig(1000))


def test_names_that_are_not_there() -> None:
    with pytest.raises(UsageError, match="--test-species y: no such genome"):
        check_species(RegionConfig(test_species=("y",)), ["x"])
    with pytest.raises(UsageError, match="only tested"):
        check_species(RegionConfig(test_species=("x",)), ["x"])
    with pytest.raises(UsageError, match="no genome has a contig 'chr9'"):
        check_contigs(RegionConfig(test_contigs=("chr9",)), {"x": LENGTHS})
    with pytest.raises(UsageError, match="contig 'a' is for dev and for test"):
        RegionConfig(dev_contigs=("a",), test_contigs=("a",))
    with pytest.raises(UsageError, match="below 0.5"):
        RegionConfig(dev=0.6)


def test_files_and_their_names(tmp_path: Path) -> None:
    odd = tmp_path / "a=b.fa"
    odd.touch()
    assert named_files(["x=y/z.fa", str(odd), "g.fa.gz"]) == {
        "x": Path("y/z.fa"), "a=b": odd, "g": Path("g.fa.gz")
    }  # fmt: skip
    with pytest.raises(UsageError, match="there twice"):
        named_files(["d/g.fa", "e/g.fa"])


def test_letters() -> None:
    letters = Letters(0.25)
    used = [letters.usable(text) for text in ("ACGT", "ANGT", "NNGT", "AC-T", "ACXT")]
    assert used == [True, True, False, False, False]
    assert (letters.ambiguous, letters.too_ambiguous, letters.no_code) == (1, 1, 2)
