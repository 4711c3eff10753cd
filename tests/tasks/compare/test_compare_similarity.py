"""CKA of whole networks: what it must be, and what a plain forward pass gives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.core.errors import UsageError
from lexome.evaluate.cka import LinearCka
from lexome.nn.banded_attention import band_mask, sinusoids
from lexome.tasks.compare.models import ComparedModel, open_models
from lexome.tasks.compare.similarity import compare_layers


def test_it_is_the_cka_of_what_the_layers_give(
    two_correctors: tuple[ComparedModel, ComparedModel],
) -> None:
    found = compare_layers(*two_correctors, "validation")
    (batch,) = two_correctors[0].task.batches("validation", batch_size=9999, seed=0, rank=0, world=1, skip=0)
    in_read = (batch.rows_NRL[:, :8] != 0).any(dim=1) | (batch.ccs_NL != 0)
    features = []
    with torch.no_grad():
        for model in two_correctors:
            encoder = model.network.encoder
            x = encoder.embedding(batch.rows_NRL)
            of_model = [x]
            x = x + sinusoids(60, 16, x.device)
            for layer in encoder.layers:
                x = layer(x, band_mask(60, 5, x.device))
                of_model.append(x)
            of_model += [encoder.norm(x), model.network.scorer(encoder.norm(x))]
            features.append([values[in_read].double().numpy() for values in of_model])
    sums = LinearCka(5, 4)
    sums.add(*features)
    expected = sums.result()
    assert found.layers[1] == ("encoder.embedding", "encoder.layers.0", "encoder.norm", "scorer")
    assert found.features == ((16, 16, 16, 16, 5), (16, 16, 16, 5))
    assert found.items == len(batch.lengths_N)
    np.testing.assert_array_equal(found.cka.examples, expected.examples)
    np.testing.assert_allclose(found.cka.unbiased, expected.unbiased, atol=1e-6)
    np.testing.assert_allclose(found.cka.biased, expected.biased, atol=1e-6)
    assert found.cka.unbiased.min() < 0.8


def test_a_network_is_like_itself_and_less_like_its_beginning(
    corrector: Callable[..., str], window_stores: tuple[Path, Path]
) -> None:
    folder = corrector(1)
    first, second = open_models([folder, folder], window_stores[1], 40)
    found = compare_layers(first, second, "validation")
    np.testing.assert_allclose(np.diag(found.cka.unbiased), 1, atol=1e-9)
    np.testing.assert_allclose(found.cka.unbiased, found.cka.unbiased.T, atol=1e-9)
    assert (np.diag(found.untrained.unbiased) < 0.99).all()
    figures = found.to_json()
    assert figures["windows"] == 40
    assert (figures["model_a"]["name"], figures["model_b"]["name"]) == ("small #1", "small #2")
    assert figures["cka_untrained"] == found.untrained.unbiased.tolist()
    json.dumps(figures, allow_nan=False)


def test_layers_of_different_resolution_are_not_compared(
    basecaller: Callable[..., str], tiny_store: Path
) -> None:
    first, second = open_models([basecaller(1), basecaller(2)], tiny_store, 4)
    found = compare_layers(first, second, "validation")
    assert found.layers[0] == (
        "encoder.convs.0", "encoder.convs.1", "encoder.lstms.0", "encoder.lstms.1", "scorer",
    )  # fmt: skip
    assert found.cka.examples[0].tolist() == [800, 0, 0, 0, 0]
    assert found.cka.examples[2].tolist() == [0, 160, 160, 160, 160]
    figures = found.to_json()
    assert figures["cka"][0][1:] == [None] * 4
    assert all(isinstance(value, float) for value in figures["cka"][2][1:])
    json.dumps(figures, allow_nan=False)


def test_chosen_modules_in_the_order_in_which_they_run(
    two_correctors: tuple[ComparedModel, ComparedModel],
) -> None:
    taps = ["encoder.norm", "encoder.layers.*.attention.inner"]
    found = compare_layers(*two_correctors, "validation", taps=taps)
    inner = "encoder.layers.{}.attention.inner".format
    assert found.layers == ((inner(0), inner(1), "encoder.norm"), (inner(0), "encoder.norm"))
    assert found.cka.unbiased.shape == found.untrained.unbiased.shape == (3, 2)


def test_what_cannot_be_compared(
    two_correctors: tuple[ComparedModel, ComparedModel], basecaller: Callable[..., str], tiny_store: Path
) -> None:
    slower: dict[str, Any] = {
        "convs": [{"size": 4, "kernel": 5, "stride": 10}],
        "lstms": [{"size": 4, "reverse": True}],
    }
    first, second = open_models([basecaller(1), basecaller(2, slower)], tiny_store, 4)
    with pytest.raises(UsageError, match="step of 5 samples, .* of 10"):
        compare_layers(first, second, "validation")
    with pytest.raises(UsageError, match="encoder.layers does not run"):
        compare_layers(*two_correctors, "validation", taps=["encoder.layers"])
    with pytest.raises(UsageError, match="no window for test"):
        compare_layers(*two_correctors, "test")
