"""Spans of tokens taken out of a text, each replaced by a sentinel; the answer says what they were.

    text:    A C G T A C G T A C <end>
    input:   A C <0> A C G <1> C <end>
    answer:  <0> G T <1> T A <end>

Legend: L tokens of a text, S spans.

Source: T5 (Raffel 2020; `random_spans_noise_mask`), as ByT5 (Xue 2022) and ENBED use it, with a mean span of
20. A text begins with what is kept and ends with what is hidden. Differs: special tokens of the text are
never hidden nor inside a span; a text that calls for more spans than there are sentinels has fewer, longer
ones; and the sentinels are the 125 of the layout, in one of two orders. The authors of ByT5 have a vocabulary
of 259 instead and count down from 258: for them high bytes are sentinels, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

Order = Literal["ascending", "descending"]


@dataclass(frozen=True)
class SpanConfig:
    """What is hidden, and how it is named.

    Attributes:
        share: of the tokens that are hidden, rounded to whole tokens, one at least.
        mean_span: tokens of a span on average.
        sentinels: the first span's is that with the lowest id ("ascending": 259, 260, ... of the layout of
            bytes) or the highest ("descending": 383, 382, ...).
        too_few_sentinels: "merge": as many spans as there are sentinels, so much longer that the same number
            of tokens is hidden; "error": such a text is refused.
    """

    share: float = 0.15
    mean_span: float = 20.0
    sentinels: Order = "ascending"
    too_few_sentinels: Literal["merge", "error"] = "merge"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError("share must lie between 0 and 1")
        if not 1 <= self.mean_span < float("inf"):
            raise ValueError("mean_span must be at least 1")

    def counts(self, length: int) -> tuple[int, int]:
        """How many tokens are hidden, and in how many spans, of a text of `length` tokens, two or more."""
        hidden = min(max(round(length * self.share), 1), length - 1)
        spans = max(round(hidden / self.mean_span), 1)
        return hidden, min(spans, hidden, length - hidden)


def corrupted(
    ids_L: Int[np.ndarray, " L"],
    config: SpanConfig,
    sentinel_ids: Sequence[int],
    special_ids: Sequence[int],
    end_id: int,
    rng: np.random.Generator,
) -> tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]:
    """Hides spans of a text.

    Args:
        ids_L: the text, with special tokens or without.
        config: how much, and how.
        sentinel_ids: ids of the sentinels, ascending.
        special_ids: of tokens that are never hidden.
        end_id: closes the answer.
        rng: draws.

    Returns:
        What is shown, and the answer: each sentinel with the span that it stands for, then the end.

    Raises:
        ValueError: if the text has fewer than two tokens that may be hidden, or the sentinels run out.
    """
    is_hidden_L = hidden_spans(ids_L, config, len(sentinel_ids), special_ids, rng)
    order = list(sentinel_ids) if config.sentinels == "ascending" else list(sentinel_ids)[::-1]
    begins_L = is_hidden_L & ~np.concatenate([[False], is_hidden_L[:-1]])
    of_span = np.array(order[: int(begins_L.sum())], np.int64)
    shown = ids_L.astype(np.int64)
    shown[begins_L] = of_span
    shown = shown[~is_hidden_L | begins_L]
    # behind each other: (sentinel, token) for the first token of a span, else the token alone
    firsts = np.flatnonzero(begins_L[is_hidden_L])
    answer = np.insert(ids_L[is_hidden_L].astype(np.int64), firsts, of_span)
    return shown, np.append(answer, end_id)


def hidden_spans(
    ids_L: Int[np.ndarray, " L"],
    config: SpanConfig,
    num_sentinels: int,
    special_ids: Sequence[int],
    rng: np.random.Generator,
) -> Bool[np.ndarray, " L"]:
    """Which tokens of a text are hidden, in at most `num_sentinels` spans.

    Special tokens do not count: spans are drawn as if they were not there, and one that such a token would
    lie in becomes two.

    Raises:
        ValueError: as `corrupted`.
    """
    ordinary = np.flatnonzero(~np.isin(ids_L, special_ids))
    if len(ordinary) < 2:
        raise ValueError(f"of a text of {len(ordinary)} tokens none can be hidden; two at least are needed")
    breaks = int((np.diff(ordinary) > 1).sum())  # each may divide a span
    hidden, spans = config.counts(len(ordinary))
    room = num_sentinels - breaks
    if room < 1 or (spans > room and config.too_few_sentinels == "error"):
        raise ValueError(
            f"{len(ordinary)} tokens call for {spans} spans, and special tokens divide them at {breaks} "
            f"places; there are {num_sentinels} sentinels: take shorter texts, longer spans, or "
            "too_few_sentinels = 'merge'"
        )
    spans = min(spans, room)
    kept_S = _pieces(len(ordinary) - hidden, spans, rng)
    hidden_S = _pieces(hidden, spans, rng)
    lengths = np.stack([kept_S, hidden_S], 1).ravel()  # kept, hidden, kept, hidden, ...
    is_hidden_L = np.zeros(len(ids_L), bool)
    is_hidden_L[ordinary] = np.repeat(np.arange(2 * spans) % 2 == 1, lengths)
    return is_hidden_L


def _pieces(total: int, count: int, rng: np.random.Generator) -> Int[np.ndarray, " S"]:
    """`count` lengths of one or more that add up to `total`, every way to divide it with the same chance."""
    cuts = np.sort(rng.choice(total - 1, count - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [total]]))
