"""What is around a model: special tokens, case, ids that are none."""

import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.features.tokens import bpe_tokenizer, load_tokenizer
from lexome.features.tokens_bpe import Bpe
from lexome.features.tokens_tokenizer import Tokenizer

TOKENIZER = bpe_tokenizer(np.array([[0, 1]], np.int32), uppercase=False)


def test_special_tokens_written_in_a_sequence() -> None:
    encoded = TOKENIZER.encode_with_offsets("AC[MASK]A")
    assert encoded.ids.tolist() == [1, 9, 4, 5, 2]
    assert encoded.offsets.tolist() == [[0, 0], [0, 2], [2, 8], [8, 9], [0, 0]]


def test_upper_case_is_an_option() -> None:
    assert TOKENIZER.encode("acN", special=False).tolist() == [0, 0, 0]
    assert TOKENIZER.in_upper_case().encode("acN", special=False).tolist() == [9, 0]
    assert load_tokenizer("byte", uppercase=True).encode("acn").tolist() == [68, 70, 81, 1]


def test_special_tokens_are_left_out_of_the_text() -> None:
    assert TOKENIZER.decode([1, 9, 3, 4, 0, 5, 2]) == "ACNA"
    assert TOKENIZER.decode(np.array([], np.int64)) == ""


@pytest.mark.parametrize("ids", [[10], [-1, 5]])
def test_ids_that_are_none(ids: list[int]) -> None:
    with pytest.raises(BadInputError, match="in a vocabulary of 10"):
        TOKENIZER.decode(ids)


def test_a_letter_is_never_dropped_in_silence() -> None:
    model = Bpe(("A", "C"), np.zeros((0, 2), np.int32), frozenset(), None)
    assert Tokenizer(model, {}).encode("A C").tolist() == [0, 1]
    with pytest.raises(BadInputError, match="'N' has no token"):
        Tokenizer(model, {}).encode("ANC")


def test_only_bpe_has_two_orders() -> None:
    with pytest.raises(BadInputError, match="one way to encode only"):
        load_tokenizer("nucleotide").with_order("longest")
