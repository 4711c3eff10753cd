"""LSTMs of an exported graph in integers of 8 bits, whose scales do not depend on what else is in the batch.

onnxruntime's DynamicQuantizeLSTM measures the range of its input over the whole batch, and that of its state
at every step: the scores of a chunk would depend on its neighbours. So both ranges are pinned. Two channels
that no weight looks at are added to the input and hold the ends of its calibrated range, to which all others
are clipped; two units are added that nothing reaches and that stay at 1 and at -1, which no other unit can
pass. Then the scales are constants, and the same chunk has the same scores to the bit in any batch.

Weights use 7 bits and a scale per gate and unit: with 8, processors without VNNI add them up wrongly.

Shapes: H units, C features in, G = 4 H gates, P pinned units.
"""

from typing import Any

import numpy as np

from lexome.checkpoint.packing import STEP, Quantization
from lexome.checkpoint.store import Checkpoint

WEIGHT_BITS, INPUT_BITS = 7, 8
PINNED = 2
FROM_TORCH = (0, 3, 1, 2)  # torch has the gates input, forget, cell, output; ONNX input, output, forget, cell
SHUT, OPEN = -30.0, 30.0  # biases of gates: the sigmoids of these are 0 and 1 to float32's last bits
FULL_CELL = 20.0  # its tanh is 1


def lstms_in_int8(graph: bytes, checkpoint: Checkpoint, quantization: Quantization, ran: list[str]) -> bytes:
    """Puts the LSTMs that a checkpoint has on grids of 7 bits, with inputs of 8, into integers.

    Args:
        graph: an exported network; its LSTMs' inputs are not rounded in it.
        checkpoint: the network.
        quantization: its record.
        ran: names of the LSTMs in the order in which they run, which is that of the graph's.

    Returns:
        The serialised graph.

    Raises:
        RuntimeError: if the graph is not that of the checkpoint.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    if sum(node.op_type == "LSTM" for node in model.graph.node) != len(ran):
        raise RuntimeError("the exported graph has other LSTMs than the network")
    names, nodes = iter(ran), []
    for node in model.graph.node:
        name = next(names) if node.op_type == "LSTM" else ""
        if name and in_integers(quantization, name):
            nodes += _Lstm(model, node, name, checkpoint, quantization).nodes()
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [one for one in model.graph.initializer if one.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return model.SerializeToString()


def in_integers(quantization: Quantization, name: str) -> bool:
    """Whether an LSTM's record says what integers of 8 bits can do."""
    if name not in quantization.layers:
        return False
    layer = quantization.layer(name)
    return layer.weight_bits <= WEIGHT_BITS and layer.activation_bits == INPUT_BITS


class _Lstm:
    """The nodes that stand for one LSTM."""

    def __init__(
        self, model: Any, node: Any, name: str, checkpoint: Checkpoint, quantization: Quantization
    ) -> None:
        self.model, self.node, self.name = model, node, name
        layer = quantization.layer(name)
        step, zero = np.float32(layer.input_step), np.float32(layer.input_zero)
        self.low, self.high = -zero * step, (np.float32(2**INPUT_BITS - 1) - zero) * step
        weights = checkpoint.weights
        self.into_GC, self.into_step_G = self._integers(weights, "weight_ih_l0")
        self.state_GH, self.state_step_G = self._integers(weights, "weight_hh_l0")
        self.units = self.state_GH.shape[1]
        self.bias = self._bias(weights)
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if attributes["hidden_size"].i != self.units or node.input[4]:
            raise RuntimeError(f"the exported graph has another LSTM than {name}")

    def _integers(self, weights: Any, weight: str) -> tuple[np.ndarray, np.ndarray]:
        step_G = weights[f"{self.name}.{weight}.{STEP}"]
        q = np.rint(weights[f"{self.name}.{weight}"] / step_G[:, None]).astype(np.int8)
        return _reordered(q), _reordered(step_G)

    def nodes(self) -> list[Any]:
        """From the LSTM's input to its output, both as they were."""
        from onnx.helper import make_node

        n = self.name
        into_G = _with_pinned(self.into_GC, 0, self.units)
        state_G = _with_pinned(self.state_GH, 0, self.units)
        steps = [_with_pinned(s, 1, self.units)[None] for s in (self.into_step_G, self.state_step_G)]
        zeros = np.zeros(steps[0].shape, np.int8)
        into_1CG = np.pad(into_G, ((0, 0), (0, PINNED))).T[None]
        state_1HG = np.pad(state_G, ((0, 0), (0, PINNED))).T[None]
        ends = np.array([[[self.low, self.high]]], np.float32)
        state, cell = (np.zeros((1, 1, self.units + PINNED), np.float32) for _ in range(2))
        state[..., self.units :], cell[..., self.units :] = [1, -1], [FULL_CELL, -FULL_CELL]
        places = {"first": 0, "second": 1, "one": 1, "two": 2, "units": self.units, "last_axis": 3}
        self._constants = {
            "low": self.low, "high": self.high, "ends": ends, "state": state, "cell": cell,
            "into": into_1CG, "recurrent": state_1HG, "bias": self.bias,
            "into_step": steps[0], "recurrent_step": steps[1], "zeros": zeros,
            **{name: np.array([value], np.int64) for name, value in places.items()},
        }  # fmt: skip
        return [
            make_node("Clip", [self.node.input[0], self._of("low"), self._of("high")], [f"{n}/clipped"]),
            make_node("Shape", [f"{n}/clipped"], [f"{n}/shape"]),
            make_node("Slice", [f"{n}/shape", self._of("first"), self._of("two")], [f"{n}/steps_batch"]),
            make_node("Concat", [f"{n}/steps_batch", self._of("one")], [f"{n}/rows"], axis=0),
            make_node("Expand", [self._of("ends"), f"{n}/rows"], [f"{n}/pins"]),
            make_node("Concat", [f"{n}/clipped", f"{n}/pins"], [f"{n}/pinned"], axis=2),
            make_node("Slice", [f"{n}/shape", self._of("second"), self._of("two")], [f"{n}/batch"]),
            make_node("Concat", [self._of("one"), f"{n}/batch", self._of("one")], [f"{n}/states"], axis=0),
            make_node("Expand", [self._of("state"), f"{n}/states"], [f"{n}/state"]),
            make_node("Expand", [self._of("cell"), f"{n}/states"], [f"{n}/cell"]),
            make_node(
                "DynamicQuantizeLSTM",
                [
                    f"{n}/pinned", self._of("into"), self._of("recurrent"), self._of("bias"), "",
                    f"{n}/state", f"{n}/cell", "", self._of("into_step"), self._of("zeros"),
                    self._of("recurrent_step"), self._of("zeros"),
                ],
                [f"{n}/all"],
                domain="com.microsoft",
                hidden_size=self.units + PINNED,
            ),
            make_node(
                "Slice",
                [f"{n}/all", self._of("first"), self._of("units"), self._of("last_axis")],
                [self.node.output[0]],
            ),
        ]  # fmt: skip

    def _of(self, what: str) -> str:
        """The name of a constant of this LSTM; put into the graph when it is first asked for."""
        from onnx.numpy_helper import from_array

        name = f"{self.name}/constant/{what}"
        value = self._constants.pop(what, None)
        if value is not None:
            self.model.graph.initializer.append(from_array(np.ascontiguousarray(value), name))
        return name

    def _bias(self, weights: Any) -> np.ndarray:
        """The biases of input and state, with those that hold the pinned units where they are."""
        none_G = np.zeros(4 * self.units, np.float32)
        into_G, state_G = (
            _reordered(weights.get(f"{self.name}.bias_{part}_l0", none_G)) for part in ("ih", "hh")
        )
        gates = np.repeat(np.array([SHUT, OPEN, OPEN, 0.0], np.float32), PINNED).reshape(4, PINNED)
        pinned_G = np.concatenate([into_G.reshape(4, -1), gates], axis=1).ravel()
        return np.concatenate([pinned_G, _with_pinned(state_G, 0, self.units)])[None]


def _reordered(gates_G: np.ndarray) -> np.ndarray:
    """Torch's order of the gates, along the first axis, as ONNX has it."""
    parts = np.split(gates_G, 4)
    return np.concatenate([parts[place] for place in FROM_TORCH])


def _with_pinned(gates_G: np.ndarray, value: int, units: int) -> np.ndarray:
    """The first axis with the gates of the pinned units behind each gate's others."""
    split = gates_G.reshape(4, units, *gates_G.shape[1:])
    pinned = np.full((4, PINNED, *gates_G.shape[1:]), value, gates_G.dtype)
    return np.concatenate([split, pinned], axis=1).reshape(4 * (units + PINNED), *gates_G.shape[1:])
