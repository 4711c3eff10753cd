"""Random genomes with some of the features that make real ones hard to call."""

import numpy as np

from lexome.core.alphabet import decode
from lexome.core.errors import UsageError

_GC_BLOCK_BP = 1000
_GC_MEAN, _GC_SD, _GC_PERSISTENCE = 0.46, 0.09, 0.8
_RUN_BP = 900  # one long homopolymer in about this many bases
_TANDEM_BP = 4000  # one tandem repeat in about this many bases
_FAMILIES, _ELEMENT_BP = 4, (300, 1500)
_REPEAT_SHARE = 0.08  # of the genome is copies of repeat elements
_DIVERGENCE = (0.01, 0.12)


def random_genome(length_bp: int, seed: int) -> str:
    """Makes a genome of one contig.

    It is a background of independent bases with a GC content that wanders from kilobase to kilobase (mean
    0.46, sd 0.09, between 0.2 and 0.8), into which are written, in this order:

    - copies of a few repeat families: elements of 300 to 1500 bases, each copy on either strand with 1 to 12%
      of its bases changed, 8% of the genome;
    - tandem repeats: units of 2 to 6 bases, 4 to 20 times, one in 4 kb;
    - homopolymers: 5 bases and more, geometric, three of four of A or T, one in 900 bases on top of
      those that chance makes.

    Args:
        length_bp: bases.
        seed: the same seed and length give the same genome.

    Returns:
        The sequence, upper case, only A, C, G and T.

    Raises:
        UsageError: if the length is not positive or the seed is negative.
    """
    if length_bp < 1:
        raise UsageError(f"a genome needs at least one base, got length {length_bp}")
    if seed < 0:
        raise UsageError(f"the seed must not be negative, got {seed}")
    rng = np.random.default_rng(seed)
    codes = _background(length_bp, rng)
    _add_repeat_families(codes, rng)
    for start in rng.integers(0, length_bp, length_bp // _TANDEM_BP):
        unit = rng.integers(0, 4, rng.integers(2, 7), dtype=np.uint8)
        _write(codes, int(start), np.tile(unit, rng.integers(4, 21)))
    for start in rng.integers(0, length_bp, length_bp // _RUN_BP):
        base = rng.choice(4, p=(0.375, 0.125, 0.125, 0.375))
        _write(codes, int(start), np.full(4 + rng.geometric(0.4), base, np.uint8))
    return decode(codes)


def _background(length_bp: int, rng: np.random.Generator) -> np.ndarray:
    blocks = -(-length_bp // _GC_BLOCK_BP)
    gc = np.empty(blocks)
    level, step_sd = rng.normal(0, _GC_SD), _GC_SD * np.sqrt(1 - _GC_PERSISTENCE**2)
    for i, step in enumerate(rng.normal(0, step_sd, blocks)):
        level = _GC_PERSISTENCE * level + step
        gc[i] = level
    gc = np.clip(gc + _GC_MEAN, 0.2, 0.8)
    is_gc = rng.random(length_bp) < np.repeat(gc, _GC_BLOCK_BP)[:length_bp]
    second = rng.integers(0, 2, length_bp, dtype=np.uint8)
    return np.where(is_gc, 1 + second, 3 * second).astype(np.uint8)  # C or G, else A or T


def _add_repeat_families(codes: np.ndarray, rng: np.random.Generator) -> None:
    families = [rng.integers(0, 4, rng.integers(*_ELEMENT_BP), dtype=np.uint8) for _ in range(_FAMILIES)]
    wanted_bp, written_bp = _REPEAT_SHARE * len(codes), 0
    while written_bp < wanted_bp:
        copy = families[rng.integers(_FAMILIES)].copy()
        changed = rng.random(len(copy)) < rng.uniform(*_DIVERGENCE)
        copy[changed] = (copy[changed] + rng.integers(1, 4, changed.sum())) % 4
        if rng.random() < 0.5:
            copy = 3 - copy[::-1]
        _write(codes, int(rng.integers(len(codes))), copy)
        written_bp += len(copy)


def _write(codes: np.ndarray, start: int, piece: np.ndarray) -> None:
    end = min(len(codes), start + len(piece))
    codes[start:end] = piece[: end - start]
