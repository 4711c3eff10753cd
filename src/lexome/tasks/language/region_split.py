"""Genomes divided into blocks, each for one split: what is tested lies elsewhere than what is learnt."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.core.errors import UsageError, nearest
from lexome.tasks.language.set_folder import DEV, TEST, TEST_SPECIES, TRAIN

# IUPAC codes and nothing else may stand in a table of sequences, see `labelled`
CODES = frozenset("ACGTURYSWKMBDHVN")


@dataclass(frozen=True)
class RegionConfig:
    """How genomes are divided.

    Attributes:
        block_bp: bases of a block; splits change between blocks only.
        dev: part of the blocks of a genome that chooses a network; of no effect with `dev_contigs`.
        test: part that is tested; of no effect with `test_contigs`.
        dev_contigs: whole contigs for dev.
        test_contigs: whole contigs for test.
        test_species: genomes that are only tested, by name; all of their blocks are in a split of their own.
        seed: of the draws.
    """

    block_bp: int = 20_000
    dev: float = 0.1
    test: float = 0.1
    dev_contigs: tuple[str, ...] = ()
    test_contigs: tuple[str, ...] = ()
    test_species: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.block_bp < 1 or not 0 < self.dev < 0.5 or not 0 < self.test < 0.5:
            raise UsageError("blocks need a base or more; dev and test must be above 0 and below 0.5")
        if both := sorted({*self.dev_contigs} & {*self.test_contigs}):
            raise UsageError(f"contig '{both[0]}' is for dev and for test; choose one")


@dataclass(frozen=True)
class Block:
    """A stretch of a contig, places from 0 with the end excluded, and its split."""

    species: str
    contig: str
    start_bp: int
    end_bp: int
    split: str


def named_files(files: Sequence[str]) -> dict[str, Path]:
    """Files given as PATH or NAME=PATH, by name; without one the file's name up to its first dot.

    Raises:
        UsageError: if a name is there twice or empty.
    """
    found: dict[str, Path] = {}
    for text in files:
        name, sign, path = text.partition("=")
        if not sign or Path(text).exists():
            name, path = Path(text).name.split(".")[0], text
        if not name or name in found:
            raise UsageError(f"'{text}': the name '{name}' is empty or there twice; give one as NAME=FILE")
        found[name] = Path(path)
    return found


def check_species(config: RegionConfig, names: Sequence[str]) -> None:
    """Raises UsageError if a species that is to be tested is not there, or none is left to learn from."""
    for name in config.test_species:
        if name not in names:
            raise UsageError(f"--test-species {name}: no such genome; {nearest(name, list(names))}")
    if {*names} <= {*config.test_species}:
        raise UsageError("all genomes are only tested; one at least must be left to learn from")


def check_contigs(config: RegionConfig, lengths_bp: Mapping[str, Mapping[str, int]]) -> None:
    """Raises UsageError if a contig that is named is in none of the genomes (contigs' lengths by genome)."""
    known = [contig for contigs in lengths_bp.values() for contig in contigs]
    for name in (*config.dev_contigs, *config.test_contigs):
        if name not in known:
            raise UsageError(f"no genome has a contig '{name}'; {nearest(name, known[:50])}")


def blocks_of(species: str, lengths_bp: Mapping[str, int], config: RegionConfig) -> list[Block]:
    """The blocks of a genome in its order; which is for what depends on the seed and the genome's name.

    Args:
        species: name of the genome.
        lengths_bp: of its contigs.
        config: how.

    Raises:
        UsageError: if nothing is left to learn from.
    """
    spans = [
        (contig, start, min(start + config.block_bp, length))
        for contig, length in lengths_bp.items()
        for start in range(0, length, config.block_bp)
    ]
    if species in config.test_species:
        return [Block(species, *span, TEST_SPECIES) for span in spans]
    of_contig = {**dict.fromkeys(config.dev_contigs, DEV), **dict.fromkeys(config.test_contigs, TEST)}
    splits = [of_contig.get(contig, TRAIN) for contig, _, _ in spans]
    free = [i for i, split in enumerate(splits) if split == TRAIN]
    rng = np.random.default_rng([config.seed, 1, zlib.crc32(species.encode())])
    order = [free[i] for i in rng.permutation(len(free))]
    for split, share, contigs in (
        (DEV, config.dev, config.dev_contigs),
        (TEST, config.test, config.test_contigs),
    ):
        count = 0 if contigs else max(1, round(share * len(free)))
        for i in order[:count]:
            splits[i] = split
        order = order[count:]
    if TRAIN not in splits:
        raise UsageError(
            f"{species}: {len(spans)} blocks of {config.block_bp} bases leave nothing to learn from; use "
            "smaller blocks, or test the whole genome (--test-species)"
        )
    return [Block(species, *span, split) for span, split in zip(spans, splits, strict=True)]


@dataclass
class Letters:
    """Which windows can be used, counted.

    Attributes:
        ambiguous: letters that are not A, C, G or T in windows that are used; they are kept.
        too_ambiguous: windows left out, because too many of their letters are.
        no_code: windows left out, because a letter is no IUPAC code.
        most: part of a window's letters that may be ambiguous.
    """

    most: float = 0.1
    ambiguous: int = 0
    too_ambiguous: int = 0
    no_code: int = 0

    def usable(self, bases: str) -> bool:
        """Whether a window can be used; counts what it holds."""
        strange = len(bases) - sum(map(bases.count, "ACGT"))
        if strange and not CODES.issuperset(bases):
            self.no_code += 1
        elif strange > self.most * len(bases):
            self.too_ambiguous += 1
        else:
            self.ambiguous += strange
            return True
        return False
