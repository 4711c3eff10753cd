"""Runs a network with onnxruntime on the CPU; torch is imported only to export a graph not yet in the cache.

Shapes: N batch, S samples, T steps, K scores per step.
"""

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from lexome.checkpoint.packing import read_quantization
from lexome.checkpoint.store import Checkpoint, config_of
from lexome.engine.int8 import in_integers, lstms_in_int8
from lexome.engine.int8_linear import linears_in_int8
from lexome.engine.pipeline import Key, R, run_batches

EXPORT_VERSION = 3
OPSET = 17
# Measured: a multiple of the six and twelve rows that onnxruntime's matrix kernels work on, and small enough
# that a batch's gates stay near the processor; larger batches are no faster and take memory in proportion.
BATCH_SIZE = 12
# A network without recurrence works on all steps of a chunk at once: measured on an 18-layer transformer,
# larger batches are slower and take memory in proportion.
FEEDFORWARD_BATCH_SIZE = 2
LAYOUT_PROPERTY = "lexome_layout"

log = logging.getLogger(__name__)


class OnnxEngine:
    """The engine for CPUs: N Python threads share one session, each runs its own batch on one core.

    The scores of a chunk do not depend on the batch it stands in nor on the number of threads: measured bit
    for bit for networks of convolutions, recurrent layers of every kind and windowed attention.

    Args:
        checkpoint: the network.
        threads: worker threads.
        batch_size: chunks in a batch; default `BATCH_SIZE`, for networks without recurrence
            `FEEDFORWARD_BATCH_SIZE`.
        cache: folder for exported graphs; default: see `cache_folder`.
    """

    name = "onnx"
    device = "cpu"

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        threads: int = 1,
        batch_size: int | None = None,
        cache: Path | None = None,
    ) -> None:
        self.threads = threads
        self._session = open_session(cached_graph(checkpoint, cache or cache_folder()))
        layout = json.loads(self._session.get_modelmeta().custom_metadata_map[LAYOUT_PROPERTY])
        self.stride: int = layout["stride"]
        self.chunk_multiple: int = layout["chunk_multiple"]
        self.stay_score: float | None = layout["stay_score"]
        self.batch_size: int = batch_size or layout["batch_size"]
        self._least_batch: int = layout["least_batch"]

    def run(
        self, items: Iterable[tuple[Key, np.ndarray]], post: Callable[[np.ndarray], R]
    ) -> Iterator[tuple[Key, R]]:
        """See `engine.Engine.run`."""
        return run_batches(items, self.scores, post, batch_size=self.batch_size, threads=self.threads)

    def scores(self, signal_NCS: np.ndarray) -> np.ndarray:
        """Scores (N, T, K) of one batch of signals (N, 1, S); safe to call from several threads."""
        count = len(signal_NCS)
        if count < self._least_batch:
            signal_NCS = np.repeat(signal_NCS, self._least_batch, axis=0)
        try:
            (scores_NTK,) = self._session.run(None, {"signal": signal_NCS})
        except Exception as error:  # onnxruntime's errors share no base class
            if "alloc" in str(error):
                raise MemoryError("the network needs more memory than there is") from error
            raise
        return np.asarray(scores_NTK)[:count]


def cache_folder() -> Path:
    """Where exported graphs are kept: $LEXOME_CACHE, else lexome/ in $XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get("LEXOME_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lexome"


def graph_key(checkpoint: Checkpoint) -> str:
    """Names an exported graph: a hash of the network's configuration and weights and of the export.

    Returns:
        32 hexadecimal digits.
    """
    config = config_of(checkpoint)
    described = {key: config[key] for key in ("architecture", "head", "quantization")}
    digest = hashlib.sha256(json.dumps([EXPORT_VERSION, OPSET, described], sort_keys=True).encode())
    for name, weight in sorted(checkpoint.weights.items()):
        digest.update(f"{name} {weight.dtype.str} {weight.shape};".encode())
        digest.update(np.asarray(weight, order="C").tobytes())
    return digest.hexdigest()[:32]


def export_graph(checkpoint: Checkpoint) -> bytes:
    """Exports a network as an ONNX graph: signal (N, 1, S) -> scores (N, T, K), N and S free.

    Batch normalisations are folded. A CRF's fixed score for staying is left out of the scores and carried in
    the graph's metadata, beside the stride.

    Args:
        checkpoint: the network.

    Returns:
        The serialised graph.
    """
    import onnx
    import torch

    from lexome.checkpoint.build import build_network
    from lexome.nn.conv import fold_batchnorm
    from lexome.nn.network import Network
    from lexome.nn.scorer import CrfScorer

    quantization = read_quantization(checkpoint.quantization, f"model {checkpoint.name}")
    network = fold_batchnorm(build_network(checkpoint))
    assert isinstance(network, Network)
    stay_score = None
    if isinstance(network.scorer, CrfScorer):
        network.scorer.expand_blanks = False
        stay_score = network.scorer.config.stay_score
    example_NCS = torch.zeros(2, 1, 200 * network.chunk_multiple)
    free = {"signal": {0: "batch", 2: "samples"}, "scores": {0: "batch", 1: "steps"}}
    layers = list(network.modules())
    ran = {torch.nn.LSTM: [], torch.nn.Linear: []}
    if quantization.engine == "int8":
        _note_what_runs(network, example_NCS, ran)
    for name in (name for names in ran.values() for name in names):
        if in_integers(quantization, name):
            network.get_submodule(name)._forward_pre_hooks.clear()  # integers round their inputs themselves
    model = traced(network, example_NCS, free)
    layout = {
        "stride": network.stride,
        "chunk_multiple": network.chunk_multiple,
        "stay_score": stay_score,
        "batch_size": BATCH_SIZE if _any(layers, torch.nn.RNNBase) else FEEDFORWARD_BATCH_SIZE,
        # measured: an Elman layer multiplies one row with another kernel than several, to other last bits
        "least_batch": 2 if _any(layers, torch.nn.RNN) else 1,
    }
    onnx.helper.set_model_props(model, {LAYOUT_PROPERTY: json.dumps(layout)})
    graph = model.SerializeToString()
    if ran[torch.nn.LSTM]:
        graph = lstms_in_int8(graph, checkpoint, quantization, ran[torch.nn.LSTM])
    if any(in_integers(quantization, name) for name in ran[torch.nn.Linear]):
        graph = linears_in_int8(graph, checkpoint, quantization, ran[torch.nn.Linear])
    return graph


def _note_what_runs(network: Any, example: Any, ran: Mapping[type, list[str]]) -> None:
    """Puts names of a network's layers to their kind, in the order in which they run."""
    import torch

    handles = [
        module.register_forward_hook(lambda module, inputs, output, one=one: ran[type(module)].append(one))
        for one, module in network.named_modules()
        if type(module) in ran
    ]
    with torch.no_grad():
        network(example[:1])
    for handle in handles:
        handle.remove()


def traced(network: Any, example: Any, free: Mapping[str, dict[int, str]]) -> Any:
    """A network with one input as an ONNX model.

    Args:
        network: a torch module in evaluation mode.
        example: an input, a tensor.
        free: names of the input and the output, in this order, and of their dimensions that may vary.

    Returns:
        The model (an onnx.ModelProto), of the opset `OPSET`.
    """
    import onnx
    import torch

    (input_name, output_name), file = free, BytesIO()
    with warnings.catch_warnings():
        # This exporter is deprecated (its successor does not finish on LSTMs), and its note on the batch of a
        # traced LSTM does not apply to one without an initial state.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            file,  # pyright: ignore[reportArgumentType] - takes files too with dynamo=False
            dynamo=False,
            opset_version=OPSET,
            input_names=[input_name],
            output_names=[output_name],
            dynamic_axes=dict(free),
        )
    return onnx.load_model_from_string(file.getvalue())


def _any(layers: Sequence[object], kind: type) -> bool:
    return any(isinstance(layer, kind) for layer in layers)


def cached_graph(
    checkpoint: Checkpoint,
    cache: Path,
    make: Callable[[Checkpoint], bytes] | None = None,
    form: str = "",
) -> bytes:
    """The exported graph of a network, from the cache or made now and kept there.

    Args:
        checkpoint: the network.
        cache: folder of graphs.
        make: exports it; default: `export_graph`.
        form: names what another `make` makes of a network; letters and digits.

    Returns:
        The serialised graph.

    A file of the cache carries the hash of its content in its name, so a damaged one is never used. A folder
    that cannot be written costs the export at every start, nothing else.
    """
    key = graph_key(checkpoint) + form
    for path in sorted(cache.glob(f"{key}-*.onnx")):
        try:
            graph = path.read_bytes()
        except OSError:
            continue  # unreadable is as good as absent
        if path.name == _file_name(key, graph):
            return graph
    graph = (make or export_graph)(checkpoint)
    path = cache / _file_name(key, graph)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(graph)
        partial.replace(path)
    except OSError as error:
        log.warning("cannot keep the exported network (%s); it will be exported again next time", error)
    return graph


def _file_name(key: str, graph: bytes) -> str:
    return f"{key}-{hashlib.sha256(graph).hexdigest()[:32]}.onnx"


def open_session(graph: bytes) -> ort.InferenceSession:
    """A session that leaves threads to its caller: each run stays on the core that it was started on."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4  # it would print what it raises
    options.enable_mem_pattern = False  # would be planned and kept per shape of batch
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
