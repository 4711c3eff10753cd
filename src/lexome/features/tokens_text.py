"""Text on its way to tokens: letters as numbers, white space, and where each token lies (numpy).

Legend: L letters of a text, N tokens.

Source: own; what counts as white space is the Unicode property White_Space, as in Hugging Face's tokenizers.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, Int32, UInt8

_WIDE_SPACES = "\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_TO_SPACE = str.maketrans(dict.fromkeys(_WIDE_SPACES, " "))
IS_SPACE = np.zeros(256, bool)
IS_SPACE[np.frombuffer(b" \t\n\v\f\r", np.uint8)] = True


@dataclass(frozen=True)
class Segments:
    """Tokens in a text: ids, and the first letter and the end of each in it."""

    ids: Int32[np.ndarray, " N"]
    starts: Int[np.ndarray, " N"]
    ends: Int[np.ndarray, " N"]


@runtime_checkable
class TokenModel(Protocol):
    """Turns text into tokens and back; special tokens are none of its business."""

    @property
    def kind(self) -> str:
        """What the tokenizer is called."""
        ...

    @property
    def tokens(self) -> tuple[str, ...]:
        """All tokens by id; special ones too."""
        ...

    @property
    def alphabet(self) -> str:
        """The letters that have a meaning."""
        ...

    @property
    def drops_space(self) -> bool:
        """Whether white space is left out, and divides."""
        ...

    def segment(self, text: str) -> Segments:
        """Divides a text into tokens."""
        ...

    def text_of(self, ids: Int[np.ndarray, " N"]) -> str:
        """The text of tokens none of which is special; N for each unknown letter."""
        ...


def letters_of(text: str) -> UInt8[np.ndarray, " L"]:
    """One byte per letter: ASCII as it is, other white space as a blank, anything else as '?'."""
    if not text.isascii():
        text = text.translate(_TO_SPACE)
    return np.frombuffer(text.encode("ascii", "replace"), np.uint8)
