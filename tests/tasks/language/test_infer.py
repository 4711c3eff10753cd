"""Running a model over a stream: order, batches that do not matter, layers, masked tokens."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.errors import UsageError
from lexome.simulate.genome import random_genome
from lexome.tasks.language.infer import (
    LOOK_AHEAD,
    check_masked_model,
    in_order,
    layer_number,
    masked_log_probabilities,
    predictions,
    target_of_model,
    token_features,
)
from lexome.tasks.language.model import LanguageModel, open_language_model
from lexome.tasks.language.targets import Target

Make = Callable[..., Path]
SEQUENCES = [random_genome(length, length) for length in (40, 7, 90, 40, 1, 200, 8)]


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(1, 40))
def test_order_and_batches(sizes: list[int], budget: int) -> None:
    batches: list[list[int]] = []
    pulled = 0

    def items() -> Iterator[tuple[int, int]]:
        nonlocal pulled
        for number, size in enumerate(sizes):
            pulled += size
            yield number, size

    def compute(batch: list[tuple[int, int]]) -> list[int]:
        batches.append([size for _, size in batch])
        return [number * 10 for number, _ in batch]

    done = 0
    for place, ((number, size), result) in enumerate(in_order(items(), lambda i: i[1], compute, budget)):
        assert (number, result) == (place, place * 10)
        assert pulled - done <= LOOK_AHEAD * budget + 30
        done += size
    assert sorted(s for batch in batches for s in batch) == sorted(sizes)
    assert all(sum(batch) <= budget or len(batch) == 1 for batch in batches)


def test_those_of_one_length_are_put_together() -> None:
    batches: list[list[int]] = []

    def compute(batch: list[int]) -> list[int]:
        batches.append(batch)
        return batch

    assert [result for _, result in in_order([1, 9, 1, 9], lambda i: i, compute, 10)] == [1, 9, 1, 9]
    assert batches == [[1, 1], [9], [9]]


@pytest.fixture(scope="module")
def masked(random_language_model: Make) -> LanguageModel:
    return open_language_model(random_language_model("nucleotide"), device="cpu")


@pytest.fixture(scope="module")
def classifier(random_language_model: Make) -> LanguageModel:
    target = Target("classes", ("a", "b", "c"))
    return open_language_model(random_language_model("nucleotide", target), device="cpu")


def test_batches_change_nothing(classifier: LanguageModel) -> None:
    ids = classifier.encode(SEQUENCES)
    together = predictions(classifier, ids)
    alone = np.concatenate([predictions(classifier, [one]) for one in ids])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.abs(together - together[0]).max() > 0.01  # they do depend on the sequence
    np.testing.assert_allclose(together.sum(1), 1)


def test_features_of_every_layer_are_those_of_the_network(masked: LanguageModel) -> None:
    ids = masked.encode(SEQUENCES)
    with torch.no_grad():
        expected = masked.network.tokens(*masked.padded(ids))
    for layer in (None, -1, 2):
        for row, found in zip(expected, token_features(masked, ids, layer), strict=True):
            torch.testing.assert_close(found, row[: len(found)], atol=1e-5, rtol=1e-5)
    embedded = token_features(masked, ids, 0)
    table = token_features(masked, [np.arange(9)], -3)[0]
    for found, one in zip(embedded, ids, strict=True):
        torch.testing.assert_close(found, table[torch.from_numpy(one).long()])
    middle, last = token_features(masked, ids, 1)[2], token_features(masked, ids)[2]
    assert not torch.allclose(middle, last, atol=0.1)
    for wrong in (3, -4):
        with pytest.raises(UsageError, match=r"0 \(embedding\) to 2"):
            layer_number(masked, wrong)


def test_masked_tokens_have_the_probability_that_the_network_gives(masked: LanguageModel) -> None:
    ids = masked.encode(SEQUENCES[:3])
    mask_id = masked.tokenizer.special_ids["mask"]
    places = [np.array([3, 4]), np.array([1]), np.array([60, 2, 7])]
    truths = [one[at] for one, at in zip(ids, places, strict=True)]
    for one, at in zip(ids, places, strict=True):
        one[at] = mask_id
    found = masked_log_probabilities(masked, ids, places, truths)
    for one, at, truth, log_p in zip(ids, places, truths, found, strict=True):
        with torch.no_grad():
            scores = masked.network(torch.from_numpy(one.astype(np.int64))[None])[0].log_softmax(-1)
        np.testing.assert_allclose(log_p, scores.numpy()[at, truth], atol=1e-5)


def test_models_for_something_else_are_refused(masked: LanguageModel, classifier: LanguageModel) -> None:
    check_masked_model(masked)
    with pytest.raises(UsageError, match="predicts classes; tokens are scored by masked"):
        check_masked_model(classifier)
    assert target_of_model(classifier).names == ("a", "b", "c")
    with pytest.raises(UsageError, match="fine-tune it first"):
        target_of_model(masked)
