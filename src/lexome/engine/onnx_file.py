"""A network as one ONNX file for other programs: the graph that this package runs, and how to use it.

Shapes: N batch, S samples, T steps, K scores per step.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from lexome.checkpoint.store import Checkpoint
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.engine.onnx import export_graph
from lexome.engine.torch import TorchEngine
from lexome.features.signal import SignalConfig, fit_to_stride

MAX_DIFFERENCE = 1e-3  # of a score; rounding makes a hundredth of it
# Of scores on average, as a part of their size, for a quantised network: a grid makes a whole step of a last
# bit here and there, and integers round more than their simulation does.
MAX_QUANTISED = 0.05
PREFIX = "lexome_"
TRIAL_STEPS = (50, 120)  # lengths, in the least that the network takes, that the written graph is tried with
LABELS = ["A", "C", "G", "T"]


def write_onnx(checkpoint: Checkpoint, output: Path) -> None:
    """Writes a basecaller's network as an ONNX file (opset 17).

    The graph takes `signal` (N, 1, S), normalised, and gives `scores` (N, T, K); N and S are free. What a
    program needs around it stands in the metadata, every key beginning with `lexome_`, every value JSON;
    docs/models.md lists them. Before the file gets its name the graph is run with onnxruntime and compared
    with torch.

    Args:
        checkpoint: the model.
        output: file to write, ending in .onnx.

    Raises:
        UsageError: if something is at `output`, its ending is another, or the model is no basecaller.
        LexomeError: if the graph gives other scores than the network, or the file cannot be written.
    """
    import onnx

    if output.suffix.lower() != ".onnx":
        raise UsageError(f"{output}: name a file that ends in .onnx")
    if output.exists():
        raise UsageError(f"{output}: exists already; choose another file or remove it first")
    if checkpoint.task != "basecall":
        raise UsageError(f"model {checkpoint.name} is for the task '{checkpoint.task}', not for basecalling")
    signal = from_dict(SignalConfig, checkpoint.features, f"model {checkpoint.name}, features")
    engine = TorchEngine(checkpoint)
    graph = export_graph(checkpoint)
    _compare(checkpoint, graph, engine)
    model = onnx.load_model_from_string(graph)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    described = _described(checkpoint, fit_to_stride(signal, engine.chunk_multiple), engine)
    onnx.helper.set_model_props(
        model, {**properties, **{PREFIX + key: json.dumps(value) for key, value in described.items()}}
    )
    model.doc_string = f"lexome basecaller {checkpoint.name}"
    partial = output.with_name(f"{output.name}.partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(model.SerializeToString())
        os.replace(partial, output)
    except OSError as error:
        raise LexomeError(f"{output}: cannot be written ({error.strerror or error})") from error


def _described(checkpoint: Checkpoint, signal: SignalConfig, engine: TorchEngine) -> dict[str, Any]:
    """What a program needs to feed the graph and to read its scores."""
    return {
        "name": checkpoint.name,
        "stride": engine.stride,
        "chunk_multiple": engine.chunk_multiple,
        "stay_score": engine.stay_score,
        "head": checkpoint.head.name,
        "head_config": checkpoint.head.config,
        "labels": LABELS,
        "scaling": to_dict(signal.scaling),
        "sample_rate_hz": signal.sample_rate_hz,
        "chunk_size": signal.chunk_size,
        "overlap": signal.overlap,
    }


def _compare(checkpoint: Checkpoint, graph: bytes, torch_engine: TorchEngine) -> None:
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    for batch, steps in enumerate(TRIAL_STEPS, start=1):
        signal = generator.standard_normal((batch, 1, steps * torch_engine.chunk_multiple), dtype=np.float32)
        expected = torch_engine.scores(signal)
        found = np.asarray(session.run(None, {"signal": signal})[0])
        if found.shape != expected.shape:
            raise LexomeError(f"model {checkpoint.name}: its ONNX graph gives scores of another shape")
        difference, limit = float(np.abs(found - expected).max(initial=0)), MAX_DIFFERENCE
        if checkpoint.quantization is not None:
            difference, limit = (
                float(np.abs(found - expected).mean()),
                MAX_QUANTISED * np.abs(expected).mean(),
            )
        if not difference <= limit:
            raise LexomeError(
                f"model {checkpoint.name}: its ONNX graph gives other scores than the network (by up to "
                f"{difference:.3g}); nothing was written"
            )
