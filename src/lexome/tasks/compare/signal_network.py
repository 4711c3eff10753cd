"""A trained network of nanopore signal, and reads for it: what looking inside one begins with."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load
from lexome.core.config import from_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.core.records import Skipped
from lexome.features.signal import SignalConfig, find_trim, normalise
from lexome.io.signal_files import find_signal_files, iter_reads
from lexome.nn.network import Network
from lexome.train.device import find_device

NOT_OF_SIGNAL = {"correct": "reads the passes of a molecule", "language": "reads bases"}


@dataclass(frozen=True)
class SignalNetwork:
    """A trained network that takes signal.

    Attributes:
        source: what was asked for: a bundled name or a folder.
        checkpoint: the model.
        network: on the device, in evaluation mode; its parameters take no gradients.
        signal: how its input is made.
    """

    source: str
    checkpoint: Checkpoint
    network: Network
    signal: SignalConfig

    def to_json(self) -> dict[str, Any]:
        """What tells the model from others, as plain values."""
        return {
            "model": self.source,
            "name": self.checkpoint.name,
            "architecture": self.checkpoint.architecture.name,
            "parameters": self.checkpoint.num_parameters,
            "samples_per_step": self.network.stride,
        }


@dataclass(frozen=True)
class ReadSignal:
    """A whole read as a network takes it: float32[S]; `trimmed` samples of its start would not be called."""

    read_id: str
    signal: np.ndarray
    trimmed: int


def open_signal_network(model: str, device: str = "cpu") -> SignalNetwork:
    """Loads a model.

    Args:
        model: bundled name or folder (lexome, bonito or dorado).
        device: "auto", "cpu" or "cuda:N".

    Raises:
        UsageError: for an unknown name or device, or a model that takes no signal.
        BadInputError: if the folder is damaged.
    """
    where = find_device(device)
    checkpoint = load(model)
    if checkpoint.task in NOT_OF_SIGNAL:
        raise UsageError(
            f"model {model} {NOT_OF_SIGNAL[checkpoint.task]}, no signal; name a model that calls bases"
        )
    signal = from_dict(SignalConfig, checkpoint.features, f"model {checkpoint.name}, features")
    network = build_network(checkpoint).to(where).requires_grad_(False)
    return SignalNetwork(model, checkpoint, network, signal)


def signals_of(
    paths: Sequence[Path],
    config: SignalConfig,
    *,
    wanted: Callable[[str], bool] | None = None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
    recursive: bool = False,
) -> Iterator[ReadSignal]:
    """Reads of signal files, whole and normalised.

    Args:
        paths: files or folders of POD5, FAST5, SLOW5 or BLOW5.
        config: how the network's input is made.
        wanted: asked with a read id; None: all.
        on_skip: told of every file and read that cannot be used.
        recursive: look into subfolders too.

    Raises:
        UsageError: if a path is missing or no signal file.
        BadInputError: if no file can be read.
    """
    whole = dataclasses.replace(config, trim=dataclasses.replace(config.trim, enabled=False))
    for read in iter_reads(find_signal_files(paths, recursive), on_skip, wanted):
        try:
            signal = normalise(read, whole).signal
        except BadInputError as error:
            on_skip(Skipped(read.read_id, str(error)))
            continue
        yield ReadSignal(read.read_id, signal, find_trim(signal, config.trim))
