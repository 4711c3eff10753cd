"""A basecaller ready to run: network in its engine, decoder and signal configuration of one checkpoint."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.store import Checkpoint, load
from lexome.core.config import from_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.decode.heads import MAX_BEAM_WIDTH, Decoder, find_head
from lexome.engine.engine import Engine, open_engine
from lexome.features.signal import SignalConfig, fit_to_stride
from lexome.tasks.basecall.journal import model_digest


@dataclass(frozen=True)
class BasecallModel:
    """What `run.basecall_reads` needs; `stride` is in samples per time step.

    `digest` tells the network and its configuration from others; `beam_width` is that of the decoder.
    """

    name: str
    engine: Engine
    decoder: Decoder
    signal: SignalConfig
    digest: str = ""
    beam_width: int | None = None

    @property
    def stride(self) -> int:
        """Samples per time step of the network."""
        return self.engine.stride


def open_model(
    model: str | Path | Checkpoint,
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int = 1,
    batch_size: int | None = None,
    chunk_size: int | None = None,
    overlap: int | None = None,
    trim: bool = True,
    beam_width: int | None = None,
) -> BasecallModel:
    """Loads a model for calling.

    Args:
        model: bundled name, folder (lexome, bonito or dorado), or a checkpoint in memory.
        engine: "auto", "onnx" or "torch".
        device: "auto", "cpu" or "cuda:N".
        threads: batches at a time.
        batch_size: chunks in a batch; None: the engine's default. It never changes the bases.
        chunk_size: samples; None: the model's. It is rounded down to what the network takes.
        overlap: samples shared by neighbouring chunks; None: the model's.
        trim: whether the start of a read is trimmed.
        beam_width: hypotheses kept by a beam search, 1 to 256; None: the best path, without a beam.

    Returns:
        The model.

    Raises:
        UsageError: for an unknown name, a model of another task, or sizes or a width that do not fit.
        BadInputError: if the folder is damaged.
    """
    if beam_width is not None and not 1 <= beam_width <= MAX_BEAM_WIDTH:
        raise UsageError(f"a beam width of {beam_width} is not from 1 to {MAX_BEAM_WIDTH}")
    checkpoint = model if isinstance(model, Checkpoint) else load(model)
    if checkpoint.task != "basecall":
        raise UsageError(f"model {checkpoint.name} is for the task '{checkpoint.task}', not for basecalling")
    signal = from_dict(SignalConfig, checkpoint.features, f"model {checkpoint.name}, features")
    changes: dict[str, Any] = {}
    if chunk_size is not None or overlap is not None:
        size = chunk_size if chunk_size is not None else signal.chunk_size
        shared = overlap if overlap is not None else min(signal.overlap, size // 4)
        changes = {"chunk_size": size, "overlap": shared}
    if not trim:
        changes["trim"] = dataclasses.replace(signal.trim, enabled=False)
    try:
        signal = dataclasses.replace(signal, **changes)
    except ValueError as error:
        raise UsageError(str(error)) from error
    opened = open_engine(checkpoint, engine=engine, device=device, threads=threads, batch_size=batch_size)
    if signal.chunk_size < 10 * opened.stride:
        raise UsageError(
            f"a chunk of {signal.chunk_size} samples is too short; take at least {10 * opened.stride}"
        )
    _check_steps(opened, checkpoint.name)
    decoder = find_head(checkpoint.head.name).decoder(checkpoint.head.config, beam_width)
    signal = fit_to_stride(signal, opened.chunk_multiple)
    return BasecallModel(checkpoint.name, opened, decoder, signal, model_digest(checkpoint), beam_width)


def _check_steps(engine: Engine, name: str) -> None:
    """Refuses a network whose convolutions give other steps than chunks are joined by."""
    samples = 20 * engine.chunk_multiple
    ((_, steps),) = engine.run([(0, np.zeros(samples, np.float32))], len)
    if steps * engine.stride != samples:
        raise BadInputError(
            f"model {name}: its network makes {steps} steps of {samples} samples, not "
            f"{samples // engine.stride}; do kernel, stride and padding of its convolutions fit together?"
        )
