"""Attention maps of tokens, against those of the encoder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.core.errors import UsageError
from lexome.simulate.genome import random_genome
from lexome.tasks.language.attention_maps import attention_json, attention_of_sequence
from lexome.tasks.language.model import LanguageModel, open_language_model

SEQUENCE = random_genome(37, 2)


@pytest.fixture(scope="module")
def model(random_language_model: Callable[..., Path]) -> LanguageModel:
    return open_language_model(random_language_model("3mer-nonoverlapping", layers=3), device="cpu")


def expected_maps(model: LanguageModel) -> np.ndarray:
    ids = torch.from_numpy(model.tokenizer.encode(SEQUENCE).astype(np.int64))[None]
    with torch.no_grad():
        return np.stack([m[0].numpy() for m in model.network.encoder.attention_maps(ids)])  # type: ignore[operator]


def test_layers_heads_and_means(model: LanguageModel) -> None:
    maps_LHTT = expected_maps(model)
    for layers, heads, expected in (
        ((), (), [maps_LHTT.mean((0, 1))]),
        ((), (2,), [maps_LHTT.mean(0)[1]]),
        ((-1, 1), (), [maps_LHTT[0].mean(0), maps_LHTT[2].mean(0)]),
        ((2,), (4, 1), [maps_LHTT[1, 0], maps_LHTT[1, 3]]),
    ):
        found = attention_of_sequence(model, "s", SEQUENCE, layers, heads)
        assert len(found.maps) == len(expected)
        for one, weights in zip(found.maps, expected, strict=True):
            np.testing.assert_allclose(one.weights_TT, weights, atol=1e-6)
    assert [(m.layer, m.head) for m in attention_of_sequence(model, "s", SEQUENCE, (-1,), (-2,)).maps] == [
        (3, 3)
    ]


def test_tokens_and_figures(model: LanguageModel) -> None:
    figures = attention_json(model, [attention_of_sequence(model, "s", SEQUENCE, (1,), (1,))])
    (one,) = figures["sequences"]
    assert one["tokens"][0] == "[CLS]"
    assert "".join(one["tokens"][1:-1]) == SEQUENCE
    for token, start, end in zip(one["tokens"][1:-1], one["starts"][1:-1], one["ends"][1:-1], strict=True):
        assert SEQUENCE[start:end] == token
    weights = expected_maps(model)[0, 0]
    steps = np.arange(len(weights))
    distance = (weights * np.abs(steps[:, None] - steps)).sum(1).mean()
    head = one["heads"][0]
    assert head["distance_tokens"] == pytest.approx(distance, rel=1e-5)
    assert head["entropy_nats"] == pytest.approx(-(weights * np.log(weights)).sum(1).mean(), rel=1e-5)
    assert len(one["heads"]) == 3 * 4


def test_what_is_not_there(model: LanguageModel) -> None:
    for layers, heads, words in (((4,), (), "--layer 4: there are 1 to 3"), ((), (0,), "--head 0")):
        with pytest.raises(UsageError, match=words):
            attention_of_sequence(model, "s", SEQUENCE, layers, heads)
    with pytest.raises(UsageError, match="'s' has 15 tokens.*at most 14"):
        attention_of_sequence(model, "s", SEQUENCE, max_tokens=14)
