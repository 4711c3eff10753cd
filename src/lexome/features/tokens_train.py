"""Training a BPE vocabulary over A, C, G, T: the merges that Hugging Face's BpeTrainer finds, much sooner.

Legend: L letters and breaks between pieces, V tokens, R merges.

Source: Sennrich et al. (2016); ties as in Hugging Face's tokenizers (see `dp.kernels.bpe_train`). Different:
the letters are always A, C, G and T; anything else divides the text.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Int32, UInt16

from lexome.core.errors import LexomeError, UsageError
from lexome.dp.kernels.bpe_pairs import new_heap, new_table
from lexome.dp.kernels.bpe_train import BREAK, FULL, MAX_TOKENS, count_pairs, fill_places, merge_many
from lexome.features.tokens_text import letters_of

DEFAULT_LINE_BP = 500
MAX_LETTERS = 2**31 - 2**20  # places are int32
_TAG_OF_LETTER = np.full((2, 256), BREAK, np.uint16)  # as written; lower case as upper case
for _tag, _letter in enumerate("ACGT"):
    _TAG_OF_LETTER[:, ord(_letter)] = _TAG_OF_LETTER[1, ord(_letter.lower())] = _tag
_TABLE_CELLS = 2**24  # of counts made at a time
_FINER = 8  # each threshold is this part of the one before
_AT_A_TIME = 128  # merges between two signs of life


@dataclass(frozen=True)
class BpeTrainConfig:
    """What is learned.

    Attributes:
        merges: how many at most; fewer if no pair is left that is frequent enough.
        max_token_length: letters of a token at most; None: any. Two letters are always allowed.
        min_frequency: pairs that occur less often are not merged.
    """

    merges: int
    max_token_length: int | None = None
    min_frequency: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.merges <= MAX_TOKENS - 4:
            raise UsageError(f"{self.merges} merges; between 0 and {MAX_TOKENS - 4} can be learned")
        if self.max_token_length is not None and self.max_token_length < 2:
            raise UsageError("tokens of at least two letters must be allowed")


@dataclass(frozen=True)
class BpeTraining:
    """What was learned: parts of merges (0 to 3: A, C, G, T; 4 + rank) and how often they stood together."""

    merges: Int32[np.ndarray, "R 2"]
    counts: Int[np.ndarray, " R"]
    letters: int
    pieces: int
    tokens: int
    """Tokens that the training text is divided into at the end."""


class BpeCorpus:
    """Training text, gathered piece by piece: two bytes a base.

    Args:
        line_bp: pieces are cut into lines of as many bases, and tokens never cross from one to the next;
            None leaves them whole.
        uppercase: take lower case as upper case; else it divides the text, as N does.
    """

    def __init__(self, line_bp: int | None = DEFAULT_LINE_BP, *, uppercase: bool = True) -> None:
        if line_bp is not None and line_bp < 2:
            raise UsageError("a line needs two bases at least")
        self._line_bp = line_bp
        self._uppercase = uppercase
        self._tags_L = np.full(2**16, BREAK, np.uint16)
        self._used = 1
        self.letters = 0
        self.pieces = 0

    def add(self, sequence: str) -> None:
        """Adds a sequence: divided at all that is not A, C, G, T, then cut into lines.

        Raises:
            LexomeError: if it gets too long.
        """
        tags_L = _TAG_OF_LETTER[int(self._uppercase)][letters_of(sequence)]
        is_base = np.zeros(len(tags_L) + 2, bool)
        np.not_equal(tags_L, BREAK, out=is_base[1:-1])
        edges = np.flatnonzero(is_base[1:] != is_base[:-1])
        for start, end in edges.reshape(-1, 2).tolist():
            self._add_piece(tags_L[start:end])

    def _add_piece(self, tags_L: UInt16[np.ndarray, " L"]) -> None:
        width = self._line_bp or len(tags_L)
        lines = -(-len(tags_L) // width)
        end = self._used + len(tags_L) + lines
        self._make_room(end)
        whole = len(tags_L) // width
        room = self._tags_L[self._used : end]
        room[: whole * (width + 1)].reshape(whole, width + 1)[:, :width] = tags_L[: whole * width].reshape(
            whole, width
        )
        room[whole * width + whole : -1 if lines > whole else len(room)] = tags_L[whole * width :]
        self._used = end
        self.letters += len(tags_L)
        self.pieces += lines

    def _make_room(self, end: int) -> None:
        if end > MAX_LETTERS:
            raise LexomeError(f"more than {MAX_LETTERS:,} bases to train on; leave some out (--max-bases)")
        if end > len(self._tags_L):
            # resize keeps what is there and, for a large array, need not copy it
            self._tags_L.resize(max(end, len(self._tags_L) * 3 // 2), refcheck=False)
            self._tags_L[self._used :] = BREAK

    def take(self) -> UInt16[np.ndarray, " L"]:
        """The text as tags; the corpus is empty afterwards."""
        self._tags_L.resize(self._used, refcheck=False)
        tags_L, self._tags_L, self._used = self._tags_L, np.full(2**16, BREAK, np.uint16), 1
        return tags_L


def train_bpe(
    sequences: BpeCorpus | Iterable[str],
    config: BpeTrainConfig,
    *,
    line_bp: int | None = DEFAULT_LINE_BP,
    on_merges: Callable[[float], None] | None = None,
) -> BpeTraining:
    """Learns merges.

    Args:
        sequences: text to learn from, as it is or gathered already (then `line_bp` is that of the corpus).
        config: what is learned.
        line_bp: see `BpeCorpus`.
        on_merges: told now and then how many there are.

    Returns:
        The merges. With the same pieces as words, `min_frequency` and max_token_length one higher (theirs is
        exclusive), Hugging Face's BpeTrainer makes the same in the same order.

    Raises:
        LexomeError: if there is too much text, or none.
    """
    if isinstance(sequences, BpeCorpus):
        corpus = sequences
    else:
        corpus = BpeCorpus(line_bp)
        for sequence in sequences:
            corpus.add(sequence)
    if not corpus.letters:
        raise LexomeError("no base A, C, G or T to train on")
    state = _Training(corpus.take(), config)
    state.run(on_merges or (lambda _: None))
    made = slice(4, state.tokens)
    merges = np.stack([state.left_V[made], state.right_V[made]], 1).astype(np.int32)
    return BpeTraining(merges, state.seen_V[made].copy(), corpus.letters, corpus.pieces, state.count_tokens())


class _Training:
    """The state of one training."""

    def __init__(self, tags_L: UInt16[np.ndarray, " L"], config: BpeTrainConfig) -> None:
        self.tags_L = tags_L
        self.goal = 4 + config.merges
        self.max_length = 2**30 if config.max_token_length is None else config.max_token_length + 1
        self.least = max(1, config.min_frequency)
        self.length_V = np.ones(self.goal, np.int32)
        self.left_V, self.right_V = np.zeros(self.goal, np.int32), np.zeros(self.goal, np.int32)
        self.seen_V = np.zeros(self.goal, np.int64)
        self.tokens = 4

    def run(self, on_merges: Callable[[float], None]) -> None:
        """Lowers the threshold step by step until there are enough merges or no pair is left."""
        threshold = max(self.least, len(self.tags_L) // 64)
        while self.tokens < self.goal:
            reason = self._with_threshold(threshold, on_merges)
            if reason != FULL:
                if threshold == self.least:
                    return
                threshold = max(self.least, threshold // _FINER)

    def count_tokens(self) -> int:
        """Tokens in the text as it is now."""
        return int(count_pairs(self.tags_L, self.length_V, 0, np.zeros((1, self.tokens), np.int32)))

    def _with_threshold(self, threshold: int, on_merges: Callable[[float], None]) -> int:
        """Merges all pairs that are at least so frequent; returns why it ended."""
        keys, counts, tokens = self._frequent_pairs(threshold)
        followed = len(keys)
        room = followed + 16 * self.goal + 2**12
        key_S, count_S = np.zeros(room, np.uint32), np.zeros(room, np.int64)
        start_S, size_S = np.zeros(room, np.int64), np.zeros(room, np.int64)
        key_S[:followed], count_S[:followed], size_S[:followed] = keys, counts, counts
        start_S[:followed] = np.cumsum(counts) - counts
        size_H = 1 << (2 * room).bit_length()
        keys_H, slots_H = np.zeros(size_H, np.uint32), np.empty(size_H, np.int32)
        new_table(key_S, followed, keys_H, slots_H)
        places_E = np.empty(2 * tokens, np.int32)
        fill_places(self.tags_L, self.length_V, keys_H, slots_H, start_S[:followed].copy(), places_E)
        heap = np.zeros(room, np.uint64)
        heap_size = new_heap(key_S, count_S, followed, heap)
        used = np.array([self.tokens, followed, counts.sum(), heap_size], np.int64)
        reason = 0
        while self.tokens < self.goal and not reason:
            reason = merge_many(
                self.tags_L, self.length_V, self.left_V, self.right_V, self.seen_V, used,
                min(self.goal, self.tokens + _AT_A_TIME), self.max_length, threshold,
                keys_H, slots_H, key_S, count_S, start_S, size_S, places_E, heap,
            )  # fmt: skip
            self.tokens = int(used[0])
            on_merges(self.tokens - 4)
        return reason

    def _frequent_pairs(self, threshold: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Keys and counts of the pairs to follow, and the number of tokens in the text."""
        rows = max(1, min(self.tokens, _TABLE_CELLS // self.tokens))
        table = np.empty((rows, self.tokens), np.int32)
        keys, counts, tokens = [], [], 0
        lengths = self.length_V[: self.tokens]
        for first in range(0, self.tokens, rows):
            tokens = count_pairs(self.tags_L, self.length_V, first, table)
            left, right = np.nonzero(table >= threshold)
            both = lengths[np.minimum(left + first, self.tokens - 1)] + lengths[right]
            keep = (both < self.max_length) | (both == 2)  # pairs of letters are always allowed
            left, right = left[keep], right[keep]
            keys.append(((left + first) << 16 | right).astype(np.uint32))
            counts.append(table[left, right].astype(np.int64))
        return np.concatenate(keys), np.concatenate(counts), int(tokens)
