"""Sequences on their way into a language model: checked first, then whole or in windows, as ids.

Legend: T tokens.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int, Int32

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.features.tokens_tokenizer import Encoded, Tokenizer

MAX_TOKENS = 8192
WARN_UNKNOWN = 0.1  # of the tokens

# gives (name, sequence) of every record, from the first one each time it is called
Source = Callable[[], Iterator[tuple[str, str]]]

_BASE = re.compile("[ACGTacgt]")


@dataclass(frozen=True)
class CutConfig:
    """How long sequences become pieces that a model reads at once.

    Attributes:
        window_bp: cut sequences that are longer into windows of so many bases; None: leave them whole.
        overlap_bp: bases that a window shares with the one before it; the last window may share more, so that
            it is as long as the others.
        max_tokens: of a piece, special tokens too; memory grows with it.
        truncate: use the beginning of longer ones instead of refusing them.
    """

    window_bp: int | None = None
    overlap_bp: int = 0
    max_tokens: int = MAX_TOKENS
    truncate: bool = False

    def __post_init__(self) -> None:
        if self.window_bp is None and self.overlap_bp:
            raise UsageError("--overlap is for windows; give --window too")
        if self.window_bp is not None and not 0 <= self.overlap_bp < self.window_bp:
            raise UsageError(f"--overlap {self.overlap_bp} must be below --window {self.window_bp}")
        if self.window_bp is not None and self.truncate:
            raise UsageError("--window reads all of a sequence, --truncate its beginning; choose one")


@dataclass(frozen=True, eq=False)
class Piece:
    """A sequence, or a window of one.

    Attributes:
        record: number of the sequence, from 0.
        name: of the sequence.
        start_bp: where in the sequence it begins.
        sequence: its bases.
        core_bp: the part of the sequence that it stands for, start and end: windows that overlap share at the
            middle of their overlap, so that every base is in the core of one window.
        is_last: no piece of the sequence follows.
        encoded: its tokens.
        reverse: those of its reverse complement; None if that was not asked for.
    """

    record: int
    name: str
    start_bp: int
    sequence: str
    core_bp: tuple[int, int]
    is_last: bool
    encoded: Encoded
    reverse: Encoded | None = None

    @property
    def end_bp(self) -> int:
        """Where in the sequence it ends."""
        return self.start_bp + len(self.sequence)

    @property
    def strands(self) -> list[Int32[np.ndarray, " T"]]:
        """The ids of both strands, or of the one that is read."""
        return [one.ids for one in (self.encoded, self.reverse) if one is not None]

    @property
    def num_tokens(self) -> int:
        """Tokens to compute, of all strands."""
        return sum(map(len, self.strands))

    @property
    def has_base(self) -> bool:
        """Whether it holds any A, C, G or T."""
        return _BASE.search(self.sequence) is not None


@dataclass
class Tally:
    """What was seen on the way.

    Attributes:
        tokens: without special ones, of the strand that was given.
        unknown: of these, [UNK].
        bases: of the cores.
        left_out: windows without any base, where these are left out.
    """

    tokens: int = 0
    unknown: int = 0
    bases: int = 0
    left_out: int = 0

    def add(self, piece: Piece, tokenizer: Tokenizer) -> None:
        """Counts a piece."""
        self.add_ids(piece.encoded.ids, tokenizer)
        self.bases += piece.core_bp[1] - piece.core_bp[0]

    def add_ids(self, ids: Int[np.ndarray, " T"], tokenizer: Tokenizer) -> None:
        """Counts tokens."""
        self.tokens += len(ids) - len(tokenizer.prefix) - len(tokenizer.suffix)
        self.unknown += int((ids == tokenizer.special_ids.get("unk", -1)).sum())

    def warnings(self) -> list[str]:
        """What the user should know, one sentence each."""
        said = []
        if self.unknown > WARN_UNKNOWN * self.tokens:
            said.append(
                f"{self.unknown / self.tokens:.0%} of the tokens are unknown to the tokenizer: N, other "
                "IUPAC codes, or no DNA"
            )
        if self.left_out:
            said.append(f"{self.left_out} windows without any A, C, G or T are left out")
        return said


@dataclass(frozen=True)
class Survey:
    """What the input holds.

    Attributes:
        records: sequences.
        bases: of all.
        truncated: sequences of which only the beginning is used.
        names: how often each name is there.
    """

    records: int
    bases: int
    truncated: int
    names: dict[str, int] = field(repr=False)

    @property
    def repeated(self) -> list[str]:
        """Names that are there more than once."""
        return [name for name, count in self.names.items() if count > 1]


def survey(source: Source, where: str, tokenizer: Tokenizer, cut: CutConfig) -> Survey:
    """Looks through the input before anything is computed.

    Args:
        source: the sequences.
        where: the input in words, for an error.
        tokenizer: the model's.
        cut: how they are cut.

    Raises:
        BadInputError: if there is none, one is empty or holds no base, or some are too long; all of these are
            counted.
    """
    records = bases = too_long = 0
    names: dict[str, int] = {}
    longest: tuple[int, str] = (0, "")
    for name, sequence in source():
        records += 1
        bases += len(sequence)
        names[name] = names.get(name, 0) + 1
        check_sequence(name, sequence, where)
        most = max(
            (_tokens(sequence[start:end], tokenizer, cut) for start, end in _windows(len(sequence), cut)),
            default=0,
        )
        too_long += most > cut.max_tokens
        longest = max(longest, (most, name))
    if not records:
        raise BadInputError(f"{where}: holds no sequence")
    if too_long and not cut.truncate:
        if cut.window_bp is not None:
            raise UsageError(
                f"--window {cut.window_bp} gives up to {longest[0]} tokens, more than --max-tokens "
                f"{cut.max_tokens}; choose a smaller window"
            )
        raise BadInputError(
            f"{where}: {too_long} of {records} sequences have more than {cut.max_tokens} tokens (most: "
            f"'{longest[1]}', {longest[0]}); cut them with --window BP, use only their beginnings with "
            "--truncate, or raise --max-tokens"
        )
    return Survey(records, bases, too_long, names)


def check_sequence(name: str, sequence: str, where: str) -> None:
    """Raises BadInputError if a sequence is empty or holds no base."""
    if not sequence:
        raise BadInputError(f"{where}: the sequence '{name}' is empty")
    if not _BASE.search(sequence):
        raise BadInputError(f"{where}: the sequence '{name}' holds no A, C, G or T at all")


def pieces(
    source: Source, tokenizer: Tokenizer, cut: CutConfig, *, both_strands: bool = False
) -> Iterator[Piece]:
    """Yields the pieces of all sequences in their order, one sequence in memory at a time.

    Args:
        source: the sequences, surveyed before.
        tokenizer: the model's.
        cut: how they are cut.
        both_strands: encode the reverse complement of every piece too.
    """
    for record, (name, sequence) in enumerate(source()):
        if cut.truncate:
            sequence = truncated(sequence, tokenizer, cut.max_tokens)
        spans = list(_windows(len(sequence), cut))
        edges = [0, *((a_end + b) // 2 for (_, a_end), (b, _) in zip(spans, spans[1:], strict=False))]
        edges.append(len(sequence))
        for i, (start, end) in enumerate(spans):
            bases = sequence[start:end]
            reverse = reverse_complement(bases) if both_strands else None
            yield Piece(
                record,
                name,
                start,
                bases,
                (edges[i], edges[i + 1]),
                i == len(spans) - 1,
                tokenizer.encode_with_offsets(bases),
                None if reverse is None else tokenizer.encode_with_offsets(reverse),
            )


def counted(cut: Iterable[Piece], tally: Tally, tokenizer: Tokenizer) -> Iterator[Piece]:
    """The pieces as they are, counted on their way."""
    for piece in cut:
        tally.add(piece, tokenizer)
        yield piece


def truncated(sequence: str, tokenizer: Tokenizer, max_tokens: int) -> str:
    """The beginning of a sequence: as much as `max_tokens` tokens cover, special ones counted.

    Raises:
        UsageError: if not even one token fits.
    """
    room = max_tokens - len(tokenizer.prefix) - len(tokenizer.suffix)
    if room < 1:
        raise UsageError(f"--max-tokens {max_tokens} leaves no room for a token of sequence")
    while len(sequence) > room:
        encoded = tokenizer.encode_with_offsets(sequence, special=False)
        if len(encoded.ids) <= room:
            break
        sequence = sequence[: int(encoded.offsets[room - 1, 1])]
    return sequence


def _windows(length_bp: int, cut: CutConfig) -> Iterator[tuple[int, int]]:
    """Starts and ends of the windows of a sequence; the last one ends where the sequence does."""
    if cut.window_bp is None or length_bp <= cut.window_bp:
        yield 0, length_bp
        return
    step = cut.window_bp - cut.overlap_bp
    for start in range(0, length_bp - cut.window_bp, step):
        yield start, start + cut.window_bp
    yield length_bp - cut.window_bp, length_bp


def _tokens(bases: str, tokenizer: Tokenizer, cut: CutConfig) -> int:
    """Tokens of a piece; an upper bound where that is within the limit: a token covers one base or more."""
    around = len(tokenizer.prefix) + len(tokenizer.suffix)
    if len(bases) + around <= cut.max_tokens:
        return len(bases) + around
    return len(tokenizer.encode(bases))
