"""Several trained models on the items of one store: what every comparison of networks begins with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError
from lexome.features.signal import SignalConfig
from lexome.models.registry import new_network
from lexome.nn.initialise import scale_to_data
from lexome.nn.network import Network
from lexome.tasks.basecall.task import BasecallTask, BasecallTaskConfig
from lexome.tasks.correct.model import pileup_config
from lexome.tasks.correct.task import CorrectTask, CorrectTaskConfig
from lexome.train.device import find_device, moved
from lexome.train.shuffling import fixed_choice

NOUNS = {"correct": "windows", "basecall": "chunks"}
UNTRAINED_SEED = 0


@dataclass(frozen=True)
class ComparedModel:
    """A trained network and the task that feeds it.

    Attributes:
        source: what was asked for: a bundled name or a folder.
        label: its name, numbered if another one of the comparison has the same.
        checkpoint: the model.
        network: on the device, in evaluation mode.
        task: gives the items of the store, the same for every model of a comparison.
        items: how many of a split, at most.
    """

    source: str
    label: str
    checkpoint: Checkpoint
    network: Network
    task: CorrectTask | BasecallTask
    items: int

    @property
    def noun(self) -> str:
        """What the items are called."""
        return NOUNS[self.checkpoint.task]

    def to_json(self) -> dict[str, Any]:
        """What tells the model from others, as plain values."""
        return {
            "model": self.source,
            "name": self.label,
            "task": self.checkpoint.task,
            "architecture": self.checkpoint.architecture.name,
            "parameters": self.checkpoint.num_parameters,
        }


def open_models(models: Sequence[str], store: Path, items: int, device: str = "cpu") -> list[ComparedModel]:
    """Loads models that take the items of a store.

    Args:
        models: bundled names or folders.
        store: made by `lexome prepare correct` or `lexome prepare basecall`.
        items: how many windows or chunks of a split are looked at, at most (the first ones of a fixed
            shuffle, as in validation).
        device: where the networks run: "auto", "cpu" or "cuda:N".

    Returns:
        One per model, in the order given.

    Raises:
        UsageError: for models of different tasks, or a store of other input than a model takes.
        BadInputError: if a model or the store is damaged.
    """
    where = find_device(device)
    checkpoints = [load(model) for model in models]
    tasks = sorted({checkpoint.task for checkpoint in checkpoints})
    if len(tasks) > 1:
        raise UsageError(f"these models are for different tasks ({', '.join(tasks)}): compare models of one")
    if tasks[0] not in NOUNS:
        raise UsageError(f"models for the task '{tasks[0]}' cannot be compared yet; {', '.join(NOUNS)} can")
    labels = numbered_names([checkpoint.name for checkpoint in checkpoints])
    return [_opened(*one, store, items, where) for one in zip(models, labels, checkpoints, strict=True)]


def numbered_names(names: Sequence[str]) -> list[str]:
    """Names that tell things apart: equal ones get their place in the list behind them."""
    return [name if names.count(name) == 1 else f"{name} #{i}" for i, name in enumerate(names, 1)]


def _opened(
    source: str, label: str, checkpoint: Checkpoint, store: Path, items: int, device: torch.device
) -> ComparedModel:
    architecture, head = to_dict(checkpoint.architecture), to_dict(checkpoint.head)
    network = build_network(checkpoint)
    if checkpoint.task == "correct":
        task = CorrectTask(CorrectTaskConfig((str(store),), validation_windows=items), architecture, head)
        if pileup_config(checkpoint) != task.pileup:
            raise UsageError(f"model {source} takes other windows than {store} has; prepare its own")
    else:
        signal = from_dict(SignalConfig, checkpoint.features, f"model {checkpoint.name}, features")
        config = BasecallTaskConfig((str(store),), validation_chunks=items)
        task = BasecallTask(config, architecture, head, signal)
        samples = task.stores[0].signal_NS.shape[1]
        if samples % network.chunk_multiple:
            raise UsageError(
                f"model {source} takes chunks of a multiple of {network.chunk_multiple} samples, those of "
                f"{store} have {samples}; prepare others"
            )
    return ComparedModel(source, label, checkpoint, network.to(device), task, items)


@dataclass(frozen=True)
class Items:
    """Some items of a store.

    Attributes:
        batch: what the task makes of them, on the network's device.
        reads_N: the read of each.
        read_columns_NL: which columns belong to a read (the last window of a read is filled up); None: all
            positions count.
    """

    batch: Any
    reads_N: np.ndarray
    read_columns_NL: np.ndarray | None


def items_of(
    model: ComparedModel, split: str, batch_size: int, on_items: Callable[[int], None] = lambda items: None
) -> Iterator[Items]:
    """The items of a split, batch by batch: those by which the task judges a network.

    Args:
        model: whose task gives them.
        split: "validation" or "test"; never what was trained on.
        batch_size: items at a time.
        on_items: told how many items are done.
    """
    device = next(model.network.parameters()).device
    store, name = model.task.stores[0], "ccs" if isinstance(model.task, CorrectTask) else "read"
    rows = store.indices(split)
    rows = rows[fixed_choice(len(rows), model.items)]  # as `Task.batches` does; checked below by the labels
    done = 0
    for batch in model.task.batches(split, batch_size=batch_size, seed=0, rank=0, world=1, skip=0):
        some = rows[done : done + len(batch.lengths_N)]
        assert np.array_equal(store.lengths_N[some], batch.lengths_N.numpy()), "other items than expected"
        columns_NL = _read_columns(model.task, batch)
        yield Items(moved(batch, lambda tensor: tensor.to(device)), store.source_N[name][some], columns_NL)
        done += len(some)
        on_items(done)


def untrained(model: ComparedModel, batch: Any) -> ComparedModel:
    """The same network as training would begin with: new weights, those of a basecaller scaled to a batch."""
    architecture, head = to_dict(model.checkpoint.architecture), to_dict(model.checkpoint.head)
    device = next(model.network.parameters()).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        network = new_network(architecture, head)
    network.to(device).eval()
    if isinstance(model.task, BasecallTask):
        scale_to_data(network, batch.signal_NCS)
    return replace(model, network=network)


def numbered(reads: Sequence[np.ndarray]) -> np.ndarray:
    """A number for the read of every item, int64[n]; the same for the same read."""
    return np.unique(np.concatenate(reads), return_inverse=True)[1]


def _read_columns(task: CorrectTask | BasecallTask, batch: Any) -> np.ndarray | None:
    if not isinstance(task, CorrectTask):
        return None
    bases_NPL = batch.rows_NRL[:, : task.pileup.max_passes]
    return ((bases_NPL != 0).any(dim=1) | (batch.ccs_NL != 0)).numpy()
