"""k-mers against slicing."""

import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.features.tokens import kmer_tokenizer
from lexome.features.tokens_kmer import Kmers, kmers


@cache
def model_of(k: int, overlapping: bool) -> Kmers:
    model = kmer_tokenizer(k, overlapping=overlapping).model
    assert isinstance(model, Kmers)
    return model


@pytest.mark.parametrize("k", [1, 2, 3, 6])
@given(text=st.text("ACGTN acx\n", max_size=50))
def test_side_by_side(k: int, text: str) -> None:
    model = model_of(k, False)
    found = list(re.finditer(rf"[ACGT]{{{k}}}|\S", text))
    segments = model.segment(text)
    assert segments.starts.tolist() == [match.start() for match in found]
    assert segments.ends.tolist() == [match.end() for match in found]
    names = [match[0] if match[0] in model.tokens else "[UNK]" for match in found]
    assert [model.tokens[i] for i in segments.ids.tolist()] == names


@pytest.mark.parametrize("k", [1, 3, 6])
@given(text=st.text("ACGTN acx\n", max_size=50))
def test_overlapping(k: int, text: str) -> None:
    model = model_of(k, True)
    expected = []
    for word in re.finditer(r"\S+", text):
        places = range(word.start(), max(word.start() + 1, word.end() - k + 1))
        expected += [(at, min(at + k, word.end())) for at in places]
    segments = model.segment(text)
    assert list(zip(segments.starts.tolist(), segments.ends.tolist(), strict=True)) == expected
    names = [text[a:b] if text[a:b] in model.tokens else "[UNK]" for a, b in expected]
    assert [model.tokens[i] for i in segments.ids.tolist()] == names
    assert model.spaced(text) == " ".join(text[a:b] for a, b in expected)


def test_an_unknown_letter_between_known_kmers_comes_back() -> None:
    model = model_of(3, True)
    assert model.text_of(model.segment("ACGTNACGTT").ids) == "ACGTNACGTT"


def test_names_and_order() -> None:
    assert kmers(2)[:5] == ("AA", "AC", "AG", "AT", "CA")
    assert model_of(1, False).kind == "nucleotide"
    assert kmer_tokenizer(1, overlapping=False).vocab_size == 5 + 4 + 1
    assert kmer_tokenizer(6, overlapping=False).vocab_size == 5 + 5 + 4096
    assert kmer_tokenizer(6, overlapping=True).vocab_size == 5 + 4096
