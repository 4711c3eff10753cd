"""Letters as bytes."""

from lexome.features.tokens_text import IS_SPACE, letters_of


def test_one_byte_per_letter() -> None:
    assert letters_of("Aé\u00a0\u3000N\x1c").tobytes() == b"A?  N\x1c"
    assert [chr(i) for i in range(256) if IS_SPACE[i]] == list("\t\n\v\f\r ")
