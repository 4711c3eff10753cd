"""Pre-training: what is hidden is told from what is around it; `Task`s of the training loop.

The head decides what is learnt: "masked_lm" tells tokens that are hidden one by one (`PretrainTask`), "text"
writes spans that were taken out, or without a source to look at the next token (see `pretrain_text`).

Legend: N rows, T tokens, V tokens of the vocabulary, M hidden tokens.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from lexome.features.span_corruption import SpanConfig
from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork, MaskedLmScorer
from lexome.nn.onednn_linear import use_onednn
from lexome.tasks.language.model import tokenizer_of
from lexome.tasks.language.networks import (
    MaskedBatch,
    Masker,
    give_weights,
    hidden_scores,
    what_data_decides,
)
from lexome.tasks.language.pretrain_rows import PretrainRows, Told
from lexome.train.device import moved
from lexome.train.optim import OptimConfig
from lexome.train.task import Losses, Outputs, Progress, Update, tapped

JUDGED_AT_ONCE = 64
LEAST_BIAS = -20.0  # of tokens that are never asked for
LARGEST_SCORES = 2.0  # standard deviation of a new network's


@dataclass(frozen=True)
class PretrainConfig:
    """What to learn from and how.

    Attributes:
        stores: folders made by `lexome prepare lm`, of one tokenizer.
        start_from: a model (bundled or a folder) with the same layers and tokens, whose weights training
            starts with; empty: new weights.
        masking: what is hidden, of a network with the head "masked_lm". The mask of a tokenizer without one
            (bytes) is its first sentinel.
        spans: what is hidden, of an encoder and decoder (head "text").
        sampling: how often rows of a category are drawn: in proportion to (their number) ** sampling; 1: all
            rows alike, 0: all categories alike.
        weights: further factors by category; those that are not named have 1, and 0 leaves one out.
        optim: the optimiser.
        validation_rows: what each validation looks at (a fixed choice).
    """

    stores: tuple[str, ...]
    start_from: str = ""
    masking: MaskingConfig = MaskingConfig()
    spans: SpanConfig = SpanConfig()
    sampling: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)
    optim: OptimConfig = OptimConfig(lr=5e-4, beta2=0.98, decay="linear", final_lr=0.0)
    validation_rows: int = 2048

    def __post_init__(self) -> None:
        if not 0 <= self.sampling <= 1 or self.validation_rows < 1:
            raise ValueError("sampling must be from 0 to 1 and validation_rows at least 1")
        if any(not 0 <= weight < float("inf") for weight in self.weights.values()):
            raise ValueError("weights must be finite and not negative")

    def open_rows(self) -> PretrainRows:
        """The rows of the stores.

        Raises:
            UsageError, BadInputError: see there.
        """
        return PretrainRows(self.stores, self.sampling, self.weights, self.validation_rows)


class PretrainTask:
    """Masked language modelling on rows of tokens."""

    name = LANGUAGE_TASK
    primary_metric = "loss"
    higher_is_better = False

    def __init__(
        self, config: PretrainConfig, architecture: Mapping[str, Any], head: Mapping[str, Any]
    ) -> None:
        if head["name"] != "masked_lm":
            raise UsageError(f"pre-training needs the head 'masked_lm' or 'text', not '{head['name']}'")
        self.config = config
        self.rows = config.open_rows()
        self.architecture, self.head = what_data_decides(architecture, head, self.rows.tokenizer)
        self._masker = Masker(self.rows.tokenizer)

    def build(self) -> nn.Module:
        """A new network, or one with the weights of `start_from`."""
        network = new_language_network(self.architecture, self.head)
        if self.config.start_from:
            begin_from(network, self.config.start_from, self.rows)
        else:
            self._begin_with_frequencies(network)
        use_onednn(network)
        return network

    def _begin_with_frequencies(self, network: LanguageNetwork) -> None:
        """Sets the biases of the scores so that a new network says how frequent tokens are.

        It would take the first thousand steps to learn that: Adam moves a bias by no more than the learning
        rate at a step, and the logarithms of the frequencies of a large vocabulary are several nats apart.
        Where vectors of tokens begin large (T5's), scores by them are made small enough to be seen beside.
        """
        assert isinstance(network.scorer, MaskedLmScorer)
        log_frequency_V = np.maximum(self.rows.log_frequencies, LEAST_BIAS)
        vectors_VD = network.tokens.token_vectors
        with torch.no_grad():
            network.scorer.decoder.bias.copy_(torch.from_numpy(log_frequency_V))
            spread = float(vectors_VD.std()) * vectors_VD.shape[1] ** 0.5
            if spread > LARGEST_SCORES:
                network.scorer.transform.LayerNorm.weight.div_(spread)

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[MaskedBatch]:
        """See `Task.batches`; training draws rows with replacement, by category."""
        drawn = self.rows.batches(split, batch_size=batch_size, seed=seed, rank=rank, world=world, skip=skip)
        for one in drawn:
            yield self._masker.batch(one.ids, self.config.masking, one.rng)

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
        told, loss, count = Told(self.rows), 0.0, 0
        with torch.no_grad():
            for batch in self.batches(split, batch_size=JUDGED_AT_ONCE, seed=0, rank=0, world=1, skip=0):
                batch = moved(batch, lambda tensor: tensor.to(device))
                scores_MV, asked_M = hidden_scores(model, batch)
                loss += float(cross_entropy(scores_MV, asked_M, reduction="sum"))
                count += len(asked_M)
                told.add(asked_M.cpu().numpy(), scores_MV.argmax(-1).cpu().numpy())
        model.train(was_training)
        return {"loss": loss / count, **told.figures()}

    def updates(self, progress: Progress) -> Sequence[Update]:
        """One step on a training batch, of all parameters."""
        return [Update("training", lambda model: list(model.parameters()), self.config.optim)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Nothing changes between validations."""
        return False

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network with its tokenizer."""
        made = {**provenance, "masking": to_dict(self.config.masking)}
        if "mask" not in self.rows.tokenizer.special_ids:
            made["hidden_tokens_are_shown_as"] = self.rows.tokenizer.tokens[self._masker.mask_id]
        return Checkpoint(
            LANGUAGE_TASK,
            Component(self.architecture["name"], self.architecture["config"]),
            Component(self.head["name"], self.head["config"]),
            {"tokenizer_json": self.rows.tokenizer_json},
            None,
            {**made, "stores": self.rows.made_from},
            weights_of(model),
        )


def begin_from(network: nn.Module, start_from: str, rows: PretrainRows) -> None:
    """Gives a network the weights of a model.

    Raises:
        UsageError: if that one has other layers or another tokenizer than the stores.
    """
    model = load(start_from)
    if tokenizer_of(model).tokens != rows.tokenizer.tokens:
        raise UsageError(f"model {model.name} has another tokenizer than the stores")
    give_weights(network, model)
