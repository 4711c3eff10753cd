"""k-mers against Python's own sets of words."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.alphabet import decode, encode, reverse_complement
from lexome.evaluate import kmer_qv
from lexome.evaluate.kmer_qv import KmerTally, canonical_kmers, kmer_quality, true_kmers

dna = st.text("ACGTN", max_size=60)


def words(sequence: str, k: int) -> list[str]:
    """The lower one of each k-mer and its reverse complement (in alphabetical order, as A < C < G < T)."""
    pieces = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
    return [min(piece, reverse_complement(piece)) for piece in pieces if "N" not in piece]


def number(word: str) -> int:
    return int("".join(str("ACGT".index(base)) for base in word), 4)


@given(dna, st.integers(1, 31))
def test_kmers_are_the_words(sequence: str, k: int) -> None:
    assert canonical_kmers(encode(sequence), k).tolist() == [number(word) for word in words(sequence, k)]


def test_too_long_kmers_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        canonical_kmers(encode("A" * 40), 32)


@given(st.lists(dna, max_size=4), st.lists(dna, max_size=4), st.integers(1, 5))
def test_counts_are_those_of_sets(truths: list[str], reads: list[str], k: int) -> None:
    known = true_kmers(map(encode, truths), sum(map(len, truths)), k)
    true_words = {word for truth in truths for word in words(truth, k)}
    read_words = [word for read in reads for word in words(read, k)]
    tally = KmerTally(known)
    for read in reads:
        tally.add(*known.lookup(encode(read)))
    assert known.kmers.tolist() == sorted(map(number, true_words))
    assert (tally.kmers, tally.unknown) == (len(read_words), sum(w not in true_words for w in read_words))
    share = len(true_words & set(read_words)) / len(true_words) if true_words else None
    assert tally.completeness == (None if share is None else pytest.approx(share))
    assert tally.quality == kmer_quality(tally.unknown, tally.kmers, k)


def test_the_quality_is_that_of_independent_errors() -> None:
    """Substitutions at a known rate, far apart and close together."""
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 4, 400_000).astype(np.uint8)
    known = true_kmers([truth], len(truth))
    for rate in (0.001, 0.02):
        wrong = rng.random(len(truth)) < rate
        read = np.where(wrong, (truth + rng.integers(1, 4, len(truth))) % 4, truth).astype(np.uint8)
        tally = KmerTally(known)
        tally.add(*known.lookup(read))
        assert tally.quality == pytest.approx(-10 * math.log10(wrong.mean()), abs=0.3)
        other_strand = encode(reverse_complement(decode(read)))
        assert known.lookup(other_strand)[0] == tally.kmers
        assert len(known.lookup(other_strand)[1]) == tally.kmers - tally.unknown


def test_values_of_the_formula() -> None:
    assert kmer_quality(0, 100, 21) is None
    assert kmer_quality(0, 0, 21) is None
    assert kmer_quality(100, 100, 21) == 0.0
    assert kmer_quality(5, 1000, 21) == pytest.approx(-10 * math.log10(1 - 0.995 ** (1 / 21)))


def test_of_a_large_truth_a_sample_estimates_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    truth = rng.integers(0, 4, 200_000).astype(np.uint8)
    read = truth.copy()
    read[::500] = (read[::500] + 1) % 4
    qualities, shares = [], []
    for most in (1 << 27, 30_000):
        monkeypatch.setattr(kmer_qv, "MOST_KMERS", most)
        known = true_kmers([truth], len(truth))
        tally = KmerTally(known)
        tally.add(*known.lookup(read))
        qualities.append(tally.quality)
        shares.append(tally.completeness)
        assert known.one_in == (1 if most > len(truth) else 8)
        assert len(known.kmers) == pytest.approx(len(truth) / known.one_in, rel=0.05)
    assert qualities[1] == pytest.approx(qualities[0], abs=0.3)
    assert shares[1] == pytest.approx(shares[0], abs=0.01)
