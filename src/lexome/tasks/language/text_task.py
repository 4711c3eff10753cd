"""Learning to answer: pairs of a source and an answer, both tokens; the `Task` of the training loop.

Legend: N pairs, M tokens that are asked for, V tokens of the vocabulary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lexome.checkpoint.build import LANGUAGE_TASK, weights_of
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork
from lexome.nn.onednn_linear import use_onednn
from lexome.tasks.language.networks import give_weights
from lexome.tasks.language.text_batches import Ids, TextBatch, asked_scores, decoder_of, text_batch
from lexome.train.device import moved
from lexome.train.optim import OptimConfig
from lexome.train.shuffling import shuffled_batches
from lexome.train.task import Losses, Outputs, Progress, Update, tapped

JUDGED_AT_ONCE = 32


@dataclass(frozen=True)
class Pairs:
    """Sources and their answers.

    Attributes:
        sources: tokens of each, the end included.
        answers: the same.
    """

    sources: Sequence[Ids]
    answers: Sequence[Ids]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.answers) or not len(self.sources):
            raise ValueError("as many sources as answers are needed, one at least")

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class TextTaskConfig:
    """How answers are learnt.

    Attributes:
        new_weights: begin with new weights and only the model's shape.
        label_smoothing: of the training loss, 0 to 1.
        optim: the optimiser.
    """

    new_weights: bool = False
    label_smoothing: float = 0.0
    optim: OptimConfig = OptimConfig(
        lr=5e-4, warmup_steps=100, decay="linear", final_lr=0.0, clip=1.0, clip_mode="constant"
    )

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError("label_smoothing must be at least 0 and below 1")


class TextTask:
    """A model with a decoder of text learns pairs."""

    name = LANGUAGE_TASK
    primary_metric = "loss"
    higher_is_better = False

    def __init__(
        self, config: TextTaskConfig, model: Checkpoint, sets: Mapping[str, Pairs], about: Mapping[str, Any]
    ) -> None:
        """Keeps the sets.

        Args:
            config: see there.
            model: what it begins with.
            sets: "training" and "validation".
            about: what the model is for; goes into the checkpoint's features.

        Raises:
            UsageError: if the model has no decoder of text.
        """
        if model.head.name != "text":
            raise UsageError(
                f"model {model.name} writes no text: it has the head '{model.head.name}'; take one with the "
                "head 'text', such as those of 'lexome lm pretrain' with span corruption"
            )
        self.config, self.model, self.sets, self.about = config, model, dict(sets), dict(about)
        self.architecture, self.head = to_dict(model.architecture), to_dict(model.head)

    def build(self) -> nn.Module:
        """The model, or a new one of its shape."""
        network = new_language_network(self.architecture, self.head)
        if not self.config.new_weights:
            give_weights(network, self.model)
        use_onednn(network)
        return network

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[TextBatch]:
        """See `Task.batches`."""
        pairs = self.sets[split]
        if split != "training":
            for start in range(0, len(pairs), batch_size):
                yield self._batch(pairs, np.arange(start, min(start + batch_size, len(pairs))))
            return
        for picked in shuffled_batches(
            len(pairs), batch_size=batch_size, seed=seed, rank=rank, world=world, skip=skip, noun="pairs"
        ):
            yield self._batch(pairs, picked)

    def _batch(self, pairs: Pairs, picked: np.ndarray) -> TextBatch:
        head = self.head["config"]
        return text_batch(
            [pairs.sources[i] for i in picked], [pairs.answers[i] for i in picked],
            start_id=head.get("start_id", 0), in_front=not head.get("cross_attention", True),
        )  # fmt: skip

    def outputs(self, model: nn.Module, batch: TextBatch, taps: Sequence[str] = ()) -> Outputs:
        """Scores (N, U, V) of what follows every token, and the outputs of the modules named by `taps`."""
        return tapped(model, (batch.tokens_NT, batch.visible_NT, batch.written_NU), taps)

    def loss(self, model: nn.Module, batch: TextBatch, progress: Progress) -> Losses:
        """Cross entropy of the answers' tokens, mean over them."""
        assert isinstance(model, LanguageNetwork)
        scores_MV, asked_M = asked_scores(model, batch)
        with progress.clock.phase("loss"):
            total = cross_entropy(scores_MV, asked_M, label_smoothing=self.config.label_smoothing)
        accuracy = float((scores_MV.detach().argmax(-1) == asked_M).float().mean())
        return Losses(total, {"loss": float(total.detach()), "accuracy": accuracy}, {}, float(len(asked_M)))

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """Loss and accuracy of the next token with the true tokens before it; answers that are all right."""
        assert isinstance(model, LanguageNetwork)
        decoder_of(model)
        was_training, device = model.training, next(model.parameters()).device
        model.eval()
        loss, hits, count, exact, pairs = 0.0, 0, 0, 0, 0
        with torch.no_grad():
            for batch in self.batches(split, batch_size=JUDGED_AT_ONCE, seed=0, rank=0, world=1, skip=0):
                batch = moved(batch, lambda tensor: tensor.to(device))
                scores_MV, asked_M = asked_scores(model, batch)
                loss += float(cross_entropy(scores_MV, asked_M, reduction="sum"))
                right_M = scores_MV.argmax(-1) == asked_M
                per_pair = (batch.asked_NU >= 0).sum(1).tolist()
                exact += sum(bool(one.all()) for one in right_M.split(per_pair))
                hits, count, pairs = hits + int(right_M.sum()), count + len(asked_M), pairs + len(per_pair)
        model.train(was_training)
        return {"loss": loss / count, "accuracy": hits / count, "exact": exact / pairs, "tokens": count}

    def updates(self, progress: Progress) -> Sequence[Update]:
        """One step on a training batch, of all parameters."""
        return [Update("training", lambda model: list(model.parameters()), self.config.optim)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Nothing changes between validations."""
        return False

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network with its tokenizer and what it is for."""
        return Checkpoint(
            LANGUAGE_TASK,
            Component(self.architecture["name"], self.architecture["config"]),
            Component(self.head["name"], self.head["config"]),
            {"tokenizer_json": self.model.features["tokenizer_json"], **self.about},
            None,
            {**provenance, "finetuned_from": self.model.name},
            weights_of(model),
        )
