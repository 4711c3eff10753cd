"""Vectors of sequences, tokens or bases from a language model.

Padding and special tokens ([CLS], [SEP]) are in no mean: padding is not even computed. A window gives what
lies in its core (see `pieces.Piece`): overlaps are cut in the middle, nothing is counted twice.

Legend: T tokens, B bases, D features, R rows of a sequence.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Float32, Int

from lexome.core.errors import BadInputError, UsageError
from lexome.features.tokens_tokenizer import Encoded
from lexome.tasks.language.infer import BATCH_TOKENS, in_order, layer_number, token_features
from lexome.tasks.language.model import LanguageModel
from lexome.tasks.language.pieces import CutConfig, Piece

Pool = Literal["mean", "cls", "token", "base"]

_Of = TypeVar("_Of")


@dataclass(frozen=True)
class EmbedConfig:
    """What is embedded, and how.

    Attributes:
        pool: "mean": one vector, the mean over the tokens of the sequence; "cls": that of the token put
            before it (with windows the mean of theirs); "token": one per token; "base": one per base, the
            mean of the tokens that cover it.
        layer: from 0, the embedding; None is the last one, negative numbers count from it.
        cut: how sequences are cut.
        rc_average: the mean with the reverse complement; not for tokens, which are others there.
        batch_tokens: see `in_order`.
    """

    pool: Pool = "mean"
    layer: int | None = None
    cut: CutConfig = field(default_factory=CutConfig)
    rc_average: bool = False
    batch_tokens: int = BATCH_TOKENS

    def __post_init__(self) -> None:
        if self.rc_average and self.pool == "token":
            raise UsageError(
                "--rc-average has no meaning with --pool token: the other strand has other tokens; "
                "use --pool base"
            )


@dataclass(frozen=True, eq=False)
class Embedding:
    """Vectors of a sequence.

    Attributes:
        record: number of the sequence, from 0.
        name: of the sequence.
        vectors_RD: float32; one row, or one per token or base. With tokens or bases a long sequence comes in
            several parts, one after the other.
        spans_R2: bases that each row is of, start and end.
        is_last: no part of the sequence follows.
    """

    record: int
    name: str
    vectors_RD: Float32[np.ndarray, "R D"]
    spans_R2: Int[np.ndarray, "R 2"]
    is_last: bool


@dataclass(frozen=True, eq=False)
class _Part:
    """What a piece adds: rows, the bases of each, and how much they weigh in a mean."""

    rows_RD: Float32[np.ndarray, "R D"]
    spans_R2: Int[np.ndarray, "R 2"]
    weight: float = 1.0


def embed(model: LanguageModel, cut_pieces: Iterable[Piece], config: EmbedConfig) -> Iterator[Embedding]:
    """Yields the vectors of sequences in their order.

    Args:
        model: any language model; its head is not used.
        cut_pieces: of the sequences, with both strands for `rc_average`.
        config: what is asked for.

    Raises:
        UsageError: if the model has no such layer, or puts no token before sequences to take.
        BadInputError: if a base has no token.
    """
    layer = layer_number(model, config.layer)
    if config.pool == "cls" and not model.tokenizer.prefix:
        raise UsageError(f"--pool cls: the tokenizer of {model.name} puts no token before a sequence")

    def of_tokens(batch: list[Piece]) -> list[list[np.ndarray]]:
        features = iter(token_features(model, [ids for piece in batch for ids in piece.strands], layer))
        return [[next(features).cpu().numpy() for _ in piece.strands] for piece in batch]

    def pooled(batch: list[Piece]) -> list[_Part]:
        make = _mean if config.pool == "mean" else _cls
        return [make(*one) for one in zip(batch, of_tokens(batch), strict=True)]

    def stream(compute: Callable[[list[Piece]], list[_Of]]) -> Iterator[tuple[Piece, _Of]]:
        return in_order(cut_pieces, lambda piece: piece.num_tokens, compute, config.batch_tokens)

    if config.pool in ("token", "base"):
        spread = _tokens if config.pool == "token" else _bases
        for piece, features in stream(of_tokens):  # bases, which are more, are held for one piece only
            part = spread(piece, features)
            yield Embedding(piece.record, piece.name, part.rows_RD, part.spans_R2, piece.is_last)
        return
    parts: list[_Part] = []
    for piece, part in stream(pooled):
        parts.append(part)
        if piece.is_last:
            yield Embedding(piece.record, piece.name, *_joined(parts), True)
            parts = []


def _joined(parts: list[_Part]) -> tuple[np.ndarray, np.ndarray]:
    """The mean of a sequence's windows by their weights."""
    weights = np.array([part.weight for part in parts])
    rows = np.stack([part.rows_RD[0].astype(np.float64) for part in parts])
    mean_D = (weights[:, None] * rows).sum(axis=0) / weights.sum()
    span = np.array([[parts[0].spans_R2[0, 0], parts[-1].spans_R2[0, 1]]])
    return mean_D.astype(np.float32)[None], span


def _strands(piece: Piece) -> Iterator[tuple[Encoded, tuple[int, int]]]:
    """The tokens of every strand, and its core within the strand."""
    first, end = (edge - piece.start_bp for edge in piece.core_bp)
    yield piece.encoded, (first, end)
    if piece.reverse is not None:
        length = len(piece.sequence)
        yield piece.reverse, (length - end, length - first)


def _in_core(encoded: Encoded, core: tuple[int, int]) -> Int[np.ndarray, " T"]:
    """Numbers of the tokens of a piece that lie in its core with their middle; special ones do not."""
    start_T, end_T = encoded.offsets.T
    # doubled, so that it stays whole; that of special tokens, which cover nothing at 0, is in no core
    middle_T = start_T + end_T
    inside = (middle_T > 2 * core[0]) & (middle_T <= 2 * core[1])
    return np.flatnonzero(inside)


def _mean(piece: Piece, features: list[np.ndarray]) -> _Part:
    rows, weight = [], 0.0
    for x_TD, (encoded, core) in zip(features, _strands(piece), strict=True):
        kept = _in_core(encoded, core)
        if not len(kept):  # one token reaches over the whole core and beyond: then it is that one
            kept = _covering(encoded, core)
        rows.append(x_TD[kept].astype(np.float64).mean(axis=0))
        weight += len(kept) / len(features)
    mean_D = np.mean(rows, axis=0).astype(np.float32)
    return _Part(mean_D[None], np.array([piece.core_bp]), weight)


def _covering(encoded: Encoded, core: tuple[int, int]) -> Int[np.ndarray, " T"]:
    start_T, end_T = encoded.offsets.T
    return np.flatnonzero((start_T < core[1]) & (end_T > core[0]))


def _cls(piece: Piece, features: list[np.ndarray]) -> _Part:
    first_SD = np.stack([x_TD[0] for x_TD in features]).astype(np.float64)
    return _Part(first_SD.mean(axis=0, keepdims=True).astype(np.float32), np.array([piece.core_bp]))


def _tokens(piece: Piece, features: list[np.ndarray]) -> _Part:
    ((encoded, core),) = _strands(piece)
    kept = _in_core(encoded, core)
    return _Part(features[0][kept], encoded.offsets[kept] + piece.start_bp)


def _bases(piece: Piece, features: list[np.ndarray]) -> _Part:
    first, end = (edge - piece.start_bp for edge in piece.core_bp)
    length = len(piece.sequence)
    total_BD = np.zeros((end - first, features[0].shape[1]))
    for strand, (x_TD, (encoded, _)) in enumerate(zip(features, _strands(piece), strict=True)):
        of_strand_BD = base_vectors(x_TD, encoded, length, piece.name)
        total_BD += (of_strand_BD[::-1] if strand else of_strand_BD)[first:end]
    places = np.arange(*piece.core_bp)
    rows_BD = (total_BD / len(features)).astype(np.float32)
    return _Part(rows_BD, np.stack([places, places + 1], 1))


def base_vectors(x_TD: np.ndarray, encoded: Encoded, length: int, name: str) -> Float32[np.ndarray, "B D"]:
    """The mean of the tokens that cover each base.

    Raises:
        BadInputError: if no token covers a base.
    """
    covered_B = np.zeros(length, np.int64)
    sum_BD = np.zeros((length, x_TD.shape[1]), np.float32)
    for t, (start, end) in enumerate(encoded.offsets.tolist()):
        if end > start:
            sum_BD[start:end] += x_TD[t]
            covered_B[start:end] += 1
    if not covered_B.all():
        at = int(np.flatnonzero(covered_B == 0)[0]) + 1
        raise BadInputError(f"sequence '{name}': no token covers base {at}; is there a blank in it?")
    return sum_BD / covered_B[:, None].astype(np.float32)
