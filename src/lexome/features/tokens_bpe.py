"""Byte pair encoding: by ranks of merges, as published vocabularies mean it, or the longest tokens first.

Legend: L letters, N tokens, R merges.

Source: Sennrich et al. (2016); the slides of DNABERT-2 ("greedily encodes the most lengthy tokens. If two
tokens share the same length, the more frequent one will be encoded first"), which `longest` takes literally,
over the whole text. The tokenizer that DNABERT-2's authors published works by ranks.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Int, Int32

from lexome.dp.kernels.bpe_encode import (
    SKIPPED,
    UNKNOWN,
    build_trie,
    longest_first,
    merge_by_rank,
    pair_table,
    tokens_of,
)
from lexome.features.tokens_text import IS_SPACE, Segments, letters_of

EncodeOrder = Literal["merges", "longest"]
ENCODE_ORDERS: tuple[EncodeOrder, ...] = ("merges", "longest")


@dataclass(frozen=True)
class Bpe:
    """A vocabulary and its merges.

    Attributes:
        tokens: by id; those that are single ASCII letters are the alphabet.
        merges: ids of the two parts, by rank. Their token is the parts' text; no two make the same one.
        special_ids: tokens that no text becomes.
        unknown_id: the token of a letter outside of the alphabet; None drops such letters.
        order: apply merges by rank, or take the longest tokens first.
        drops_space: white space is left out, and divides; else it is a letter like others.
    """

    tokens: tuple[str, ...]
    merges: Int32[np.ndarray, "R 2"]
    special_ids: frozenset[int]
    unknown_id: int | None
    order: EncodeOrder = "merges"
    drops_space: bool = True
    kind: str = "bpe"

    @property
    def alphabet(self) -> str:
        """The single letters of the vocabulary."""
        singles = (t for i, t in enumerate(self.tokens) if len(t) == 1 and i not in self.special_ids)
        return "".join(singles)

    def segment(self, text: str) -> Segments:
        """Divides a text into tokens."""
        letters_L = letters_of(text)
        if self.order == "longest":
            numbers_L = self._number_of_letter[letters_L]
            tags_L = longest_first(numbers_L, *self._trie, self._order, self._lengths)
        else:
            tags_L = self._id_of_letter[letters_L]
            merge_by_rank(tags_L, *self._merge_columns, self._lengths, *self._pairs)
        unknown_id = -1 if self.unknown_id is None else self.unknown_id
        return Segments(*tokens_of(tags_L, self._lengths, unknown_id))

    def text_of(self, ids: Int[np.ndarray, " N"]) -> str:
        """The text of tokens none of which is special; N for each unknown letter."""
        tokens = self.tokens
        return "".join("N" if i == self.unknown_id else tokens[i] for i in ids.tolist())

    @cached_property
    def _lengths(self) -> Int32[np.ndarray, " V"]:
        return np.array(
            [0 if i in self.special_ids else len(token) for i, token in enumerate(self.tokens)], np.int32
        )

    @cached_property
    def _id_of_letter(self) -> Int32[np.ndarray, "256"]:
        number = dict(zip(self.tokens, range(len(self.tokens)), strict=True))
        return self._table({letter: number[letter] for letter in self.alphabet})

    @cached_property
    def _number_of_letter(self) -> Int32[np.ndarray, "256"]:
        return self._table({letter: i for i, letter in enumerate(self.alphabet)})

    def _table(self, values: dict[str, int]) -> Int32[np.ndarray, "256"]:
        table = np.full(256, UNKNOWN, np.int32)
        if self.drops_space:
            table[IS_SPACE] = SKIPPED
        for letter, value in values.items():
            table[ord(letter)] = value
        return table

    @cached_property
    def _merge_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        number = dict(zip(self.tokens, range(len(self.tokens)), strict=True))
        made = [number[self.tokens[a] + self.tokens[b]] for a, b in self.merges.tolist()]
        left, right = np.ascontiguousarray(self.merges.T)
        return left, right, np.array(made, np.int32)

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray, int]:
        bits = max(4, (4 * len(self.merges)).bit_length())
        return *pair_table(*self._merge_columns[:2], bits), bits

    @cached_property
    def _trie(self) -> tuple[np.ndarray, np.ndarray]:
        text = "".join(t for i, t in enumerate(self.tokens) if i not in self.special_ids)
        starts = np.cumsum(self._lengths, dtype=np.int64) - self._lengths
        return build_trie(
            self._number_of_letter[letters_of(text)], starts, self._lengths, max(1, len(self.alphabet))
        )

    @cached_property
    def _order(self) -> Int32[np.ndarray, " V"]:
        """When a token's turn comes: longer first, then those merged earlier, which are more frequent."""
        rank = np.full(len(self.tokens), -1, np.int64)
        rank[self._merge_columns[2]] = np.arange(len(self.merges))
        usable = np.flatnonzero(self._lengths)
        sorted_ids = usable[np.lexsort((usable, rank[usable], -self._lengths[usable]))]
        order = np.full(len(self.tokens), -1, np.int32)
        order[sorted_ids] = np.arange(len(sorted_ids), dtype=np.int32)
        return order
