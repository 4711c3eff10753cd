"""Pre-training: hidden tokens are told from those around them; the `Task` of the training loop.

Legend: N rows, T tokens, V tokens of the vocabulary, M hidden tokens.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lexome.checkpoint.build import LANGUAGE_TASK, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.features.masking import MaskingConfig
from lexome.io.token_store import read_token_store
from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork, MaskedLmScorer
from lexome.nn.onednn_linear import use_onednn
from lexome.tasks.language.model import tokenizer_of
from lexome.tasks.language.networks import (
    MaskedBatch,
    Masker,
    common_tokenizer,
    filled_in,
    give_weights,
    hidden_scores,
)
from lexome.train.device import moved
from lexome.train.optim import OptimConfig
from lexome.train.shuffling import fixed_choice
from lexome.train.task import Losses, Outputs, Progress, Update, tapped

JUDGED_AT_ONCE = 64
LEAST_BIAS = -20.0  # of tokens that are never asked for


@dataclass(frozen=True)
class PretrainConfig:
    """What to learn from and how.

    Attributes:
        stores: folders made by `lexome prepare lm`, of one tokenizer.
        start_from: a model (bundled or a folder) with the same layers and tokens, whose weights training
            starts with; empty: new weights.
        masking: what is hidden.
        sampling: how often rows of a category are drawn: in proportion to (their number) ** sampling; 1: all
            rows alike, 0: all categories alike.
        weights: further factors by category; those that are not named have 1, and 0 leaves one out.
        optim: the optimiser.
        validation_rows: what each validation looks at (a fixed choice).
    """

    stores: tuple[str, ...]
    start_from: str = ""
    masking: MaskingConfig = MaskingConfig()
    sampling: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)
    optim: OptimConfig = OptimConfig(lr=5e-4, beta2=0.98, decay="linear", final_lr=0.0)
    validation_rows: int = 2048

    def __post_init__(self) -> None:
        if not 0 <= self.sampling <= 1 or self.validation_rows < 1:
            raise ValueError("sampling must be from 0 to 1 and validation_rows at least 1")
        if any(not 0 <= weight < float("inf") for weight in self.weights.values()):
            raise ValueError("weights must be finite and not negative")


class PretrainTask:
    """Masked language modelling on rows of tokens."""

    name = LANGUAGE_TASK
    primary_metric = "loss"
    higher_is_better = False

    def __init__(
        self, config: PretrainConfig, architecture: Mapping[str, Any], head: Mapping[str, Any]
    ) -> None:
        if not config.stores:
            raise UsageError("the recipe names no store; set task.stores to folders of 'lexome prepare lm'")
        if head["name"] != "masked_lm":
            raise UsageError(f"pre-training needs the head 'masked_lm', not '{head['name']}'")
        self.config = config
        self.stores = [read_token_store(Path(path)) for path in config.stores]
        self.tokenizer = common_tokenizer(self.stores)
        known = {"vocab_size": self.tokenizer.vocab_size, "pad_id": self.tokenizer.special_ids["pad"]}
        self.architecture = filled_in(architecture, known, "architecture")
        self.head = filled_in(head, {"vocab_size": known["vocab_size"]}, "head")
        self._masker = Masker(self.tokenizer)
        self.categories = sorted({name for store in self.stores for name in store.categories})
        unknown = sorted(config.weights.keys() - set(self.categories))
        if unknown:
            raise UsageError(
                f"task.weights: no category '{unknown[0]}' in the stores; there are: "
                f"{', '.join(self.categories)}"
            )
        self._rows: dict[str, np.ndarray] = {}

    def build(self) -> nn.Module:
        """A new network, or one with the weights of `start_from`."""
        network = new_language_network(self.architecture, self.head)
        if self.config.start_from:
            model = load(self.config.start_from)
            if tokenizer_of(model).tokens != self.tokenizer.tokens:
                raise UsageError(f"model {model.name} has another tokenizer than the stores")
            give_weights(network, model)
        else:
            self._begin_with_frequencies(network)
        use_onednn(network)
        return network

    def _begin_with_frequencies(self, network: LanguageNetwork) -> None:
        """Sets the biases of the scores so that a new network says how frequent tokens are.

        It would take the first thousand steps to learn that: Adam moves a bias by no more than the learning
        rate at a step, and the logarithms of the frequencies of a large vocabulary are several nats apart.
        """
        assert isinstance(network.scorer, MaskedLmScorer)
        log_frequency_V = np.maximum(self._log_frequencies, LEAST_BIAS)
        with torch.no_grad():
            network.scorer.decoder.bias.copy_(torch.from_numpy(log_frequency_V))

    def rows(self, split: str) -> np.ndarray:
        """(store, shard, row, category) of every row of a split, int64[n, 4]."""
        if split not in self._rows:
            parts = []
            for n, store in enumerate(self.stores):
                found = store.rows(split)
                number = np.array([self.categories.index(name) for name in store.categories], np.int64)
                parts.append(np.column_stack([np.full(len(found), n), found[:, :2], number[found[:, 2]]]))
            rows = np.concatenate(parts)
            if len(rows) == 0:
                raise UsageError(f"the stores hold no row for {split}")
            self._rows[split] = rows
        return self._rows[split]

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[MaskedBatch]:
        """See `Task.batches`; training draws rows with replacement, by category."""
        if split != "training":
            rows = self.rows(split)
            rows = rows[fixed_choice(len(rows), self.config.validation_rows)]
            for start in range(0, len(rows), batch_size):
                yield self._batch(rows[start : start + batch_size], np.random.default_rng([0, 4, start]))
            return
        rows = self.rows(split)
        chances, members = self._chances(rows)
        step = skip
        while True:
            rng = np.random.default_rng([seed, 2, step])
            picked = rng.choice(len(chances), batch_size * world, p=chances)
            within = rng.random(batch_size * world)
            drawn = [members[c][int(at * len(members[c]))] for c, at in zip(picked, within, strict=True)]
            own = rows[drawn[rank * batch_size : (rank + 1) * batch_size]]
            yield self._batch(own, np.random.default_rng([seed, 3, step, rank]))
            step += 1

    def _chances(self, rows: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """How often a category is drawn, and its rows."""
        members = [np.flatnonzero(rows[:, 3] == number) for number in range(len(self.categories))]
        factors = [self.config.weights.get(name, 1.0) for name in self.categories]
        counts = [len(found) for found in members]
        weights = np.array(
            [f * n**self.config.sampling if n else 0.0 for f, n in zip(factors, counts, strict=True)]
        )
        if not weights.any():
            raise UsageError("task.weights leaves no category to train on")
        return weights / weights.sum(), members

    def _batch(self, rows: np.ndarray, rng: np.random.Generator) -> MaskedBatch:
        ids = [self.stores[store].ids(shard, row) for store, shard, row, _ in rows]
        return self._masker.batch(ids, self.config.masking, rng)

    def outputs(self, model: nn.Module, batch: MaskedBatch, taps: Sequence[str] = ()) -> Outputs:
        """Scores (N, T, V) of all tokens, and the outputs of the modules named by `taps`."""
        return tapped(model, (batch.tokens_NT, batch.visible_NT), taps)

    def loss(self, model: nn.Module, batch: MaskedBatch, progress: Progress) -> Losses:
        """Cross entropy of the hidden tokens, mean over them."""
        scores_MV, asked_M = hidden_scores(model, batch)
        with progress.clock.phase("loss"):
            total = cross_entropy(scores_MV, asked_M)
        accuracy = float((scores_MV.detach().argmax(-1) == asked_M).float().mean())
        return Losses(total, {"loss": float(total.detach()), "accuracy": accuracy}, {}, float(len(asked_M)))

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """How well hidden tokens are told, beside what the frequencies of the tokens alone give."""
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        loss = hits = count = frequency_loss = frequent_hits = 0.0
        with torch.no_grad():
            for batch in self.batches(split, batch_size=JUDGED_AT_ONCE, seed=0, rank=0, world=1, skip=0):
                batch = moved(batch, lambda tensor: tensor.to(device))
                scores_MV, asked_M = hidden_scores(model, batch)
                loss += float(cross_entropy(scores_MV, asked_M, reduction="sum"))
                hits += float((scores_MV.argmax(-1) == asked_M).sum())
                count += len(asked_M)
                asked = asked_M.cpu().numpy()
                frequency_loss -= float(self._log_frequencies[asked].sum())
                frequent_hits += float((asked == self._log_frequencies.argmax()).sum())
        model.train(was_training)
        return {
            "loss": loss / count,
            "accuracy": hits / count,
            "frequency_loss": frequency_loss / count,
            "frequency_accuracy": frequent_hits / count,
            "tokens": count,
        }

    @cached_property
    def _log_frequencies(self) -> np.ndarray:
        """Logarithms of how often each token is there in (a choice of) the training rows, float64[V]."""
        rows = self.rows("training")
        chosen = rows[fixed_choice(len(rows), 4 * self.config.validation_rows)]
        ids = np.concatenate([self.stores[store].ids(shard, row) for store, shard, row, _ in chosen])
        # one more for each: nothing is impossible
        counts_V = 1.0 + np.bincount(ids, minlength=self.tokenizer.vocab_size)
        counts_V[list(self.tokenizer.special.values())] = 1e-9
        return np.log(counts_V / counts_V.sum())

    def updates(self, progress: Progress) -> Sequence[Update]:
        """One step on a training batch, of all parameters."""
        return [Update("training", lambda model: list(model.parameters()), self.config.optim)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Nothing changes between validations."""
        return False

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network with its tokenizer."""
        stores = [{k: v for k, v in store.meta.items() if k != "tokenizer_json"} for store in self.stores]
        return Checkpoint(
            LANGUAGE_TASK,
            Component(self.architecture["name"], self.architecture["config"]),
            Component(self.head["name"], self.head["config"]),
            {"tokenizer_json": self.stores[0].meta["tokenizer_json"]},
            None,
            {**provenance, "masking": to_dict(self.config.masking), "stores": stores},
            weights_of(model),
        )
