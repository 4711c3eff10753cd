"""The codes of bases, against plain enumeration and minimap2's own complement."""

import itertools

import mappy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.alphabet import BASES, NO_BASE, decode, encode, kmer_index, reverse_complement

dna = st.text(alphabet="ACGT", max_size=60)


def test_encode_gives_the_documented_codes() -> None:
    assert encode("ACGTacgt").tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert encode("ACGT").dtype == np.uint8


@pytest.mark.parametrize("text", ["N", "n", "-", "U", " ", "\n", "\x00", "é", "漢"])
def test_what_is_no_base_is_marked(text: str) -> None:
    assert encode(text).tolist() == [NO_BASE]


@given(dna)
def test_decode_undoes_encode(sequence: str) -> None:
    assert decode(encode(sequence)) == sequence


def test_decode_refuses_codes_that_are_no_bases() -> None:
    with pytest.raises(IndexError):
        decode(np.array([0, NO_BASE], np.uint8))


@given(st.text(alphabet="ACGTN", max_size=60))
def test_reverse_complement_is_that_of_minimap2(sequence: str) -> None:
    assert reverse_complement(sequence) == mappy.revcomp(sequence)
    assert reverse_complement(reverse_complement(sequence)) == sequence


def test_reverse_complement_keeps_case() -> None:
    assert reverse_complement("acGTnN") == "NnACgt"


@pytest.mark.parametrize("k", [1, 2, 3])
def test_kmer_index_is_the_place_in_the_sorted_list_of_kmers(k: int) -> None:
    kmers = ["".join(kmer) for kmer in itertools.product(BASES, repeat=k)]
    assert [int(kmer_index(encode(kmer), k)[0]) for kmer in kmers] == list(range(4**k))


@given(dna, st.integers(1, 9))
def test_kmer_index_of_every_window(sequence: str, k: int) -> None:
    windows = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
    expected = [sum(BASES.index(base) * 4 ** (k - 1 - i) for i, base in enumerate(kmer)) for kmer in windows]
    index = kmer_index(encode(sequence), k)
    assert index.tolist() == expected
    assert index.dtype == np.int64
