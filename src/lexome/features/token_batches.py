"""Batches of token ids of several lengths. Legend: N sequences, T tokens of the longest."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int, Int64


def padded(
    ids: Sequence[Int[np.ndarray, " _"]], pad_id: int
) -> tuple[Int64[np.ndarray, "N T"], Bool[np.ndarray, "N T"]]:
    """A batch of ids.

    Args:
        ids: of each sequence.
        pad_id: fills what is behind a shorter sequence.

    Returns:
        The tokens, and where they are no padding.
    """
    lengths_N = np.array([len(one) for one in ids], np.int64)
    visible_NT = np.arange(lengths_N.max(initial=0)) < lengths_N[:, None]
    tokens_NT = np.full(visible_NT.shape, pad_id, np.int64)
    if len(ids):
        tokens_NT[visible_NT] = np.concatenate(list(ids))
    return tokens_NT, visible_NT
