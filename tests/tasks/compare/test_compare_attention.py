"""Attention of whole networks: the weights are those that made the output."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.nn.attention import SelfAttention
from lexome.nn.banded_attention import BandedSelfAttention
from lexome.tasks.compare.attention import Attends, attention_of, inputs_of
from lexome.tasks.compare.models import ComparedModel, items_of, open_models

QUICK = BootstrapConfig(resamples=20)
TRANSFORMER = {
    "convs": [{"size": 16, "kernel": 5, "stride": 10}],
    "attention": {"num_heads": 2, "window": [3, 4]},
    "feed_forwards": [16, 16],
    "upsample": 2,
}


@pytest.fixture
def transformer(basecaller: Callable[..., str], tiny_store: Path) -> ComparedModel:
    return open_models([basecaller(1, TRANSFORMER, "transformer")], tiny_store, 4)[0]


def modules_of(model: ComparedModel) -> dict[str, torch.nn.Module]:
    return {n: m for n, m in model.network.named_modules() if isinstance(m, Attends)}


def test_the_weights_make_the_output(
    two_correctors: tuple[ComparedModel, ComparedModel], transformer: ComparedModel
) -> None:
    for model in (two_correctors[0], transformer):
        modules = modules_of(model)
        items = next(items_of(model, "validation", 4))
        assert len(modules) == 2
        with inputs_of(modules) as inputs, torch.no_grad():
            outputs = model.task.outputs(model.network, items.batch, tuple(modules)).features
        for name, (x_NTD, *around) in inputs.items():
            layer = modules[name]
            assert isinstance(layer, BandedSelfAttention | SelfAttention)
            with torch.no_grad():
                weights_NHTT = layer.weights(x_NTD, *around)  # type: ignore[arg-type]
                values_NTD = x_NTD @ layer.qkv.weight.chunk(3)[2].T
                values_NHTE = values_NTD.unflatten(-1, (2, -1)).transpose(1, 2)
                made = layer.out((weights_NHTT @ values_NHTE).transpose(1, 2).flatten(2))
            torch.testing.assert_close(made, outputs[name], rtol=0, atol=1e-5)


def test_figures_of_a_corrector(two_correctors: tuple[ComparedModel, ComparedModel]) -> None:
    model = two_correctors[0]
    found = attention_of(model, "validation", bootstrap=QUICK)
    assert [layer.module for layer in found.layers] == list(modules_of(model))
    assert all(layer.offsets == tuple(range(-5, 6)) for layer in found.layers)
    (batch,) = model.task.batches("validation", batch_size=9999, seed=0, rank=0, world=1, skip=0)
    in_read_NT = (batch.rows_NRL[:, :8] != 0).any(dim=1) | (batch.ccs_NL != 0)
    apart_TT = (torch.arange(60) - torch.arange(60)[:, None]).abs()
    with inputs_of(modules_of(model)) as inputs, torch.no_grad():
        model.network(batch.rows_NRL)
        for layer in found.layers:
            x_NTD, visible_TT = inputs[layer.module]
            weights = modules_of(model)[layer.module].weights(x_NTD, visible_TT)  # type: ignore[operator]
            even_TT = visible_TT / visible_TT.sum(1, keepdim=True)
            for one, w in (*zip(layer.heads, weights.unbind(1), strict=True), (layer.even, even_TT)):
                distance_NT = (w * apart_TT).sum(-1).expand(in_read_NT.shape)[in_read_NT]
                assert one.distance == pytest.approx(distance_NT.mean().item(), abs=1e-4)
    assert found.layers[0].heads[0] != found.layers[0].heads[1]
    figures = found.to_json()
    assert (figures["unit"], figures["windows"], figures["reads"]) == ("columns", len(batch.lengths_N), 3)
    json.dumps(figures, allow_nan=False)


def test_figures_of_a_basecaller(transformer: ComparedModel) -> None:
    found = attention_of(transformer, "validation", bootstrap=QUICK)
    assert [layer.module for layer in found.layers] == [
        "encoder.layers.0.attention",
        "encoder.layers.1.attention",
    ]
    assert found.layers[0].offsets == tuple(range(-3, 5))
    # 20 steps, of which the first three and last four see less
    seen = [range(max(0, t - 3), min(20, t + 5)) for t in range(20)]
    by_hand = sum(sum(abs(s - t) for s in around) / len(around) for t, around in enumerate(seen)) / 20
    assert found.layers[0].even.distance == pytest.approx(by_hand, abs=1e-5)
    assert found.layers[0].even.edge == pytest.approx(2 / 8)
    assert found.to_json()["unit"] == "steps"


def test_many_positions_are_looked_at_in_parts(
    two_correctors: tuple[ComparedModel, ComparedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = attention_of(two_correctors[0], "validation", bootstrap=QUICK)
    monkeypatch.setattr("lexome.tasks.compare.attention.PAIRS_AT_ONCE", 3 * 60**2)
    parts = attention_of(two_correctors[0], "validation", bootstrap=QUICK)
    for layer, again in zip(whole.layers, parts.layers, strict=True):
        for head, same in zip(layer.heads, again.heads, strict=True):
            assert head.mass == pytest.approx(same.mass, abs=1e-6)
            assert head.distance == pytest.approx(same.distance, abs=1e-6)


def test_a_network_without_attention_is_refused(basecaller: Callable[..., str], tiny_store: Path) -> None:
    (model,) = open_models([basecaller(1)], tiny_store, 4)
    with pytest.raises(UsageError, match=r"has no attention \(bonito\)"):
        attention_of(model, "validation")
