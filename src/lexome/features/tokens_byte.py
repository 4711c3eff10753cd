"""Bytes as tokens, in the layout of ByT5: padding 0, end 1, unknown 2, byte b at b + 3, sentinels from 259.

Legend: N tokens.

Source: Xue et al. (2022). The sentinels ascend from 259 as in Hugging Face's ByT5 tokenizer; the authors' own
span corruption counts down from 258 instead.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int, Int32

from lexome.features.tokens_text import Segments

FIRST_BYTE = 3
SENTINELS = 125


def _letter_of_byte() -> tuple[str, ...]:
    """The letter by which a byte is written in a byte-level vocabulary: itself if one can see it.

    The others become the letters from U+0100 on, in the order of the bytes.
    """
    visible = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in visible]
    return tuple(chr(byte) if byte in visible else chr(0x100 + others.index(byte)) for byte in range(256))


LETTER_OF_BYTE = _letter_of_byte()


def byte_tokens() -> tuple[str, ...]:
    """All tokens of the layout by id."""
    return (
        "<pad>", "</s>", "<unk>", *LETTER_OF_BYTE, *(f"<extra_id_{i}>" for i in range(SENTINELS)),
    )  # fmt: skip


@dataclass(frozen=True)
class Bytes:
    """Every byte of the text (UTF-8) is a token; nothing is unknown, white space is no exception.

    Attributes:
        tokens: by id, bytes as `LETTER_OF_BYTE` writes them.
    """

    tokens: tuple[str, ...]
    drops_space: bool = False
    kind: str = "byte"
    alphabet: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    def segment(self, text: str) -> Segments:
        """Divides a text into tokens; the bytes of one letter all cover that letter."""
        data = np.frombuffer(text.encode(), np.uint8)
        begins = (data & 0xC0) != 0x80  # the first byte of each letter
        starts = np.cumsum(begins) - 1
        return Segments(self._id_of_byte[data], starts, starts + 1)

    def text_of(self, ids: Int[np.ndarray, " N"]) -> str:
        """The text of tokens none of which is special."""
        return self._byte_of_id[ids].tobytes().decode("utf-8", "replace")

    @cached_property
    def _id_of_byte(self) -> Int32[np.ndarray, "256"]:
        number = {token: i for i, token in enumerate(self.tokens)}
        return np.array([number[letter] for letter in LETTER_OF_BYTE], np.int32)

    @cached_property
    def _byte_of_id(self) -> np.ndarray:
        table = np.zeros(len(self.tokens), np.uint8)
        table[self._id_of_byte] = np.arange(256)
        return table
