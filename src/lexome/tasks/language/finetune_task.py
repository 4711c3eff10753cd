"""Learning labels of sequences; the `Task` of the training loop.

Legend: N sequences, T tokens, D features, K outputs.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from lexome.checkpoint.adapters import merged_weights, write_adapters
from lexome.checkpoint.build import LANGUAGE_TASK
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.alphabet import reverse_complement
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.evaluate.classification import figures_of
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork
from lexome.nn.lora import adapters, add_adapters
from lexome.nn.onednn_linear import use_onednn
from lexome.tasks.language.finetune_config import FinetuneConfig
from lexome.tasks.language.finetune_unfreeze import begin_frozen, thaw_of, without_thaw
from lexome.tasks.language.infer import in_order
from lexome.tasks.language.labelled import LabelledSet
from lexome.tasks.language.networks import give_weights, padded_tensors
from lexome.train.shuffling import shuffled_batches
from lexome.train.task import Losses, Outputs, Progress, Update, tapped

PRIMARY = {"classes": "mcc", "labels": "mcc", "value": "r2"}


@dataclass(frozen=True)
class LabelledBatch:
    """Sequences as tokens (N, T), where they are no padding, and the truth; for a probe features (N, D)."""

    tokens_NT: Tensor
    visible_NT: Tensor
    truth: Tensor


@dataclass(frozen=True)
class Encoded:
    """A labelled set in tokens: of both strands if both are used."""

    strands: tuple[list[np.ndarray], ...]
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)


class FinetuneTask:
    """A language model learns classes, labels or a value of whole sequences."""

    name = LANGUAGE_TASK
    higher_is_better = True

    def __init__(
        self,
        config: FinetuneConfig,
        model: Checkpoint,
        tokenizer: Tokenizer,
        sets: Mapping[str, LabelledSet],
        adapters_folder: Path | None = None,
    ) -> None:
        """Encodes the sets.

        Args:
            config: see there.
            model: what it begins with.
            tokenizer: the model's.
            sets: "training" and "validation", and others that are to be judged.
            adapters_folder: gets the adapters of the best network, if there are any.
        """
        self.config, self.model, self.tokenizer = config, model, tokenizer
        self.target = sets["training"].target
        self.primary_metric = PRIMARY[self.target.kind]
        self.sets = {name: self.encoded(one) for name, one in sets.items()}
        self.adapters_folder = adapters_folder
        self.architecture, self.head = self._shape()
        self.weights_K = self._class_weights() if config.class_weights else None
        self._pooled: dict[str, Tensor] = {}

    def encoded(self, labelled: LabelledSet) -> Encoded:
        """A set in tokens."""
        texts = [labelled.sequences]
        if self.config.reverse_complement:
            texts.append([reverse_complement(sequence) for sequence in labelled.sequences])
        return Encoded(tuple(self.tokenizer.encode_batch(one) for one in texts), labelled.truth)

    def _shape(self) -> tuple[dict[str, Any], dict[str, Any]]:
        config = dict(self.model.architecture.config)
        own = self.model.head.config if self.model.head.name == "sequence" else {}
        pooling = self.config.pooling or own.get("pooling", "mean")
        head: dict[str, Any] = {"num_outputs": self.target.num_outputs, "pooling": pooling}
        if self.config.dropout >= 0:
            config["dropout"] = head["dropout"] = self.config.dropout
        if pooling == "pooler" and not config.get("pooler", False):
            raise UsageError(f"model {self.model.name} has no pooler; choose another pooling")
        return (
            {"name": self.model.architecture.name, "config": config},
            {"name": "sequence", "config": head},
        )

    def _class_weights(self) -> np.ndarray:
        truth = self.sets["training"].truth
        if self.target.kind == "value":
            raise UsageError("class weights make no sense for values")
        if self.target.kind == "labels":  # what a positive counts, next to 1 for a negative
            positives_K = np.maximum(truth.sum(axis=0), 1.0)
            return (len(truth) - positives_K) / positives_K
        counts_K = np.bincount(truth, minlength=self.target.num_outputs)
        return len(truth) / (self.target.num_outputs * np.maximum(counts_K, 1))

    def build(self) -> nn.Module:
        """The model's encoder with a new head; frozen, or with adapters, as the method says.

        Raises:
            UsageError: if the encoder has no layers to be adapted or unfrozen, or none at all.
        """
        if self.architecture["config"].get("num_layers") == 0 and self.model.head.name == "text":
            raise UsageError(f"model {self.model.name} has a decoder only: there is no encoder to fine-tune")
        network = new_language_network(self.architecture, self.head)
        if not self.config.new_weights:
            give_weights(network, self.model, "encoder.")
        if self.config.method == "lora":
            try:
                add_adapters(network, self.config.lora)
            except ValueError as error:
                raise UsageError(f"lora: {error}") from error
        elif self.config.method == "probe":
            network.encoder.requires_grad_(False)
            self._pooled = {name: self._features(network, one) for name, one in self.sets.items()}
        if self.config.unfreeze == "gradual":
            begin_frozen(network)
        use_onednn(network)
        return network

    def _features(self, network: LanguageNetwork, encoded: Encoded) -> Tensor:
        """What a frozen encoder makes of the sequences of a set, (strands, N, D), computed once."""
        network.eval()

        def compute(ids: list[np.ndarray]) -> list[Tensor]:
            tokens_NT, visible_NT = padded_tensors(ids, self.tokenizer)
            return list(network.pooled(network.tokens(tokens_NT, visible_NT), visible_NT))

        with torch.no_grad():
            made = [[x for _, x in in_order(one, len, compute)] for one in encoded.strands]
        network.train()
        return torch.stack([torch.stack(one) for one in made])

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[LabelledBatch]:
        """See `Task.batches`; in training the strand of each sequence is drawn."""
        encoded = self.sets[split]
        if split != "training":
            for start in range(0, len(encoded), batch_size):
                yield self._batch(split, np.arange(start, min(start + batch_size, len(encoded))), 0)
            return
        picks = shuffled_batches(
            len(encoded), batch_size=batch_size, seed=seed, rank=rank, world=world, skip=skip,
            noun="sequences",
        )  # fmt: skip
        for step, picked in enumerate(picks, skip):
            rng = np.random.default_rng([seed, 5, step, rank])
            yield self._batch(split, picked, rng.integers(0, len(encoded.strands), len(picked)))

    def _batch(self, split: str, picked: np.ndarray, strands: np.ndarray | int) -> LabelledBatch:
        encoded = self.sets[split]
        strands_N = np.broadcast_to(np.asarray(strands), picked.shape)
        truth = encoded.truth[picked]
        if self.target.kind == "value":
            truth = (truth - self.target.mean) / self.target.scale
        kind = np.int64 if self.target.kind == "classes" else np.float32
        truth_tensor = torch.from_numpy(truth.astype(kind))
        if self.config.method == "probe":
            pooled_ND = self._pooled[split][strands_N.copy(), picked]
            return LabelledBatch(pooled_ND, torch.ones(len(picked), 1, dtype=torch.bool), truth_tensor)
        ids = [encoded.strands[s][i] for s, i in zip(strands_N, picked, strict=True)]
        return LabelledBatch(*padded_tensors(ids, self.tokenizer), truth_tensor)

    def _scores(self, model: nn.Module, batch: LabelledBatch) -> Tensor:
        assert isinstance(model, LanguageNetwork)
        if self.config.method == "probe":
            return model.scorer(batch.tokens_NT)
        return model(batch.tokens_NT, batch.visible_NT)

    def outputs(self, model: nn.Module, batch: LabelledBatch, taps: Sequence[str] = ()) -> Outputs:
        """Scores (N, K), and the outputs of the modules named by `taps`."""
        return tapped(model, (batch.tokens_NT, batch.visible_NT), taps)

    def loss(self, model: nn.Module, batch: LabelledBatch, progress: Progress) -> Losses:
        """Cross entropy (of classes, or of each label), or the squared error of the scaled value."""
        if self.config.unfreeze == "gradual":
            thaw_of(model).set_up()
        scores_NK = self._scores(model, batch)
        weights = None
        if self.weights_K is not None:
            weights = torch.from_numpy(self.weights_K).to(scores_NK)
        with progress.clock.phase("loss"):
            if self.target.kind == "classes":
                total = cross_entropy(scores_NK, batch.truth, weights)
            elif self.target.kind == "labels":
                total = binary_cross_entropy_with_logits(scores_NK, batch.truth, pos_weight=weights)
            else:
                total = mse_loss(scores_NK[:, 0], batch.truth)
        return Losses(total, {"loss": float(total.detach())}, {}, float(len(scores_NK)))

    def predict(self, model: nn.Module, split: str) -> np.ndarray:
        """Probabilities or values (N, K), the mean over the strands that are used."""
        assert isinstance(model, LanguageNetwork)
        encoded = self.sets[split]
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        compute = self._scorer(model, device)
        with torch.no_grad():
            if self.config.method == "probe":
                made = [model.scorer(x_ND.to(device)).cpu().numpy() for x_ND in self._pooled[split]]
            else:
                made = [np.stack([s for _, s in in_order(one, len, compute)]) for one in encoded.strands]
        model.train(was_training)
        return np.mean([self.target.predictions(scores_NK) for scores_NK in made], axis=0)

    def _scorer(
        self, model: nn.Module, device: torch.device
    ) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
        def compute(ids: list[np.ndarray]) -> list[np.ndarray]:
            tokens_NT, visible_NT = padded_tensors(ids, self.tokenizer)
            return list(model(tokens_NT.to(device), visible_NT.to(device)).cpu().numpy())

        return compute

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """The figures of a set (`evaluate.classification.figures_of`) as far as they are defined."""
        figures = figures_of(self.target.kind, self.predict(model, split), self.sets[split].truth)
        defined = {name: value for name, value in figures.items() if value is not None}
        # R2 of a constant truth is undefined; there is nothing to choose by then
        return {self.primary_metric: 0.0, **defined}

    def updates(self, progress: Progress) -> Sequence[Update]:
        """One step on a training batch, of what learns; layers still frozen are in it, without gradients."""
        takes_all = self.config.unfreeze == "gradual"

        def learning(model: nn.Module) -> list[nn.Parameter]:
            return [p for p in model.parameters() if takes_all or p.requires_grad]

        return [Update("training", learning, self.config.optim)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Unfreezes the next layer if layers are unfrozen gradually; the optimiser stays as it is."""
        if self.config.unfreeze == "gradual":
            thaw_of(model).unfreeze_next()
        return False

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network, adapters merged into its weights; they are written to `adapters_folder` as well."""
        assert isinstance(model, LanguageNetwork)
        layers = dict(adapters(model))
        if layers and self.adapters_folder is not None:
            shutil.rmtree(self.adapters_folder, ignore_errors=True)  # those of the best network before
            write_adapters(model, self.adapters_folder, self.model.name)
        return Checkpoint(
            LANGUAGE_TASK,
            Component(self.architecture["name"], self.architecture["config"]),
            Component(self.head["name"], self.head["config"]),
            {
                "tokenizer_json": self.model.features["tokenizer_json"],
                "target": to_dict(self.target),
                "reverse_complement": self.config.reverse_complement,
            },
            None,
            {
                **provenance,
                "finetuned_from": self.model.name,
                "method": self.config.method,
                **({"unfreeze": "gradual"} if self.config.unfreeze == "gradual" else {}),
            },
            without_thaw(merged_weights(model)),
        )
