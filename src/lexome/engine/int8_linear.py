"""Linear layers of an exported graph in integers of 8 bits: those of transformers, for the most part.

The input is rounded to its calibrated grid, so that a chunk's scores do not depend on what else is in the
batch (onnxruntime's DynamicQuantizeMatMul measures the range of all of it), the product is one of integers,
added up exactly, and its result is float32 again. Weights are stored as int8, use 7 bits as those of LSTMs
(`engine.int8`), and have a scale for every output.

Shapes: I inputs, O outputs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lexome.checkpoint.packing import STEP, Quantization
from lexome.checkpoint.store import Checkpoint
from lexome.engine.int8 import in_integers


def linears_in_int8(
    graph: bytes, checkpoint: Checkpoint, quantization: Quantization, ran: Sequence[str]
) -> bytes:
    """Puts the linear layers that a checkpoint has on grids of 7 bits, with inputs of 8, into integers.

    Args:
        graph: an exported network; these layers' inputs are not rounded in it.
        checkpoint: the network.
        quantization: its record.
        ran: names of the linear layers in the order in which they run, which is that of the graph's.

    Returns:
        The serialised graph.

    Raises:
        RuntimeError: if the graph does not have a product for every such layer.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    waiting: dict[bytes, list[str]] = {}
    for name in ran:
        if in_integers(quantization, name):
            waiting.setdefault(_key(checkpoint.weights[f"{name}.weight"]), []).append(name)
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for tensor in node.input:
            readers.setdefault(tensor, []).append(node)
    replaced: dict[int, list[Any]] = {}
    made: dict[str, Any] = {}
    for place, node in enumerate(model.graph.node):
        names = waiting.get(_key_of(node, constants))
        if not names:
            continue
        bias, add = _bias(node, constants, readers.get(node.output[0], []))
        output = node.output[0] if add is None else add.output[0]
        ends = node.input[0], bias, output
        replaced[place] = _nodes(names.pop(0), ends, place, checkpoint, quantization, made)
        if add is not None:
            replaced[next(i for i, one in enumerate(model.graph.node) if one is add)] = []
    if missing := [name for names in waiting.values() for name in names]:
        raise RuntimeError(f"the exported graph has no product for {missing[0]}")
    nodes = [one for place, node in enumerate(model.graph.node) for one in replaced.get(place, [node])]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    model.graph.initializer.extend(made.values())
    kept = [one for one in model.graph.initializer if one.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    if all(one.domain != "com.microsoft" for one in model.opset_import):
        model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return model.SerializeToString()


def _key(weight_OI: np.ndarray) -> bytes:
    """Tells matrices apart."""
    return repr(weight_OI.shape).encode() + np.ascontiguousarray(weight_OI, np.float32).tobytes()


def _key_of(node: Any, constants: dict[str, np.ndarray]) -> bytes:
    """The same for the constant matrix of a product; empty for all other nodes."""
    if node.op_type not in ("MatMul", "Gemm") or node.input[1] not in constants:
        return b""
    matrix = constants[node.input[1]]
    if matrix.ndim != 2:
        return b""
    transposed = any(one.name == "transB" and one.i for one in node.attribute)
    return _key(matrix if transposed else matrix.T)


def _bias(node: Any, constants: dict[str, np.ndarray], readers: list[Any]) -> tuple[str, Any]:
    """The name of what is added to a product, and the node that adds it; "" and None for nothing."""
    if node.op_type == "Gemm":
        return (node.input[2] if len(node.input) > 2 else ""), None
    if len(readers) == 1 and readers[0].op_type == "Add":
        for name in readers[0].input:
            if name in constants and constants[name].ndim == 1:
                return name, readers[0]
    return "", None


def _nodes(
    name: str, ends: tuple[str, str, str], place: int, checkpoint: Checkpoint, quantization: Quantization,
    made: dict[str, Any],
) -> list[Any]:  # fmt: skip
    """From the layer's input, and with its bias, to its output, as they were; `made` gets the constants."""
    from onnx.helper import make_node
    from onnx.numpy_helper import from_array

    layer, (source, bias, output) = quantization.layer(name), ends
    step_O = checkpoint.weights[f"{name}.weight.{STEP}"]
    q_OI = np.rint(checkpoint.weights[f"{name}.weight"] / step_O[:, None]).astype(np.int8)
    values = {
        "step": np.array(layer.input_step, np.float32),
        "zero": np.array(layer.input_zero, np.uint8),
        "weight": np.ascontiguousarray(q_OI.T),
        "weight_step": step_O.astype(np.float32),
    }
    constants = {what: f"{name}/constant/{what}" for what in values}
    for what, value in values.items():
        made[constants[what]] = from_array(value, constants[what])
    inputs = [f"{name}/{place}/rounded", constants["weight"], constants["step"], constants["weight_step"]]
    return [
        make_node("QuantizeLinear", [source, constants["step"], constants["zero"]], inputs[:1]),
        make_node(
            "MatMulIntegerToFloat",
            [*inputs, constants["zero"], "", bias],
            [output],
            domain="com.microsoft",
        ),
    ]
