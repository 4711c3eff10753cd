"""Learning to call bases from labelled chunks: the `Task` of the training loop.

Shapes: N batch, C channels (1), S samples, T time steps, L target length.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lexome.checkpoint.build import build_network, take_weights, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.decode.heads import find_head, load_loss
from lexome.dp.kernels.edit import matches_and_edits
from lexome.features.augment import AugmentConfig, augment
from lexome.features.signal import SignalConfig
from lexome.io.chunks import read_store
from lexome.models.registry import new_network
from lexome.nn.initialise import scale_to_data
from lexome.nn.widen import widen
from lexome.tasks.basecall.diagnosis import diagnose
from lexome.tasks.basecall.leakage import check_disjoint, in_brief
from lexome.tasks.basecall.weighting import WeightingConfig, chunk_weights
from lexome.train.device import moved
from lexome.train.optim import OptimConfig
from lexome.train.shuffling import fixed_choice, items_of, shuffled_batches
from lexome.train.task import Losses, Outputs, Progress, Update, tapped


@dataclass(frozen=True)
class SignalBatch:
    """A batch of labelled chunks."""

    signal_NCS: Tensor
    targets_NL: Tensor
    lengths_N: Tensor


# an LSTM trained on 1500 samples called reads in chunks of 10,000 with 2.5 points less identity (model card)
MUCH_LONGER = 1.5
WIDENING_SEED = 0


@dataclass(frozen=True)
class BasecallTaskConfig:
    """What to learn from and how; `stores` are folders made by `lexome prepare basecall`.

    `start_from` names a model (bundled or a folder) of the same architecture and head whose weights training
    starts with, or a narrower one, which is widened (`nn.widen`); empty: new weights. `weighting` trusts some
    chunks less. `validation_chunks` bounds what each validation looks at (the first ones of a fixed shuffle).
    """

    stores: tuple[str, ...]
    start_from: str = ""
    augment: AugmentConfig = AugmentConfig()
    weighting: WeightingConfig = WeightingConfig()
    optim: OptimConfig = OptimConfig()
    validation_chunks: int = 512


class BasecallTask:
    """Chunks of signal -> bases, with any registered architecture and head."""

    name = "basecall"
    primary_metric = "label_identity_mean"
    higher_is_better = True
    # ln 4 = 1.39 nats a base, less where the bases are not equally frequent, more for unknown numbers of them
    plateau = (1.2, 1.6)

    def __init__(
        self,
        config: BasecallTaskConfig,
        architecture: Mapping[str, Any],
        head: Mapping[str, Any],
        signal: SignalConfig,
    ) -> None:
        self.config = config
        self.architecture = architecture
        self.head = head
        self.signal = signal
        self.stores = [read_store(Path(p)) for p in config.stores]
        if not self.stores:
            raise UsageError(
                "the recipe names no training store; set task.stores to folders of 'lexome prepare'"
            )
        if len({s.signal_NS.shape[1] for s in self.stores}) > 1:
            raise UsageError(
                "the training stores have chunks of different lengths; prepare them with one chunk size"
            )
        check_disjoint(self.stores)
        for store in self.stores:
            made_with = store.meta.get("scaling")
            if made_with is not None and made_with != to_dict(signal.scaling):
                raise UsageError(
                    f"{store.path} was made with the scaling {made_with}, the recipe's [signal] says "
                    f"{to_dict(signal.scaling)}: the model would be called with other signal than it saw"
                )
        self.advice = [*self._on_chunk_size()]
        self._loss = load_loss(find_head(str(head["name"])), head["config"])
        self._decoder = find_head(str(head["name"])).decoder(head["config"])

    def _on_chunk_size(self) -> Iterator[str]:
        trained = self.stores[0].signal_NS.shape[1]
        if self.signal.chunk_size > MUCH_LONGER * trained:
            yield (
                f"the model will call chunks of {self.signal.chunk_size} samples (signal.chunk_size) and "
                f"learns from chunks of {trained}: recurrent networks call chunks much longer than those of "
                "their training worse; prepare longer ones, or call shorter ones"
            )

    def build(self) -> nn.Module:
        """A new network, its weights scaled to some training chunks, or those of `start_from`."""
        network = new_network(self.architecture, self.head)
        if self.config.start_from:
            self._start(network, load(self.config.start_from))
            return network
        count = min(64, len(self._items("training")))
        batch = next(self.batches("training", batch_size=count, seed=0, rank=0, world=1, skip=0))
        scale_to_data(network, batch.signal_NCS)
        return network

    def _start(self, network: nn.Module, model: Checkpoint) -> None:
        """Gives a network the weights of a model, which may be a narrower one."""
        if take_weights(network, model):
            return
        try:
            widen(build_network(model), network, seed=WIDENING_SEED)
        except ValueError as error:
            raise UsageError(
                f"model {self.config.start_from} has other layers than the recipe and cannot be widened to "
                f"it: {error}"
            ) from error

    def _items(self, split: str) -> np.ndarray:
        """(store, chunk) of every item of a split, int64[n, 2]."""
        items = items_of([store.indices(split) for store in self.stores])
        if len(items) == 0:
            raise UsageError(
                f"the training stores hold no chunk for {split}; prepare with a validation interval"
            )
        return items

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[SignalBatch]:
        """See `Task.batches`; "training" is augmented, every step with its own random numbers."""
        items = self._items(split)
        if split != "training":
            judged = items[fixed_choice(len(items), self.config.validation_chunks)]
            for start in range(0, len(judged), batch_size):
                yield self._batch(judged[start : start + batch_size])
            return
        own = slice(rank * batch_size, (rank + 1) * batch_size)
        picks = shuffled_batches(
            len(items), batch_size=batch_size, seed=seed, rank=rank, world=world, skip=skip, noun="chunks"
        )
        for step, picked in enumerate(picks, skip):
            generator = np.random.default_rng([seed, 2, step, 0])
            yield self._batch(items[picked], generator, own, batch_size * world)

    def _batch(
        self,
        items: np.ndarray,
        generator: np.random.Generator | None = None,
        own: slice = slice(None),
        whole_size: int = 0,
    ) -> SignalBatch:
        """A batch of items; with a generator varied, as the part `own` of a batch of `whole_size`."""
        stores = self.stores
        signal_NS = np.stack([stores[s].signal_NS[i] for s, i in items]).astype(np.float32)
        lengths_N = np.array([stores[s].lengths_N[i] for s, i in items], np.int64)
        targets_NL = np.zeros((len(items), int(lengths_N.max())), np.int64)
        for row, (s, i), length in zip(targets_NL, items, lengths_N, strict=True):
            row[:length] = stores[s].targets_NL[i, :length]
        if generator is not None:
            # all processes draw the numbers of the whole batch, as one process would; they are few beside
            # the network's
            whole_NS = np.zeros((whole_size, signal_NS.shape[1]), np.float32)
            whole_NS[own] = signal_NS
            signal_NS = augment(whole_NS, self.config.augment, generator)[own]
        return SignalBatch(
            torch.from_numpy(signal_NS)[:, None], torch.from_numpy(targets_NL), torch.from_numpy(lengths_N)
        )

    def outputs(self, model: nn.Module, batch: SignalBatch, taps: Sequence[str] = ()) -> Outputs:
        """Scores (N, T, K), and the outputs of the modules named by `taps`."""
        return tapped(model, batch.signal_NCS, taps)

    def loss(self, model: nn.Module, batch: SignalBatch, progress: Progress) -> Losses:
        """The head's loss per base of the target, averaged over the batch (as bonito's)."""
        scores_NTK = self.outputs(model, batch).scores
        with progress.clock.phase("loss"):
            loss_N = self._loss(scores_NTK, batch.targets_NL, batch.lengths_N) / batch.lengths_N
        fits = ~torch.isposinf(loss_N)  # nan goes on, for the loop to see
        if not self.config.weighting.by_loss:
            total = torch.where(fits, loss_N, 0.0).sum() / fits.sum().clamp(min=1)
            parts, weight = {"loss": float(total.detach())}, float(fits.sum())
        else:
            whole_N = progress.processes.gather(loss_N.detach())
            weight_N = torch.where(fits, chunk_weights(loss_N.detach(), whole_N, self.config.weighting), 0.0)
            weight = float(weight_N.sum())
            total = (torch.where(fits, loss_N, 0.0) * weight_N).sum() / (weight or 1.0)
            parts = {"loss": float(total.detach()), "mean_weight": weight / max(1, int(fits.sum()))}
        counts = {} if bool(fits.all()) else {"too_long_targets": float((~fits).sum())}
        return Losses(total, parts, counts, weight)

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """Loss and label identity (matches / columns of the alignment of call and label) over a split."""
        return self.judge(model, split)[0]

    def judge(self, model: nn.Module, split: str) -> tuple[dict[str, float], np.ndarray]:
        """The metrics of `evaluate`, and the label identity of every chunk in order, float64[n]."""
        losses, identities = [], []
        was_training = model.training
        model.eval()
        with torch.no_grad():
            device = next(model.parameters()).device
            for batch in self.batches(split, batch_size=32, seed=0, rank=0, world=1, skip=0):
                batch = moved(batch, lambda tensor: tensor.to(device))
                scores_NTK = model(batch.signal_NCS)
                loss_N = self._loss(scores_NTK, batch.targets_NL, batch.lengths_N) / batch.lengths_N
                losses.extend(loss_N[torch.isfinite(loss_N)].tolist())
                for n, scores_TK in enumerate(scores_NTK.cpu().numpy()):
                    target = batch.targets_NL[n, : batch.lengths_N[n]].cpu().numpy() - 1
                    called = self._decoder(scores_TK).bases
                    matches, edits = matches_and_edits(called.astype(np.int64), target)
                    identities.append(matches / (matches + edits))
        model.train(was_training)
        metrics = {
            "loss": float(np.mean(losses)) if losses else float("inf"),  # infinite: no label fits its chunk
            "label_identity_mean": float(np.mean(identities)),
            "label_identity_median": float(np.median(identities)),
            "label_identity_p10": float(np.quantile(identities, 0.1)),
            "chunks": float(len(identities)),
        }
        return metrics, np.array(identities)

    def updates(self, progress: Progress) -> Sequence[Update]:
        """One step on a training batch, of all parameters."""
        return [Update("training", lambda model: list(model.parameters()), self.config.optim)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Nothing changes between validations."""
        return False

    def diagnose(self, model: nn.Module, measured: Mapping[str, float]) -> str:
        """See `lexome.tasks.basecall.diagnosis`; looks at some validation chunks."""
        batch = next(self.batches("validation", batch_size=32, seed=0, rank=0, world=1, skip=0))
        labels = [
            row[:n] - 1 for row, n in zip(batch.targets_NL.numpy(), batch.lengths_N.tolist(), strict=True)
        ]
        signal_NCS = batch.signal_NCS.to(next(model.parameters()).device)
        return diagnose(model, signal_NCS, labels, self._decoder, measured)

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network as it is, with all that calling needs."""
        features = to_dict(self.signal)
        return Checkpoint(
            "basecall",
            Component(str(self.architecture["name"]), dict(self.architecture["config"])),
            Component(str(self.head["name"]), dict(self.head["config"])),
            features,
            None,
            {**provenance, "stores": [in_brief(s.meta) for s in self.stores]},
            weights_of(model),
        )
