"""LSTMs in integers: what a slow transcription gives, the same bits in any batch, float32 for the rest."""

import dataclasses
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.packing import STEP, QuantizedLayer, read_quantization
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.config import to_dict
from lexome.engine.int8 import in_integers, lstms_in_int8
from lexome.engine.onnx import OnnxEngine, export_graph
from lexome.engine.torch import TorchEngine
from lexome.models.registry import new_network

LSTMS = ("encoder.lstms.0.rnn", "encoder.lstms.1.rnn")
# the first layer's input comes from a tanh of convolutions; its range is cut on purpose
GRIDS = {LSTMS[0]: (1.5 / 255, 85.0), LSTMS[1]: (2 / 255, 128.0)}


def on_grids(checkpoint: Checkpoint, bits: int = 7, engine: str = "int8", names: Any = LSTMS) -> Checkpoint:
    weights, layers = dict(checkpoint.weights), {}
    for name in names:
        shapes = {}
        for part in ("weight_ih_l0", "weight_hh_l0"):
            weight = weights[f"{name}.{part}"]
            step = (np.abs(weight).max(1) / (2 ** (bits - 1) - 1)).astype(np.float32)
            weights[f"{name}.{part}"] = np.rint(weight / step[:, None]).astype(np.float32) * step[:, None]
            weights[f"{name}.{part}.{STEP}"] = step
            shapes[part] = list(weight.shape)
        layers[name] = to_dict(QuantizedLayer(bits, 8, shapes, *GRIDS[name]))
    quantization = {"engine": engine, "ranges": "max", "layers": layers}
    return dataclasses.replace(checkpoint, weights=weights, quantization=quantization)


def signals(count: int, length: int = 300) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, 1, length)).astype(np.float32) * 2


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def rounded(x: np.ndarray, step: float, zero: float) -> np.ndarray:
    return (np.clip(np.rint(x / step) + zero, 0, 255) - zero) * step


def slow_lstm(x_TC: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    """One LSTM in double precision, its input and state rounded at every step to 8 bits."""
    into, state = (weights[f"{name}.weight_{part}_l0"].astype(float) for part in ("ih", "hh"))
    bias = weights[f"{name}.bias_ih_l0"].astype(float) + weights[f"{name}.bias_hh_l0"]
    h = c = np.zeros(state.shape[1])
    out = []
    for x in rounded(x_TC, *GRIDS[name]):
        i, f, g, o = np.split(into @ x + state @ rounded(h, 2 / 255, 128.0) + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out)


def slow_scores(checkpoint: Checkpoint, signal_NCS: np.ndarray) -> np.ndarray:
    """All of the network, its two LSTMs by `slow_lstm`; scores without stays."""
    network: Any = build_network(checkpoint)
    with torch.no_grad():
        x_NTC = network.encoder.convs(torch.from_numpy(signal_NCS)).transpose(1, 2).numpy()
    scores = []
    for x_TC in x_NTC:
        y_TC = slow_lstm(x_TC[::-1], checkpoint.weights, LSTMS[0])[::-1]
        y_TC = slow_lstm(y_TC, checkpoint.weights, LSTMS[1])
        network.scorer.expand_blanks = False
        with torch.no_grad():
            scores.append(network.scorer(torch.from_numpy(y_TC.astype(np.float32))[None])[0].numpy())
    return np.stack(scores)


@pytest.mark.parametrize("bits", [7, 3])
def test_scores_are_those_of_a_slow_transcription(checkpoint: Checkpoint, bits: int) -> None:
    model, signal = on_grids(checkpoint, bits), signals(3)
    found, expected = OnnxEngine(model).scores(signal), slow_scores(model, signal)
    off, of_float = np.abs(found - expected), np.abs(found - OnnxEngine(checkpoint).scores(signal))
    assert off.mean() < 2e-4  # a rounding the other way here and there
    assert of_float.mean() > 20 * off.mean()


@pytest.mark.parametrize("width", [128, 384, 768])
def test_the_widths_of_published_networks(width: int) -> None:
    convs = [{"size": 4, "kernel": 5}, {"size": width, "kernel": 9, "stride": 3, "activation": "tanh"}]
    config = {"convs": convs, "lstms": [{"size": width, "reverse": r} for r in (True, False)]}
    head = {"state_len": 1}
    torch.manual_seed(0)
    network = new_network({"name": "bonito", "config": config}, {"name": "crf", "config": head})
    parts = Component("bonito", config), Component("crf", head)
    base = Checkpoint("basecall", *parts, {}, None, {"name": "wide"}, weights_of(network))
    model, signal = on_grids(base), signals(1, 90)
    found, expected = OnnxEngine(model).scores(signal), slow_scores(model, signal)
    off, of_float = np.abs(found - expected), np.abs(found - OnnxEngine(base).scores(signal))
    assert of_float.mean() > 20 * off.mean()


def test_the_same_bits_whatever_else_is_in_the_batch(checkpoint: Checkpoint) -> None:
    engine, signal = OnnxEngine(on_grids(checkpoint)), signals(7)
    together = engine.scores(signal)
    loud = np.concatenate([signal[:2], 100 * signal[2:4]])
    for n in range(7):
        np.testing.assert_array_equal(engine.scores(signal[n : n + 1])[0], together[n])
    np.testing.assert_array_equal(engine.scores(loud)[:2], together[:2])


def test_torch_simulates_it_but_for_the_state(checkpoint: Checkpoint) -> None:
    model, signal = on_grids(checkpoint), signals(4)
    simulated, found = TorchEngine(model).scores(signal), OnnxEngine(model).scores(signal)
    in_float = OnnxEngine(
        dataclasses.replace(model, quantization={**(model.quantization or {}), "engine": "float"})
    )
    np.testing.assert_allclose(in_float.scores(signal), simulated, atol=0.02)
    assert np.abs(found - simulated).mean() < 0.02
    assert np.abs(found - simulated).max() > 0


def test_only_lstms_that_integers_can_do_are_changed(checkpoint: Checkpoint) -> None:
    def operators(model: Checkpoint) -> list[str]:
        graph = onnx.load_model_from_string(export_graph(model)).graph
        return [node.op_type for node in graph.node if "LSTM" in node.op_type]

    assert operators(on_grids(checkpoint)) == ["DynamicQuantizeLSTM"] * 2
    assert operators(on_grids(checkpoint, names=LSTMS[1:])) == ["LSTM", "DynamicQuantizeLSTM"]
    assert operators(on_grids(checkpoint, bits=8)) == ["LSTM"] * 2
    assert operators(on_grids(checkpoint, engine="float")) == ["LSTM"] * 2
    stated = read_quantization(on_grids(checkpoint).quantization, "here")
    assert in_integers(stated, LSTMS[0])
    assert not in_integers(stated, "scorer.linear")
    with pytest.raises(RuntimeError, match="other LSTMs than the network"):
        lstms_in_int8(export_graph(checkpoint), checkpoint, stated, [LSTMS[0]])


def test_integers_are_in_the_graph(checkpoint: Checkpoint) -> None:
    model = onnx.load_model_from_string(export_graph(on_grids(checkpoint)))
    kinds = {one.name: one for one in model.graph.initializer}
    for name in LSTMS:
        for what in ("into", "recurrent"):
            q = onnx.numpy_helper.to_array(kinds[f"{name}/constant/{what}"])
            assert q.dtype == np.int8
            assert np.abs(q.astype(int)).max() == 63  # two products of u8 and 63 fit into 16 bits
    assert len(export_graph(on_grids(checkpoint))) < 0.7 * len(export_graph(checkpoint))
