"""Padding of ids."""

import numpy as np

from lexome.features.token_batches import padded


def test_ids_stand_first_and_padding_behind() -> None:
    tokens, visible = padded([np.array([5, 6, 7], np.int32), np.array([], np.int32), np.array([8])], 3)
    assert tokens.tolist() == [[5, 6, 7], [3, 3, 3], [8, 3, 3]]
    assert visible.tolist() == [[True] * 3, [False] * 3, [True, False, False]]


def test_nothing() -> None:
    tokens, visible = padded([], 3)
    assert tokens.shape == visible.shape == (0, 0)
