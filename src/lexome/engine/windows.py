"""Runs a read corrector's network over pile-up windows with onnxruntime on the CPU, in float32 or integers.

Shapes: N windows, R rows, L columns, K scores per column.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Num

from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import UsageError
from lexome.engine.onnx import cache_folder, cached_graph, open_session, traced
from lexome.engine.pipeline import Key, R, run_batches

if TYPE_CHECKING:
    from lexome.nn.network import Network

# Measured: as fast as any from 2 to 8; larger ones leave the cache (128: a third slower).
BATCH_SIZE = 4
RANGES_PROPERTY = "lexome_rows"
# Few products, and those whose rounding shows most: what the rows are condensed to, and the scores.
KEPT_IN_FLOAT = ("condenser", "scorer")


class WindowEngine:
    """The engine for windows: N Python threads share one session, each runs its own batch on one core.

    The scores of a window do not depend on the batch it stands in nor on the number of threads: in float32
    measured bit for bit; with integers, whose scale is that of all they are multiplied with at once, because
    windows are run one by one.

    Args:
        checkpoint: the network; its architecture is "deepconsensus".
        columns: of every window.
        int8: multiply in integers of 8 bits: faster, a little less exact.
        threads: worker threads.
        batch_size: windows in a batch; more than about eight are slower.
        cache: folder for exported graphs; default: see `engine.onnx.cache_folder`.

    Raises:
        UsageError: for a network that does not take windows.
    """

    name = "onnx"
    device = "cpu"

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        columns: int = 100,
        int8: bool = False,
        threads: int = 1,
        batch_size: int = BATCH_SIZE,
        cache: Path | None = None,
    ) -> None:
        self.columns = columns
        self.int8 = int8
        self.threads = threads
        self.batch_size = batch_size
        self._session = open_session(
            cached_graph(
                checkpoint,
                cache or cache_folder(),
                lambda network: export_windows(network, columns, int8=int8),
                f"windows{columns}{'int8' if int8 else ''}",
            )
        )
        ranges = json.loads(self._session.get_modelmeta().custom_metadata_map[RANGES_PROPERTY])
        self._first_R1, self._last_R1 = (np.array(ranges[k], np.float32)[:, None] for k in ("first", "last"))

    @property
    def num_rows(self) -> int:
        """R."""
        return len(self._first_R1)

    def run(
        self, items: Iterable[tuple[Key, np.ndarray]], post: Callable[[np.ndarray], R]
    ) -> Iterator[tuple[Key, R]]:
        """Runs (key, rows[R, L]) items; `post(scores_LK)` is called in the worker.

        Yields:
            (key, result) in the order of the items; at most 2 * threads batches are in flight.
        """

        def infer(flat_N1S: np.ndarray) -> np.ndarray:
            return self.scores(flat_N1S.reshape(len(flat_N1S), self.num_rows, self.columns))

        rows = ((key, self._fitting(rows_RL[None])[0].ravel()) for key, rows_RL in items)
        return run_batches(rows, infer, post, batch_size=self.batch_size, threads=self.threads)

    def scores(self, rows_NRL: Num[np.ndarray, "N R L"]) -> Float[np.ndarray, "N L K"]:
        """Scores (logits) of some windows; safe to call from several threads.

        Raises:
            ValueError: for windows of another shape, or a value that no row of its kind can hold.
        """
        rows_NRL = self._fitting(rows_NRL)
        together = 1 if self.int8 else self.batch_size
        parts = [
            np.asarray(self._session.run(None, {"rows": rows_NRL[i : i + together]})[0])
            for i in range(0, len(rows_NRL), together)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.columns, 5), np.float32)

    def _fitting(self, rows_NRL: np.ndarray) -> np.ndarray:
        """The rows as the graph takes them; a value behind its table's end would be read from elsewhere."""
        if rows_NRL.shape[1:] != (self.num_rows, self.columns):
            raise ValueError(
                f"windows have {self.num_rows} rows of {self.columns} columns, not {rows_NRL.shape[1:]}"
            )
        is_right = (rows_NRL > self._first_R1 - 1) & (rows_NRL < self._last_R1 + 1)
        if not is_right.all():
            n, row, column = (int(i) for i in np.argwhere(~is_right)[0])
            raise ValueError(
                f"window {n}, row {row}, column {column}: values are {self._first_R1[row, 0]:g} to "
                f"{self._last_R1[row, 0]:g}, not {rows_NRL[n, row, column]:g}"
            )
        return rows_NRL.astype(np.float32)


def export_windows(checkpoint: Checkpoint, columns: int, *, int8: bool = False) -> bytes:
    """Exports a network as an ONNX graph: rows float32 (N, R, L) -> scores (N, L, K), N free.

    Args:
        checkpoint: the network.
        columns: L.
        int8: with products `in_integers`.

    Returns:
        The serialised graph; its metadata names the first and last value of every row.

    Raises:
        UsageError: for a network that does not take windows.
    """
    import onnx
    import torch

    from lexome.checkpoint.build import build_network
    from lexome.models.deepconsensus import DeepConsensus

    network: Network = build_network(checkpoint)
    if not isinstance(network.encoder, DeepConsensus):
        raise UsageError(f"model {checkpoint.name} ({checkpoint.architecture.name}) does not take windows")
    if columns < 1:
        raise UsageError(f"{columns} columns: a window has at least one")
    groups = network.encoder.config.pileup.groups
    example_NRL = torch.zeros(2, network.encoder.config.pileup.num_rows, columns)
    model = traced(network, example_NRL, {"rows": {0: "windows"}, "scores": {0: "windows"}})
    ranges = {
        "first": [-g.shift for g in groups for _ in range(g.num_rows)],
        "last": [g.num_values - 1 - g.shift for g in groups for _ in range(g.num_rows)],
    }
    # the second one tells the quantizer that there is nothing to prepare, which it would warn of
    properties = {RANGES_PROPERTY: json.dumps(ranges), "onnx.quant.pre_process": "onnxruntime.quant"}
    onnx.helper.set_model_props(model, properties)
    graph = model.SerializeToString()
    return in_integers(graph) if int8 else graph


def in_integers(graph: bytes) -> bytes:
    """The graph with its large matrix products in integers of 8 bits, scaled as they run.

    Weights have a scale per column and use 7 bits: with 8, processors without VNNI add them up wrongly.

    Args:
        graph: as from `export_windows`.

    Returns:
        The serialised graph.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load_model_from_string(graph)
    kept = [node.name for node in model.graph.node if any(part in node.name for part in KEPT_IN_FLOAT)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_dynamic(
            model,
            path,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
        )
        quantized = onnx.load_model(path)
    if not any(node.op_type == "MatMulInteger" for node in quantized.graph.node):
        raise RuntimeError("nothing was turned into integers: the exported graph has changed its form")
    properties = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(quantized, properties)
    return quantized.SerializeToString()
