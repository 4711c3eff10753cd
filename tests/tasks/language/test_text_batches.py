"""Pairs as batches: what is shown, what is asked for, and that a source in front is not."""

import numpy as np
import pytest
import torch

from lexome.features.masking import NOT_ASKED
from lexome.models.registry import new_language_network
from lexome.tasks.language.text_batches import asked_scores, decoder_of, text_batch

SOURCES = [np.array([5, 6, 7, 1]), np.array([8, 1])]
ANSWERS = [np.array([9, 1]), np.array([10, 11, 1])]


def test_answers_are_asked_for_one_token_ahead() -> None:
    batch = text_batch(SOURCES, ANSWERS, start_id=3)
    assert batch.tokens_NT.tolist() == [[5, 6, 7, 1], [8, 1, 0, 0]]
    assert batch.visible_NT.tolist() == [[True] * 4, [True, True, False, False]]
    assert batch.written_NU.tolist() == [[3, 9, 0], [3, 10, 11]]
    assert batch.asked_NU.tolist() == [[9, 1, NOT_ASKED], [10, 11, 1]]


def test_sources_in_front_are_written_and_not_asked_for() -> None:
    batch = text_batch(SOURCES, ANSWERS, start_id=3, in_front=True)
    assert batch.written_NU.tolist() == [[3, 5, 6, 7, 1, 9], [3, 8, 1, 10, 11, 0]]
    n = NOT_ASKED
    assert batch.asked_NU.tolist() == [[n, n, n, n, 9, 1], [n, n, 10, 11, 1, n]]


def test_scores_are_those_of_the_tokens_asked_for() -> None:
    torch.manual_seed(0)
    shape = {"num_heads": 2, "head_size": 4, "hidden": 8, "vocab_size": 12, "dropout": 0.0}
    network = new_language_network(
        {"name": "enbed", "config": shape | {"size": 8, "num_layers": 1, "num_global": 2}},
        {"name": "text", "config": shape | {"num_layers": 1}},
    ).eval()
    batch = text_batch(SOURCES, ANSWERS)
    scores, asked = asked_scores(network, batch)
    assert asked.tolist() == [9, 1, 10, 11, 1]
    whole = network(batch.tokens_NT, batch.visible_NT, batch.written_NU)
    torch.testing.assert_close(scores, torch.cat([whole[0, :2], whole[1]]))
    assert decoder_of(network) is network.scorer
    masked = new_language_network(
        {"name": "enbed", "config": shape | {"size": 8, "num_layers": 0}},
        {"name": "masked_lm", "config": {"vocab_size": 12}},
    )
    with pytest.raises(ValueError, match="no decoder of text"):
        decoder_of(masked)
