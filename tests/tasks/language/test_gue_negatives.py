"""Negatives: shuffles against enumeration, windows against brute force."""

from collections import Counter
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.alphabet import reverse_complement
from lexome.tasks.language.gue_negatives import (
    Example,
    NegativeWindows,
    Taken,
    dinucleotide_shuffle,
    gc_content,
    is_plain,
    shuffled,
)
from lexome.tasks.language.leakage import on_either_strand
from lexome.tasks.language.regions import BedRegion, Genome, open_genome


@given(st.text("ACGT", max_size=60), st.integers(0, 9))
def test_shuffles_keep_pairs_and_ends(sequence: str, seed: int) -> None:
    made = dinucleotide_shuffle(sequence, np.random.default_rng(seed))
    assert Counter(pairwise(made)) == Counter(pairwise(sequence))
    assert Counter(made) == Counter(sequence)
    assert (made[:1], made[-1:]) == (sequence[:1], sequence[-1:])


@pytest.mark.parametrize("sequence", ["ACAGACAA", "AACCAGCA", "CAAAGACG"])
def test_shuffles_are_all_equally_likely(sequence: str) -> None:
    pairs = Counter(pairwise(sequence))
    possible = {"".join(p) for p in permutations(sequence) if Counter(pairwise(p)) == pairs}
    possible = {one for one in possible if (one[0], one[-1]) == (sequence[0], sequence[-1])}
    assert len(possible) > 3
    rng = np.random.default_rng(0)
    times = 400 * len(possible)
    drawn = Counter(dinucleotide_shuffle(sequence, rng) for _ in range(times))
    assert set(drawn) == possible
    chi_square = sum((drawn[one] - 400) ** 2 / 400 for one in possible)
    freedom = len(possible) - 1
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom)


def test_a_long_repeat_is_shuffled_at_once() -> None:
    sequence = "AC" * 5000 + "G" + "A" * 3000 + "T"
    made = dinucleotide_shuffle(sequence, np.random.default_rng(0))
    assert Counter(pairwise(made)) == Counter(pairwise(sequence))


def test_a_shuffle_is_new_or_not_there() -> None:
    rng = np.random.default_rng(0)
    assert shuffled(Example("a", "AAAA"), {"AAAA"}, rng) is None
    seen = {on_either_strand("ACAGACAA")}
    made = [shuffled(Example("a", "ACAGACAA"), seen, rng) for _ in range(30)]
    sequences = [one.sequence for one in made if one is not None]
    assert "ACAGACAA" not in sequences
    assert len(sequences) == len(set(sequences)) == len(seen) - 1
    assert made[-1] is None
    assert made[0] is not None
    assert made[0].name == "a shuffled"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=12))
def test_taken_stretches_by_brute_force(stretches: list[tuple[int, int]]) -> None:
    taken, bases = Taken(), set()
    for start, length in stretches:
        taken.add("a", start, start + length)
        bases |= set(range(start, start + length))
    for start in range(40):
        for end in range(start + 1, 41):
            assert taken.overlaps("a", start, end) == bool(bases & set(range(start, end)))
    assert not taken.overlaps("b", 0, 99)


@pytest.fixture
def genome_file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    low = "".join(rng.choice(list("ACGT"), 5000, p=[0.4, 0.1, 0.1, 0.4]))
    high = "".join(rng.choice(list("ACGT"), 5000, p=[0.2, 0.3, 0.3, 0.2]))
    path = tmp_path / "genome.fa"
    path.write_text(f">one\n{low}{high}\n>two\n{low[:300]}{'N' * 300}acgtt\n>three\nACG\n")
    return path


def _positive(genome: Genome, contig: str, start: int, end: int, is_reverse: bool = False) -> Example:
    bases = genome.bases(contig, start, end)
    region = BedRegion("p", contig, start, end, is_reverse)
    return Example("p", reverse_complement(bases) if is_reverse else bases, region)


def test_windows_of_the_same_gc_off_what_is_taken(genome_file: Path) -> None:
    with open_genome(genome_file) as genome:
        taken, seen = Taken(), set()
        taken.add("one", 2000, 9000)
        windows = NegativeWindows(genome, taken, seen, np.random.default_rng(0))
        used: list[BedRegion] = []
        for start, low, high in ((100, 0.0, 0.35), (9500, 0.5, 0.8)):
            positive = _positive(genome, "one", start, start + 100, is_reverse=start > 5000)
            made = [windows.drawn(positive, ["one", "two", "three"]) for _ in range(5)]
            for one in made:
                assert one is not None
                assert one.region is not None
                used.append(one.region)
                assert len(one.sequence) == 100
                assert low < gc_content(one.sequence) < high
                assert one.region.is_reverse == (start > 5000)
                bases = genome.bases(one.region.contig, one.region.start_bp, one.region.end_bp)
                assert one.sequence == (reverse_complement(bases) if start > 5000 else bases)
                assert is_plain(one.sequence)
                assert not (one.region.contig == "one" and one.region.end_bp > 2000
                            and one.region.start_bp < 9000)  # fmt: skip
        for a in used:
            for b in used:
                assert a is b or a.contig != b.contig or a.end_bp <= b.start_bp or b.end_bp <= a.start_bp
        # the contig of N has room for few
        few = [windows.drawn(_positive(genome, "one", 100, 200), ["two"]) for _ in range(9)]
        assert few[-1] is None
        assert windows.drawn(_positive(genome, "one", 100, 200), ["three"]) is None


def test_no_window_is_what_is_there_already(genome_file: Path) -> None:
    with open_genome(genome_file) as genome:
        seen = {on_either_strand(genome.bases("two", i, i + 290)) for i in range(10)}
        windows = NegativeWindows(genome, Taken(), seen, np.random.default_rng(0))
        found = windows.drawn(_positive(genome, "one", 1000, 1290), ["two"])
        assert found is not None
        assert found.region is not None
        assert found.region.start_bp == 10
        assert on_either_strand(found.sequence) in seen


def test_windows_beside(genome_file: Path) -> None:
    with open_genome(genome_file) as genome:

        def beside(start: int, shift: int | None, taken: Taken, seed: int) -> tuple[int, int] | None:
            positive = _positive(genome, "one", start, start + 100, is_reverse=True)
            taken.add("one", start, start + 100)
            windows = NegativeWindows(genome, taken, set(), np.random.default_rng(seed))
            made = windows.beside(positive, shift)
            if made is None:
                return None
            assert made.region is not None
            assert made.region.is_reverse
            return made.region.start_bp, made.region.end_bp

        assert {beside(500, None, Taken(), seed) for seed in range(9)} == {(400, 500), (600, 700)}
        assert {beside(500, 40, Taken(), seed) for seed in range(9)} == {(460, 560), (540, 640)}
        assert {beside(50, None, Taken(), seed) for seed in range(9)} == {(150, 250)}
        for shift, start in ((None, 600), (40, 540)):
            for seed in range(9):
                taken = Taken()
                taken.add("one", 459, 461)
                assert beside(500, shift, taken, seed) == (start, start + 100)
        taken = Taken()
        taken.add("one", 410, 420)
        taken.add("one", 690, 800)
        assert beside(500, None, taken, 0) is None
