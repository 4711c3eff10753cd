"""Sequences cut for a model: windows, cores, limits, what is refused."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.features.tokens import load_tokenizer
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.simulate.genome import random_genome
from lexome.tasks.language.pieces import CutConfig, Source, Tally, counted, pieces, survey, truncated

NUCLEOTIDE = load_tokenizer("nucleotide")
SIX = load_tokenizer("6mer-overlapping")
UPPER = SIX.in_upper_case()


def source(*sequences: str) -> Source:
    def read() -> Iterator[tuple[str, str]]:
        return ((f"s{i}", sequence) for i, sequence in enumerate(sequences))

    return read


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 19))
def test_cores_cover_every_base_once(length: int, window: int, overlap: int) -> None:
    overlap = min(overlap, window - 1)
    sequence = random_genome(length, length)
    cut = list(pieces(source(sequence), NUCLEOTIDE, CutConfig(window, overlap)))
    assert [b for piece in cut for b in range(*piece.core_bp)] == list(range(length))
    for piece in cut:
        assert piece.sequence == sequence[piece.start_bp : piece.end_bp]
        assert piece.start_bp <= piece.core_bp[0] <= piece.core_bp[1] <= piece.end_bp
        assert len(piece.sequence) == min(length, window)
        assert len(piece.encoded.ids) == len(piece.sequence) + 2
    for left, right in zip(cut, cut[1:], strict=False):
        shared = left.end_bp - right.start_bp
        assert shared >= overlap
        # the middle: as much context on either side, to a base
        assert abs((left.end_bp - left.core_bp[1]) - (right.core_bp[0] - right.start_bp)) <= 1
    assert [piece.is_last for piece in cut] == [False] * (len(cut) - 1) + [True]


def test_both_strands() -> None:
    (piece,) = pieces(source("ACGTRn"), NUCLEOTIDE, CutConfig(), both_strands=True)
    assert piece.reverse is not None
    assert piece.reverse.ids.tolist() == NUCLEOTIDE.encode("nYACGT").tolist()
    assert [len(ids) for ids in piece.strands] == [8, 8]
    assert piece.num_tokens == 16


@pytest.mark.parametrize("tokenizer", [NUCLEOTIDE, SIX, load_tokenizer("3mer-nonoverlapping")])
def test_truncated_is_as_the_first_tokens(tokenizer: Tokenizer) -> None:
    sequence = random_genome(300, 8)
    for limit in (3, 10, 61):
        cut = truncated(sequence, tokenizer, limit)
        whole = tokenizer.encode(sequence, special=False).tolist()
        assert tokenizer.encode(cut, special=False).tolist() == whole[: limit - 2]
    assert truncated("ACG", tokenizer, 100) == "ACG"
    with pytest.raises(UsageError, match="no room"):
        truncated(sequence, tokenizer, 2)


def test_what_is_too_long_is_counted() -> None:
    long, short = "ACGTA" * 30, "ACGT"
    cut = CutConfig(max_tokens=100)
    with pytest.raises(
        BadInputError, match=r"2 of 3 sequences have more than 100 tokens \(most: 's2', 202\)"
    ):
        survey(source(long, short, "A" * 200), "x.fa", NUCLEOTIDE, cut)
    assert survey(source("A" * 98), "x.fa", NUCLEOTIDE, cut).truncated == 0
    with pytest.raises(BadInputError, match="1 of 1"):
        survey(source("A" * 99), "x.fa", NUCLEOTIDE, cut)
    seen = survey(source(long, short), "x.fa", NUCLEOTIDE, CutConfig(max_tokens=100, truncate=True))
    assert (seen.records, seen.bases, seen.truncated) == (2, 154, 1)
    with pytest.raises(UsageError, match="--window 120 gives up to 122 tokens"):
        survey(source(long), "x.fa", NUCLEOTIDE, CutConfig(120, max_tokens=100))
    assert survey(source(long), "x.fa", NUCLEOTIDE, CutConfig(98, max_tokens=100)).truncated == 0


def test_repeated_names_and_what_is_no_sequence() -> None:
    def twice() -> Iterator[tuple[str, str]]:
        yield from [("a", "A"), ("b", "C"), ("a", "G")]

    assert survey(twice, "x", NUCLEOTIDE, CutConfig()).repeated == ["a"]
    for sequences, words in (
        ((), "x.fa: holds no sequence"),
        (("ACGT", ""), "'s1' is empty"),
        (("ACGT", "NNRYnn"), "'s1' holds no A, C, G or T"),
    ):
        with pytest.raises(BadInputError, match=words):
            survey(source(*sequences), "x.fa", NUCLEOTIDE, CutConfig())


@pytest.mark.parametrize("wrong", [(None, 5), (10, 10), (10, 12)])
def test_wrong_windows(wrong: tuple[int | None, int]) -> None:
    with pytest.raises(UsageError):
        CutConfig(*wrong)
    with pytest.raises(UsageError, match="choose one"):
        CutConfig(10, truncate=True)


def test_unknown_tokens_are_counted() -> None:
    tally = Tally()
    cut = pieces(source("ACGTACGTAC", "acgtacgtacgtRa"), UPPER, CutConfig())
    assert len(list(counted(cut, tally, UPPER))) == 2
    assert (tally.tokens, tally.unknown, tally.bases) == (5 + 9, 2, 24)
    assert tally.warnings() == [
        "14% of the tokens are unknown to the tokenizer: N, other IUPAC codes, or no DNA"
    ]
    assert Tally(100, 10).warnings() == []
    assert reverse_complement("acgtacgtacgtRa") == "tYacgtacgtacgt"
