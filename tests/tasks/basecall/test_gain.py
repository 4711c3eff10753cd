"""How much better one model is than another, on chunks whose labels are one model's own calls."""

import dataclasses
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import Checkpoint, load
from lexome.io.chunks import ChunkStore, LabelledChunk, read_store, write_store
from lexome.tasks.basecall.gain import Gain, gain_section, label_identities, measure_gain
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.model import open_model


@pytest.fixture(scope="module")
def models(small_model: Path) -> tuple[Checkpoint, Checkpoint]:
    """A model, and another one: the same with some weights changed."""
    base = load(small_model)
    rng = np.random.default_rng(0)
    weights = {n: (w + rng.normal(0, 0.05, w.shape)).astype(w.dtype) for n, w in base.weights.items()}
    return base, dataclasses.replace(base, weights=weights)


@pytest.fixture(scope="module")
def store(models: tuple[Checkpoint, Checkpoint], tmp_path_factory: pytest.TempPathFactory) -> ChunkStore:
    """Chunks of five reads, labelled with the second model's calls; a few for training lie in between."""
    model = open_model(models[1], device="cpu")
    rng = np.random.default_rng(2)
    signals = [rng.normal(size=1000).astype(np.float16) for _ in range(30)]
    called = model.engine.run(((i, s.astype(np.float32)) for i, s in enumerate(signals)), model.decoder)
    chunks = [
        LabelledChunk(signals[i], decoded.bases + 1, f"r{min(i % 7, 4)}", "g", 0, 1, 0 if i % 6 == 0 else 2)
        for i, decoded in called
    ]
    path = tmp_path_factory.mktemp("gain") / "store"
    write_store(path, chunks, {})
    return read_store(path)


def test_identities_are_those_of_the_calls(models, store: ChunkStore) -> None:
    rows = store.indices("test")
    assert (label_identities(models[1], store, rows) == 1.0).all()
    other = label_identities(models[0], store, rows)
    assert ((other > 0) & (other < 1)).all()
    np.testing.assert_array_equal(label_identities(models[0], store, rows[::-1]), other[::-1])


def test_the_gain_and_its_interval(models, store: ChunkStore) -> None:
    gain = measure_gain(*models, store)
    first = label_identities(models[0], store, store.indices("test"))
    assert (gain.chunks, gain.reads) == (25, 5)
    assert gain.tuned_identity == 1.0
    assert gain.base_identity == pytest.approx(first.mean())
    assert gain.gain == pytest.approx(1 - first.mean())
    assert gain.low is not None
    assert gain.high is not None
    assert gain.low < gain.gain < gain.high
    back = measure_gain(models[1], models[0], store)
    assert back.gain == pytest.approx(-gain.gain)
    same = measure_gain(models[0], models[0], store)
    assert (same.gain, same.low, same.high) == (0, 0, 0)
    # the chunks of one read go together: all draws of five reads, one by one
    names = store.source_N["read"][store.indices("test")]
    total, count = (
        np.array([f(1 - first[names == name]) for name in np.unique(names)]) for f in (np.sum, len)
    )
    assert len(set(count)) > 1
    draws = np.array(list(product(range(5), repeat=5)))
    means = total[draws].sum(axis=1) / count[draws].sum(axis=1)
    expected = np.percentile(means, [2.5, 97.5])
    np.testing.assert_allclose((gain.low, gain.high), expected, atol=0.1 * np.ptp(expected))


def test_the_gain_in_words() -> None:
    gain = Gain(0.85, 0.8742, 0.0242, 0.022, 0.0261, 10, 3)
    assert gain.text() == "+2.42 points (95% +2.20 to +2.61)"
    assert dataclasses.replace(gain, gain=-0.001, low=None, high=None).text() == "-0.10 points"


def test_the_card_of_a_small_test() -> None:
    gain = Gain(0.85, 0.86, 0.01, None, None, 3, 1)
    text = gain_section(gain, "m", ((Interval("g", 0, 5),), (Interval("g", 5, 9),)))
    assert "the chunks of g:5-9, which nothing was trained on or chosen by; g:0-5 chose" in text
    assert "Difference +1.00 points; 3 chunks of 1 reads" in text
