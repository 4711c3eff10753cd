"""Linear layers in integers: what the rounded network gives, the same bits in any batch, int8 in the file."""

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
from lexome.engine.int8_linear import linears_in_int8
from lexome.engine.onnx import OnnxEngine, export_graph
from lexome.engine.torch import TorchEngine
from lexome.models.registry import new_network

CONVS = [{"size": 4, "kernel": 5}, {"size": 24, "kernel": 9, "stride": 3}]
ENCODERS: dict[str, dict[str, Any]] = {
    "transformer": {
        "convs": CONVS, "attention": {"num_heads": 2, "window": [5, 6]}, "feed_forwards": [20, 28],
        "heads": [1, 2],
    },
    "sacall": {"convs": CONVS, "num_heads": 2, "feed_forwards": [{"hidden": 40}, {"hidden": 36}]},
    "bonito": {
        "convs": CONVS, "lstms": [{"size": 16, "reverse": True}],
        "linears": [{"size": 12}, {"size": 20, "bias": False}],
    },
}  # fmt: skip
CRF = {"state_len": 1}


def model_of(name: str) -> Checkpoint:
    torch.manual_seed(0)
    network = new_network({"name": name, "config": ENCODERS[name]}, {"name": "crf", "config": CRF})
    architecture, head = Component(name, ENCODERS[name]), Component("crf", CRF)
    return Checkpoint("basecall", architecture, head, {}, None, {"name": "m"}, weights_of(network))


def on_grids(model: Checkpoint, signal: np.ndarray, bits: int = 7, engine: str = "int8") -> Checkpoint:
    """All linear layers but that of the scores on grids; their inputs' ranges as seen, cut a little."""
    network = build_network(model)
    seen: dict[str, tuple[float, float]] = {}
    for name, module in network.encoder.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(
                lambda m, x, name=name: seen.update(
                    {f"encoder.{name}": (float(x[0].min()), float(x[0].max()))}
                )
            )
    with torch.no_grad():
        network(torch.from_numpy(signal))
    weights, layers = dict(model.weights), {}
    for name, (low, high) in seen.items():
        weight = weights[f"{name}.weight"]
        step = (np.abs(weight).max(1) / (2 ** (bits - 1) - 1)).astype(np.float32)
        weights[f"{name}.weight"] = np.rint(weight / step[:, None]).astype(np.float32) * step[:, None]
        weights[f"{name}.weight.{STEP}"] = step
        size = np.float32(0.9 * (max(high, 0) - min(low, 0)) / 255)
        zero = float(np.clip(np.rint(-0.9 * min(low, 0) / size), 0, 255))
        layers[name] = to_dict(QuantizedLayer(bits, 8, {"weight": list(weight.shape)}, float(size), zero))
    quantization = {"engine": engine, "ranges": "max", "layers": layers}
    return dataclasses.replace(model, weights=weights, quantization=quantization)


def signals(count: int, length: int = 300) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, 1, length)).astype(np.float32)


def products(model: Checkpoint) -> list[str]:
    graph = onnx.load_model_from_string(export_graph(model)).graph
    return [node.op_type for node in graph.node if node.op_type in ("MatMulIntegerToFloat", "QuantizeLinear")]


@pytest.mark.parametrize("name", list(ENCODERS))
def test_scores_are_those_of_the_rounded_network(name: str) -> None:
    base, signal = model_of(name), signals(3)
    model = on_grids(base, signal)
    found, simulated = OnnxEngine(model).scores(signal), TorchEngine(model).scores(signal)
    in_float = OnnxEngine(base).scores(signal)
    off, of_float = np.abs(found - simulated), np.abs(found - in_float)
    assert off.mean() < 0.1 * of_float.mean()  # a rounding the other way here and there
    assert of_float.mean() > 1e-3
    count = sum(isinstance(m, torch.nn.Linear) for m in build_network(base).encoder.modules())
    assert products(model).count("MatMulIntegerToFloat") == count
    assert products(on_grids(base, signal, bits=8)) == []  # of 8 bits some processors add up wrongly
    assert products(on_grids(base, signal, engine="float")) == []


def test_one_layer_is_the_sum_of_integers() -> None:
    """The last linear layer by hand from what comes in, in 64-bit integers."""
    signal = signals(2)
    model = on_grids(model_of("bonito"), signal)
    network, name = build_network(model), "encoder.linears.0"
    stated = read_quantization(model.quantization, "here").layer(name)
    given: dict[str, np.ndarray] = {}
    network.get_submodule(name).register_forward_hook(
        lambda m, x, y: given.update(x=x[0].numpy(), y=y.numpy())
    )
    with torch.no_grad():
        network(torch.from_numpy(signal))
    step_O = model.weights[f"{name}.weight.{STEP}"]
    q_OI = np.rint(model.weights[f"{name}.weight"] / step_O[:, None]).astype(np.int64)
    assert np.abs(q_OI).max() == 63
    x_NTI = np.rint(given["x"] / np.float32(stated.input_step)).astype(np.int64)
    expected = (x_NTI @ q_OI.T) * (step_O * np.float32(stated.input_step)) + model.weights[f"{name}.bias"]
    np.testing.assert_allclose(given["y"], expected, rtol=1e-5, atol=1e-5)  # what torch simulates
    graph = onnx.load_model_from_string(export_graph(model))
    node = next(node for node in graph.graph.node if f"{name}/constant/weight" in node.input)
    graph.graph.output.append(
        onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None)
    )
    import onnxruntime

    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    found = np.asarray(session.run([node.output[0]], {"signal": signal})[0])
    same = np.abs(found - expected) < 1e-4
    assert same.mean() > 0.97  # what comes out of the LSTM differs in the last bits: some roundings, too
    assert np.abs(found - expected).max() < 0.05


def test_the_same_bits_whatever_else_is_in_the_batch() -> None:
    signal = signals(5)
    engine = OnnxEngine(on_grids(model_of("transformer"), signal))
    together = engine.scores(signal)
    for n in range(5):
        np.testing.assert_array_equal(engine.scores(signal[n : n + 1])[0], together[n])
    loud = np.concatenate([signal[:2], 100 * signal[2:4]])
    np.testing.assert_array_equal(engine.scores(loud)[:2], together[:2])


def test_weights_are_bytes_in_the_graph() -> None:
    base, signal = model_of("sacall"), signals(2)
    model = on_grids(base, signal)
    graph = onnx.load_model_from_string(export_graph(model)).graph
    kinds = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    stored = {name: value for name, value in kinds.items() if name.endswith("/constant/weight")}
    assert len(stored) == 12  # queries, keys, values, out, two of the feed-forward block, of two layers
    numbers = 0
    for name, value in stored.items():
        assert value.dtype == np.int8
        assert np.abs(value.astype(int)).max() == 63
        assert value.T.shape == model.weights[f"{name.removesuffix('/constant/weight')}.weight"].shape
        numbers += value.size
    floats = onnx.load_model_from_string(export_graph(base)).graph.initializer
    whole = sum(onnx.numpy_helper.to_array(one).nbytes for one in floats)
    left = sum(value.nbytes for value in kinds.values())
    assert whole - left > 2.7 * numbers  # of 4 bytes a number 1 is left, and a step for each output


def test_a_graph_of_another_network_is_refused() -> None:
    signal = signals(2)
    model = on_grids(model_of("bonito"), signal)
    stated = read_quantization(model.quantization, "here")
    with pytest.raises(RuntimeError, match=r"no product for encoder\.linears\.0"):
        linears_in_int8(export_graph(model), model, stated, ["encoder.linears.0"])


def test_the_layer_of_the_scores_if_it_is_asked_for() -> None:
    signal = signals(2)
    model = on_grids(model_of("transformer"), signal)
    weight = model.weights["scorer.linear.weight"]
    step = (np.abs(weight).max(1) / 63).astype(np.float32)
    rounded = np.rint(weight / step[:, None]).astype(np.float32) * step[:, None]
    layer = to_dict(QuantizedLayer(7, 8, {"weight": list(weight.shape)}, 8 / 255, 128.0))
    quantization = {**(model.quantization or {})}
    quantization["layers"] = {**quantization["layers"], "scorer.linear": layer}
    weights = {**model.weights, "scorer.linear.weight": rounded, f"scorer.linear.weight.{STEP}": step}
    with_scores = dataclasses.replace(model, weights=weights, quantization=quantization)
    assert products(with_scores).count("MatMulIntegerToFloat") == 1 + len(model.quantization["layers"])  # type: ignore[index]
    found, simulated = (engine(with_scores).scores(signal) for engine in (OnnxEngine, TorchEngine))
    off = np.abs(found - simulated).mean()
    assert off < 0.1 * np.abs(found - OnnxEngine(model).scores(signal)).mean()
