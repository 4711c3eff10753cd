"""Layers along a stretch of a read."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.core.errors import UsageError
from lexome.decode.heads import find_head
from lexome.tasks.compare.layer_outputs import StretchConfig, layer_outputs
from lexome.tasks.compare.signal_network import ReadSignal, SignalNetwork, open_signal_network


@pytest.fixture(scope="module")
def model(small_model: Path) -> SignalNetwork:
    return open_signal_network(str(small_model))


def read(length: int = 6000, seed: int = 0, name: str = "a") -> ReadSignal:
    levels = np.random.default_rng(seed).standard_normal(length // 10 + 1).astype(np.float32)
    return ReadSignal(name, np.repeat(levels, 10)[:length], 50)


def test_layers_are_projected_where_they_stand(model: SignalNetwork) -> None:
    """The scores of the stretch, reduced by hand, from a run over the same samples."""
    one = read()
    found = layer_outputs(model, iter([one]), StretchConfig(start=3003, samples=100, components=2))
    scorer = found.layers[-1]
    # 2000 samples of context: from 1003 on, 4100 of them; the stretch begins with step 400
    with torch.no_grad():
        scores_TK = model.network(torch.from_numpy(one.signal[1003:5103])[None, None])[0].numpy()
    fitted = []
    for first in range(50, 6000, 1000):
        piece = one.signal[first : first + 1000]
        with torch.no_grad():
            fitted.append(model.network(torch.from_numpy(piece)[None, None])[0].double().numpy())
    everything = np.concatenate(fitted)
    centred = everything - everything.mean(axis=0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    expected = (scores_TK[400:420] - everything.mean(axis=0)) @ axes[:2].T
    assert (scorer.samples_per_position, scorer.first_sample, scorer.values_TC.shape) == (5, 3003, (20, 2))
    np.testing.assert_allclose(np.abs(scorer.values_TC), np.abs(expected), atol=1e-4)
    np.testing.assert_allclose(scorer.explained, (singular**2)[:2] / (singular**2).sum(), rtol=1e-5)
    assert found.layers[0].values_TC.shape == (100, 2)  # the first convolution has a step per sample
    assert found.fitted_samples == 5950
    head = model.checkpoint.head
    decoded = find_head(head.name).decoder(head.config)(scores_TK)
    at = 1003 + 5 * np.flatnonzero(decoded.moves)
    inside = (at >= 3003) & (at < 3103)
    expected_bases = ["ACGT"[code] for code in decoded.bases[inside]]
    assert [base for base, _ in found.bases] == expected_bases
    assert [sample for _, sample in found.bases] == at[inside].tolist()
    assert len(expected_bases) > 3


def test_where_and_on_what(model: SignalNetwork) -> None:
    reads = [read(seed=n, name=f"r{n}") for n in range(4)]
    config = StretchConfig(samples=60, fit_reads=3, fit_samples=1000)
    found = layer_outputs(model, iter(reads), config, read_id="r2")
    assert (found.read.read_id, found.start, found.fitted_reads, found.fitted_samples) == ("r2", 50, 3, 3000)
    figures = json.loads(json.dumps(found.to_json()))
    assert len(figures["signal"]) == 60
    assert [layer["name"] for layer in figures["layers"]][-1] == "scorer"
    assert len(figures["layers"][0]["components"]) == 3


def test_the_end_of_a_read_can_be_looked_at(model: SignalNetwork) -> None:
    """The last step is cut off by the end; what is run begins a little earlier then."""
    found = layer_outputs(model, iter([read(3013)]), StretchConfig(start=2953, samples=60))
    for layer in found.layers:
        last = layer.first_sample + len(layer.values_TC) * layer.samples_per_position
        assert last >= 3013
    with pytest.raises(UsageError, match="reach beyond its end"):
        layer_outputs(model, iter([read(3013)]), StretchConfig(start=2954, samples=60))


def test_reads_that_are_not_there(model: SignalNetwork) -> None:
    with pytest.raises(UsageError, match="no read 'b' in these files"):
        layer_outputs(model, iter([read()]), read_id="b")
    with pytest.raises(UsageError, match="no read that can be used"):
        layer_outputs(model, iter([]))
    with pytest.raises(ValueError, match="1 to 4 components"):
        StretchConfig(components=5)
