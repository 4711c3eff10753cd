"""Bytes: the layout of ByT5."""

from hypothesis import given
from hypothesis import strategies as st

from lexome.features.tokens import load_tokenizer
from lexome.features.tokens_byte import LETTER_OF_BYTE, byte_tokens


def test_the_layout() -> None:
    tokenizer = load_tokenizer("byte")
    assert tokenizer.vocab_size == 384
    assert tokenizer.encode("ACGT").tolist() == [68, 70, 74, 87, 1]
    assert tokenizer.special_ids == {"sep": 1, "pad": 0, "unk": 2}
    assert tokenizer.sentinel_ids == tuple(range(259, 384))
    assert byte_tokens()[259] == "<extra_id_0>"
    assert byte_tokens()[-1] == "<extra_id_124>"
    assert len(set(LETTER_OF_BYTE)) == 256


@given(st.text(max_size=30))
def test_any_text_comes_back_and_offsets_are_letters(text: str) -> None:
    model = load_tokenizer("byte").model
    segments = model.segment(text)
    assert (segments.ids - 3).astype("uint8").tobytes() == text.encode()
    assert model.text_of(segments.ids) == text
    assert segments.starts.tolist() == [i for i, letter in enumerate(text) for _ in letter.encode()]
