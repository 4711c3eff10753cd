"""Low rank: the best product of two matrices, equal outputs at full rank, what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.export_network import plain_network
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.compress.low_rank import factors, kept_energy, low_rank, matrices, ranks_of
from lexome.core.errors import UsageError
from lexome.engine.onnx import OnnxEngine
from lexome.models.costs import network_costs
from lexome.models.registry import new_network

CONVS = [{"size": 10, "kernel": 5, "stride": 5}]
LSTMS = [{"size": 12, "reverse": True}, {"size": 8, "reverse": False, "kind": "gru", "bias": False}]
BONITO = {
    "name": "bonito",
    "config": {"convs": CONVS, "lstms": LSTMS, "linears": [{"size": 9}, {"size": 7, "bias": False}]},
}
PLAIN = {"name": "bonito", "config": {"convs": CONVS, "lstms": LSTMS}}
DENSE = {
    "name": "dense_base_conv",
    "config": {"convs": CONVS, "blocks": [{"size": 10, "kernel": 3}], "lstms": LSTMS},
}
CRF = {"name": "crf", "config": {"state_len": 2}}


def model_of(architecture: dict[str, Any], head: dict[str, Any] = CRF) -> Checkpoint:
    torch.manual_seed(2)
    network = new_network(architecture, head)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.4)
    made = {"name": "small", "steps": 5}
    return Checkpoint(
        "basecall", Component(**architecture), Component(**head), {}, None, made, weights_of(network)
    )


def scores(model: Checkpoint) -> torch.Tensor:
    signal = torch.randn(3, 1, 200, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return build_network(model)(signal)


def test_the_product_is_the_best_of_its_rank() -> None:
    """Its error is what the values left out sum to, and no small change makes it better."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((7, 5))
    values = np.linalg.svd(weight, compute_uv=False)
    for rank in range(1, 6):
        up, down = factors(weight, rank)
        assert (up.shape, down.shape) == ((7, rank), (rank, 5))
        error = np.sum((weight - up @ down) ** 2)
        assert error == pytest.approx(np.sum(values[rank:] ** 2), abs=1e-12)
        assert kept_energy(weight)[rank - 1] == pytest.approx(1 - error / np.sum(weight**2))
        np.testing.assert_allclose(np.sum(up**2, axis=0), values[:rank])  # shared out evenly
        np.testing.assert_allclose(np.sum(down**2, axis=1), values[:rank])
        for _ in range(5):
            other = (up + 1e-3 * rng.standard_normal(up.shape)) @ down
            assert np.sum((weight - other) ** 2) >= error
    assert kept_energy(np.zeros((3, 2))).tolist() == [1, 1]


@pytest.mark.parametrize("architecture", [BONITO, PLAIN, DENSE], ids=["linears", "plain", "dense"])
def test_at_full_rank_nothing_changes(architecture: dict) -> None:
    model = model_of(architecture)
    known = matrices(model)
    made, layers = low_rank(model, {name: min(weight.shape) for name, weight in known.items()})
    assert [layer.layer for layer in layers] == list(known)
    assert all(layer.energy == pytest.approx(1) for layer in layers)
    expected = scores(model)
    assert float(expected.std()) > 0.1
    torch.testing.assert_close(scores(made), expected, rtol=0, atol=2e-5)
    assert made.provenance["low_rank"]["from"] == "small"
    assert made.provenance["steps"] == 5


def test_below_it_each_layer_computes_its_product() -> None:
    """The same as a network of full matrices that have the lower rank."""
    model = model_of(BONITO)
    ranks = {name: 2 for name in matrices(model)}
    assert list(ranks) == [
        "encoder.lstms.0", "encoder.lstms.1", "encoder.linears.0", "encoder.linears.1", "scorer.linear",
    ]  # fmt: skip
    made, layers = low_rank(model, ranks)
    full = dict(model.weights)
    for layer in layers:
        name = f"{layer.layer}.rnn.weight_ih_l0" if "lstms" in layer.layer else f"{layer.layer}.weight"
        up, down = factors(full[name], 2)
        full[name] = up @ down
        assert (layer.outputs, layer.inputs) == full[name].shape
    torch.testing.assert_close(scores(made), scores(replace(model, weights=full)), rtol=0, atol=2e-5)
    assert not torch.allclose(scores(made), scores(model), atol=1e-2)
    again = load_again(made)
    assert torch.equal(scores(again), scores(made))


def load_again(model: Checkpoint) -> Checkpoint:
    return replace(model, weights={name: np.array(weight) for name, weight in model.weights.items()})


def test_only_some_layers_can_be_chosen() -> None:
    model = model_of(BONITO)
    made, _ = low_rank(model, {"encoder.linears.1": 3})
    assert made.weights["encoder.linears.1.weight"].shape == (3, 9)
    assert made.weights["encoder.linears.2.weight"].shape == (7, 3)
    build_network(made)
    assert [one["size"] for one in made.architecture.config["linears"]] == [9, 3, 7]
    assert not any(layer["rank"] for layer in made.architecture.config["lstms"])


def test_layers_that_would_not_get_smaller_are_left() -> None:
    model = model_of(PLAIN)
    shapes = {name: weight.shape for name, weight in matrices(model).items()}
    for rank in range(1, 13):
        smaller = {
            n: rank for n, (rows, columns) in shapes.items() if rank * (rows + columns) < rows * columns
        }
        if smaller:
            assert ranks_of(model, rank=rank) == smaller
            made, _ = low_rank(model, smaller)
            before, after = (network_costs(build_network(one), 500) for one in (model, made))
            saved = sum(r * sum(shapes[n]) - shapes[n][0] * shapes[n][1] for n, r in smaller.items())
            assert after.parameters - before.parameters == saved < 0
            assert after.macs - before.macs == 100 * saved
        else:
            with pytest.raises(UsageError, match=f"no layer gets smaller by a rank of {rank}"):
                ranks_of(model, rank=rank)


def test_the_energy_is_the_least_that_is_kept() -> None:
    model = model_of(PLAIN)
    for energy in (0.3, 0.6, 0.8):
        for name, rank in ranks_of(model, energy=energy).items():
            kept = kept_energy(matrices(model)[name])
            assert kept[rank - 1] >= energy
            assert rank == 1 or kept[rank - 2] < energy
    with pytest.raises(UsageError, match="no layer gets smaller by keeping 1 of its squared weights"):
        ranks_of(model, energy=1.0)


def test_onnxruntime_runs_the_thin_layers(tmp_path: Path) -> None:
    made, _ = low_rank(model_of(PLAIN), {"encoder.lstms.0": 3, "encoder.lstms.1": 2, "scorer.linear": 4})
    engine = OnnxEngine(made, cache=tmp_path)
    signal = np.random.default_rng(0).standard_normal((2, 1, 200)).astype(np.float32)
    with torch.no_grad():
        network = build_network(made)
        network.scorer.expand_blanks = False  # type: ignore[union-attr]
        expected = network(torch.from_numpy(signal)).numpy()
    np.testing.assert_allclose(engine.scores(signal), expected, rtol=0, atol=1e-4)


def test_what_cannot_be_factorised_is_refused() -> None:
    model = model_of(PLAIN)
    with pytest.raises(UsageError, match="no layer 'encoder.lstms.7' to factorise; did you mean"):
        low_rank(model, {"encoder.lstms.7": 2})
    with pytest.raises(UsageError, match="layer encoder.lstms.0: its rank is from 1 to 10, not 11"):
        low_rank(model, {"encoder.lstms.0": 11})
    wrong: dict[str, Any]
    for wrong in ({}, {"rank": 2, "energy": 0.5}):
        with pytest.raises(UsageError, match="either a rank or an energy"):
            ranks_of(model, **wrong)
    for wrong in ({"rank": 0}, {"energy": 0.0}, {"energy": 1.5}, {"energy": float("nan")}):
        with pytest.raises(UsageError, match="a rank must be at least 1, an energy above 0"):
            ranks_of(model, **wrong)
    with pytest.raises(UsageError, match="quantised weights"):
        matrices(replace(model, quantization={"bits": 8}))
    with pytest.raises(UsageError, match="knows the layers of bonito, dense_base_conv, not of 'mamba'"):
        matrices(replace(model, architecture=Component("mamba", {})))
    made, _ = low_rank(model, {"encoder.lstms.0": 2})
    assert "encoder.lstms.0" not in matrices(made)
    with pytest.raises(UsageError, match="which does not have: recurrent layers of low rank"):
        plain_network(made, "bonito")


def test_a_bundled_model_at_a_high_rank_scores_nearly_the_same() -> None:
    model = load("r9.4.1_turbo")
    ranks = {name: 63 for name, weight in matrices(model).items() if min(weight.shape) == 64}
    assert len(ranks) == 6
    signal = torch.randn(1, 1, 1200, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, expected = (build_network(one)(signal) for one in (low_rank(model, ranks)[0], model))
    assert 0 < float((found - expected).abs().mean()) < 0.1 * float(expected.std())
