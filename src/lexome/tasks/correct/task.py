"""Learning to correct windows of PacBio reads: the `Task` of the training loop.

Shapes: N windows, R rows, L columns, K symbols.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lexome.checkpoint.build import take_weights, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.decode.consensus_loss import consensus_loss
from lexome.evaluate.majority import majority_vote
from lexome.evaluate.windows import align_windows, exact_windows
from lexome.features.input_range import joined, read_ranges
from lexome.features.pileup_windows import clip_ratios, expanded_rows
from lexome.io.windows import read_windows
from lexome.models.registry import new_network
from lexome.tasks.correct.stores import check_disjoint, check_rows, common_pileup
from lexome.train.device import moved
from lexome.train.optim import OptimConfig
from lexome.train.shuffling import fixed_choice, items_of, shuffled_batches
from lexome.train.task import Losses, Outputs, Progress, Update, tapped

JUDGED_AT_ONCE = 64


@dataclass(frozen=True)
class WindowBatch:
    """A batch of labelled windows: what the network takes (int16), true bases, CCS symbols."""

    rows_NRL: Tensor
    labels_NL: Tensor
    lengths_N: Tensor
    ccs_NL: Tensor


@dataclass(frozen=True)
class CorrectTaskConfig:
    """What to learn from and how; `stores` are folders made by `lexome prepare correct`.

    `start_from` names a model (bundled or a folder) with the same layers whose weights training starts with;
    empty: new weights. `deletion_cost`, `temperature` and `band_width` (0: no band) are those of the
    alignment loss (`decode.consensus_loss`). `validation_windows` bounds what each validation looks at (the
    first ones of a fixed shuffle).
    """

    stores: tuple[str, ...]
    start_from: str = ""
    deletion_cost: float = 10.0
    temperature: float = 0.1
    band_width: int = 0
    optim: OptimConfig = OptimConfig()
    validation_windows: int = 2048

    def __post_init__(self) -> None:
        if not 0 <= self.deletion_cost < float("inf") or not 0 <= self.temperature < float("inf"):
            raise ValueError("deletion_cost and temperature must be finite and at least 0")
        if self.band_width < 0 or self.validation_windows < 1:
            raise ValueError("band_width must be at least 0 and validation_windows at least 1")


class CorrectTask:
    """Windows of a pile-up -> true bases, by the loss of their alignment."""

    name = "correct"
    primary_metric = "identity"
    higher_is_better = True

    def __init__(
        self, config: CorrectTaskConfig, architecture: Mapping[str, Any], head: Mapping[str, Any]
    ) -> None:
        self.config, self.architecture, self.head = config, architecture, head
        if not config.stores:
            raise UsageError(
                "the recipe names no training store; set task.stores to folders of 'lexome prepare correct'"
            )
        self.stores = [read_windows(Path(path)) for path in config.stores]
        self.pileup = common_pileup(self.stores)
        check_rows(self.pileup, architecture)
        check_disjoint(self.stores)
        self._references: dict[str, tuple[np.ndarray, dict[str, float]]] = {}

    def build(self) -> nn.Module:
        """A new network, or one with the weights of `start_from`."""
        network = new_network(self.architecture, self.head)
        if self.config.start_from:
            model = load(self.config.start_from)
            if not take_weights(network, model):
                raise UsageError(f"model {self.config.start_from} has other layers than the recipe")
        return network

    def _items(self, split: str) -> np.ndarray:
        """(store, window) of every item of a split, int64[n, 2]."""
        items = items_of([store.indices(split) for store in self.stores])
        if len(items) == 0:
            raise UsageError(
                f"the training stores hold no window for {split}; prepare some of another contig"
            )
        return items

    def _judged(self, split: str) -> np.ndarray:
        """The items that a split other than "training" is judged by."""
        items = self._items(split)
        return items[fixed_choice(len(items), self.config.validation_windows)]

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[WindowBatch]:
        """See `Task.batches`."""
        if split != "training":
            items = self._judged(split)
            for start in range(0, len(items), batch_size):
                yield self._batch(items[start : start + batch_size])
            return
        items = self._items(split)
        for picked in shuffled_batches(
            len(items), batch_size=batch_size, seed=seed, rank=rank, world=world, skip=skip
        ):
            yield self._batch(items[picked])

    def _compact(self, items: np.ndarray) -> np.ndarray:
        """Rows of windows as they are stored, uint8[N, R, L]."""
        return np.stack([self.stores[s].rows_NRL[i] for s, i in items])

    def _batch(self, items: np.ndarray) -> WindowBatch:
        compact_NRL = self._compact(items)
        snr_N4 = np.stack([self.stores[s].snr_N4[i] for s, i in items])
        # ratios lose what is behind the point in the network, too
        rows_NRL = clip_ratios(expanded_rows(compact_NRL, snr_N4, self.pileup)).astype(np.int16)
        labels_NL = np.stack([self.stores[s].labels_NL[i] for s, i in items]).astype(np.int64)
        lengths_N = np.array([self.stores[s].lengths_N[i] for s, i in items], np.int64)
        ccs_NL = compact_NRL[:, 4 * self.pileup.max_passes].astype(np.int64)
        return WindowBatch(*(torch.from_numpy(a) for a in (rows_NRL, labels_NL, lengths_N, ccs_NL)))

    def outputs(self, model: nn.Module, batch: WindowBatch, taps: Sequence[str] = ()) -> Outputs:
        """Scores (N, L, K), and the outputs of the modules named by `taps`."""
        return tapped(model, batch.rows_NRL, taps)

    def alignment_loss(self, scores_NLK: Tensor, batch: WindowBatch) -> Tensor:
        """The price of aligning each window's columns to its true bases, nats per window."""
        config = self.config
        return consensus_loss(
            scores_NLK.float(), batch.labels_NL, batch.lengths_N,
            deletion_cost=config.deletion_cost, temperature=config.temperature,
            draft_NL=batch.ccs_NL if config.band_width else None, band_width=config.band_width or None,
        )  # fmt: skip

    def loss(self, model: nn.Module, batch: WindowBatch, progress: Progress) -> Losses:
        """The alignment loss, mean over the windows."""
        scores_NLK = self.outputs(model, batch).scores
        with progress.clock.phase("loss"):
            total = self.alignment_loss(scores_NLK, batch).mean()
        return Losses(total, {"loss": float(total.detach())}, {}, float(len(scores_NLK)))

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """How the network's bases agree with the true ones, beside the CCS read's and the majority's.

        Identities are of all windows together (matches per column of their alignments); `exact` is the part
        of the windows without any error; `errors` are mismatches, insertions and deletions.
        """
        labels_NL, baselines = self._reference(split)
        called_NL, losses_N = self.call(model, split)
        metrics = {"loss": float(losses_N.mean())} | _metrics("", called_NL, labels_NL)
        return {**metrics, **baselines, "windows": float(len(labels_NL))}

    def call(self, model: nn.Module, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Symbols (uint8[N, L]) that the network gives for the windows of a split, and their losses [N]."""
        losses, called = [], []
        was_training = model.training
        model.eval()
        with torch.no_grad():
            device = next(model.parameters()).device
            for batch in self.batches(split, batch_size=JUDGED_AT_ONCE, seed=0, rank=0, world=1, skip=0):
                batch = moved(batch, lambda tensor: tensor.to(device))
                scores_NLK = model(batch.rows_NRL)
                losses.append(self.alignment_loss(scores_NLK, batch).cpu().numpy())
                called.append(scores_NLK.argmax(dim=-1).to(torch.uint8).cpu().numpy())
        model.train(was_training)
        return np.concatenate(called), np.concatenate(losses)

    def _reference(self, split: str) -> tuple[np.ndarray, dict[str, float]]:
        """The true bases of the windows of a split, and how well those without a network do; kept."""
        if split not in self._references:
            items = self._judged(split)
            labels, ccs, votes = [], [], []
            for start in range(0, len(items), JUDGED_AT_ONCE):
                part = items[start : start + JUDGED_AT_ONCE]
                compact_NRL = self._compact(part)
                labels.append(np.stack([self.stores[s].labels_NL[i] for s, i in part]))
                ccs.append(compact_NRL[:, 4 * self.pileup.max_passes])
                votes.append(majority_vote(compact_NRL, self.pileup.max_passes))
            labels_NL = np.concatenate(labels)
            metrics = _metrics("ccs_", np.concatenate(ccs), labels_NL)
            metrics |= _metrics("majority_", np.concatenate(votes), labels_NL)
            self._references[split] = labels_NL, metrics
        return self._references[split]

    def updates(self, progress: Progress) -> Sequence[Update]:
        """One step on a training batch, of all parameters."""
        return [Update("training", lambda model: list(model.parameters()), self.config.optim)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Nothing changes between validations."""
        return False

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network as it is, with all that correcting needs."""
        return Checkpoint(
            "correct",
            Component(str(self.architecture["name"]), dict(self.architecture["config"])),
            Component(str(self.head["name"]), dict(self.head["config"])),
            to_dict(self.pileup),
            None,
            {**provenance, **self._input_range(), "stores": [dict(store.meta) for store in self.stores]},
            weights_of(model),
        )

    def _input_range(self) -> dict[str, Any]:
        """What kinetics and signal the network has seen; nothing if a store does not say it."""
        seen = [store.meta.get("input_range") for store in self.stores if len(store.indices("training"))]
        if not seen or None in seen:
            return {}
        return {
            "input_range": {name: list(ends) for name, ends in joined(list(map(read_ranges, seen))).items()}
        }


def _metrics(prefix: str, called_NL: np.ndarray, labels_NL: np.ndarray) -> dict[str, float]:
    aligned = align_windows(called_NL, labels_NL)
    return {
        f"{prefix}identity": aligned.identity,
        f"{prefix}exact": float(exact_windows(called_NL, labels_NL).mean()),
        f"{prefix}errors": float((aligned.columns - aligned.matches).sum()),
    }
