"""Sequence to compose: what each kind of stretch is made of, and how often it is drawn."""

import re

import numpy as np
import pytest

from lexome.core.alphabet import decode
from lexome.core.errors import BadInputError, UsageError
from lexome.simulate.genome import random_genome
from lexome.simulate.sequence import SequenceMix, SequenceSource, random_codes, repetitive_codes

TANDEM = re.compile(r"([ACGT]{2,6}?)\1{3,}")


def runs(sequence: str, length: int) -> int:
    return len(re.findall("|".join(f"{base}{{{length},}}" for base in "ACGT"), sequence))


def drawn(kind: str, count: int) -> list[str]:
    make = {"random": random_codes, "repeats": repetitive_codes}[kind]
    generator = np.random.default_rng(1)
    return [decode(make(2000, generator)) for _ in range(count)]


def test_random_stretches_cover_the_gc_contents() -> None:
    gc = [(s.count("G") + s.count("C")) / len(s) for s in drawn("random", 100)]
    assert min(gc) < 0.34
    assert max(gc) > 0.66
    assert 0.46 < np.mean(gc) < 0.54


def test_repetitive_stretches_are_rich_in_both_kinds_of_repeat() -> None:
    random, repeats = ("N".join(drawn(kind, 100)) for kind in ("random", "repeats"))
    assert len(repeats) == len(random) == 100 * 2000 + 99
    assert runs(repeats, 6) > 5 * runs(random, 6)
    assert 20 <= max(len(run) for run in re.findall(r"A+|C+|G+|T+", repeats)) <= 60  # neighbours may touch
    assert {base: runs(repeats, 9) > 50 for base in "ACGT"} == dict.fromkeys("ACGT", True)
    tandems = [m for m in TANDEM.finditer(repeats) if len(set(m.group(1))) > 1]
    assert len(tandems) > 5 * len([m for m in TANDEM.finditer(random) if len(set(m.group(1))) > 1])


def test_stretches_have_the_length_that_was_asked_for() -> None:
    generator = np.random.default_rng(2)
    for length in (1, 5, 399, 4001):
        for make in (random_codes, repetitive_codes):
            codes = make(length, generator)
            assert (len(codes), codes.dtype) == (length, np.uint8)


def test_kinds_are_drawn_by_their_shares() -> None:
    source = SequenceSource(SequenceMix(repeats=0.3, genome=0.2), {"c": random_genome(5000, 1)})
    generator = np.random.default_rng(3)
    kinds = [source.draw(100, generator)[0] for _ in range(4000)]
    assert abs(kinds.count("genome") / 4000 - 0.2) < 0.03
    assert abs(kinds.count("repeats") / 4000 - 0.3) < 0.03
    assert set(kinds) == {"genome", "repeats", "random"}


def test_slices_are_of_the_genome_and_avoid_what_is_masked() -> None:
    left, right = random_genome(3000, 4), random_genome(1500, 5)
    genome = left + "N" * 500 + right + "N" + "ACGT" * 100  # the last stretch is too short
    source = SequenceSource(SequenceMix(repeats=0.0, genome=1.0), {"c": genome})
    generator = np.random.default_rng(6)
    strands = set()
    for _ in range(100):
        _, codes = source.draw(2000, generator)
        forward, backward = decode(codes), decode((3 - codes)[::-1])
        found = [s for s in (forward, backward) if s in left or s in right]
        assert found
        strands.add(found[0] == forward)
        assert len(codes) in (2000, 1500)
    assert strands == {True, False}


def test_wrong_mixes_are_refused() -> None:
    for shares in ((-0.1, 0.0), (0.0, 1.1), (0.6, 0.6), (float("nan"), 0.0)):
        with pytest.raises(UsageError, match="between 0 and 1"):
            SequenceMix(*shares)
    with pytest.raises(UsageError, match="none is given"):
        SequenceSource(SequenceMix(genome=0.5))
    with pytest.raises(BadInputError, match="too short"):
        SequenceSource(SequenceMix(genome=0.5), {"c": "ACGT" * 10})
