"""k-mers as tokens, overlapping (DNABERT) or side by side (Nucleotide Transformer); with k = 1 nucleotides.

Legend: L letters of a text, N tokens, K = 4**k k-mers.

Source: Ji et al. (2021) for overlapping k-mers, Dalla-Torre et al. (2023) for those side by side: what is
left of a stretch of A, C, G, T at its right end becomes single letters.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Bool, Int, Int32, UInt8

from lexome.core.alphabet import BASES, NO_BASE, kmer_index
from lexome.features.tokens_text import IS_SPACE, Segments, letters_of

MAX_K = 8
_CODE_OF_LETTER = np.full(256, NO_BASE, np.uint8)
_CODE_OF_LETTER[np.frombuffer(BASES.encode(), np.uint8)] = np.arange(4)


def kmers(k: int) -> tuple[str, ...]:
    """All k-mers in alphabetical order."""
    return tuple(map("".join, product(BASES, repeat=k)))


@dataclass(frozen=True)
class Kmers:
    """k-mers; upper case only, as in every vocabulary published.

    Attributes:
        tokens: by id. Side by side, also the single letters A, C, G, T and any others that have a token.
        k: bases of a k-mer.
        overlapping: a k-mer begins at every base; else where the one before it ends.
        unknown_id: for other letters (side by side) or k-mers that hold some (overlapping).
    """

    tokens: tuple[str, ...]
    k: int
    overlapping: bool
    unknown_id: int
    drops_space: bool = True

    @property
    def kind(self) -> str:
        """What they are called by `load_tokenizer`."""
        if self.k == 1 and not self.overlapping:
            return "nucleotide"
        return f"{self.k}mer-{'overlapping' if self.overlapping else 'nonoverlapping'}"

    @property
    def alphabet(self) -> str:
        """The letters that have a meaning."""
        return BASES if self.overlapping else "".join(t for t in self.tokens if len(t) == 1)

    def segment(self, text: str) -> Segments:
        """Divides a text into tokens."""
        letters_L = letters_of(text)
        codes_L = _CODE_OF_LETTER[letters_L]
        if self.overlapping:
            return self._overlapping(letters_L, codes_L)
        return self._side_by_side(letters_L, codes_L)

    def text_of(self, ids: Int[np.ndarray, " N"]) -> str:
        """The text of tokens none of which is special; N where no known token covers a base."""
        if not self.overlapping:
            return "".join("N" if i == self.unknown_id else self.tokens[i] for i in ids.tolist())
        if not len(ids):
            return ""
        text_L = np.full(len(ids) + self.k - 1, ord("N"), np.uint8)
        for i in range(self.k):
            known = ids != self.unknown_id
            text_L[i : i + len(ids)][known] = self._letter_of_id[ids[known], i]
        return text_L.tobytes().decode()

    def spaced(self, text: str) -> str:
        """Overlapping k-mers with blanks between, which is the text that Hugging Face's tokenizers take."""
        segments = self.segment(text)
        places = zip(segments.starts.tolist(), segments.ends.tolist(), strict=True)
        return " ".join(text[start:end] for start, end in places)

    def _overlapping(self, letters_L: UInt8[np.ndarray, " L"], codes_L: UInt8[np.ndarray, " L"]) -> Segments:
        word_starts, word_ends = _stretches(~IS_SPACE[letters_L])
        is_short = word_ends - word_starts < self.k  # one token all the same: nothing is lost unsaid
        counts = np.where(is_short, 1, word_ends - word_starts - self.k + 1)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        starts = np.repeat(word_starts, counts) + np.arange(len(first)) - first
        ends = np.minimum(starts + self.k, np.repeat(word_ends, counts))
        known = ends - starts == self.k
        bad = np.concatenate([[0], np.cumsum(codes_L == NO_BASE)])
        known &= bad[ends] == bad[starts]
        ids = np.full(len(starts), self.unknown_id, np.int32)
        ids[known] = self._id_of_kmer[kmer_index(codes_L & 3, self.k)[starts[known]]]
        return Segments(ids, starts, ends)

    def _side_by_side(self, letters_L: UInt8[np.ndarray, " L"], codes_L: UInt8[np.ndarray, " L"]) -> Segments:
        is_base = codes_L != NO_BASE
        run_starts, run_ends = _stretches(is_base)
        whole_ends = run_ends - (run_ends - run_starts) % self.k
        place = np.arange(len(letters_L))
        run = np.cumsum(np.isin(place, run_starts, assume_unique=True)) - 1 if len(run_starts) else place
        in_whole = is_base.copy()
        if len(run_starts):
            in_whole &= place < whole_ends[run]
        begins = ~IS_SPACE[letters_L]
        begins[in_whole] = (place - run_starts[run])[in_whole] % self.k == 0 if len(run_starts) else False
        starts = np.flatnonzero(begins)
        whole = in_whole[starts]
        ids = self._id_of_letter[letters_L[starts]]
        ids[whole] = self._id_of_kmer[kmer_index(codes_L & 3, self.k)[starts[whole]]]
        return Segments(ids, starts, starts + np.where(whole, self.k, 1))

    @cached_property
    def _id_of_kmer(self) -> Int32[np.ndarray, " K"]:
        number = {token: i for i, token in enumerate(self.tokens)}
        return np.array([number[kmer] for kmer in kmers(self.k)], np.int32)

    @cached_property
    def _id_of_letter(self) -> Int32[np.ndarray, "256"]:
        table = np.full(256, self.unknown_id, np.int32)
        for i, token in enumerate(self.tokens):
            if len(token) == 1:
                table[ord(token)] = i
        return table

    @cached_property
    def _letter_of_id(self) -> UInt8[np.ndarray, "V k"]:
        table = np.full((len(self.tokens), self.k), ord("N"), np.uint8)
        table[self._id_of_kmer] = np.frombuffer("".join(kmers(self.k)).encode(), np.uint8).reshape(-1, self.k)
        return table


def _stretches(inside_L: Bool[np.ndarray, " L"]) -> tuple[Int[np.ndarray, " S"], Int[np.ndarray, " S"]]:
    """First places and ends of stretches of True."""
    steps = np.diff(np.concatenate([[0], inside_L.astype(np.int8), [0]]))
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
