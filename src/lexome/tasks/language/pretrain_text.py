"""Pre-training a decoder of text; the `Task` of the training loop.

It learns to write the spans that were taken out of a row or, where it looks at no source, the next token.

Source: ENBED and ByT5 (span corruption, see `features.span_corruption`); the decoder-only network of ENBED's
table 6 (next token).

Legend: N rows, V tokens of the vocabulary, M tokens that are asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lexome.checkpoint.build import LANGUAGE_TASK, weights_of
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError
from lexome.features.span_corruption import SpanConfig, corrupted
from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork
from lexome.nn.onednn_linear import use_onednn
from lexome.tasks.language.networks import what_data_decides
from lexome.tasks.language.pretrain import JUDGED_AT_ONCE, PretrainConfig, PretrainTask, begin_from
from lexome.tasks.language.pretrain_rows import Ids, Told
from lexome.tasks.language.text_batches import (
    END_ID,
    PAD_ID,
    TextBatch,
    asked_scores,
    decoder_of,
    text_batch,
)
from lexome.train.device import moved
from lexome.train.task import Losses, Outputs, Progress, Update, tapped

PRETRAINED_HEADS = ("masked_lm", "text")
SPANS = "span_corruption"  # in a model's features


class PretrainTextTask:
    """A decoder of text learns rows of tokens: spans of them, or all from left to right."""

    name = LANGUAGE_TASK
    primary_metric = "loss"
    higher_is_better = False

    def __init__(
        self, config: PretrainConfig, architecture: Mapping[str, Any], head: Mapping[str, Any]
    ) -> None:
        if head["name"] != "text":
            raise UsageError(f"pre-training to write text needs the head 'text', not '{head['name']}'")
        self.config = config
        self.rows = config.open_rows()
        tokenizer = self.rows.tokenizer
        if (tokenizer.special_ids.get("pad"), tokenizer.suffix) != (PAD_ID, (END_ID,)):
            raise UsageError(
                f"text is written in bytes, the stores are of the tokenizer '{tokenizer.kind}'; make them "
                "with: lexome prepare lm --tokenizer byte"
            )
        self.architecture, self.head = what_data_decides(architecture, head, tokenizer)
        self._special = list(tokenizer.special.values())

    @property
    def looks_at_source(self) -> bool:
        """Whether spans are written; else the next token is told."""
        return bool(self.head["config"].get("cross_attention", True))

    def build(self) -> nn.Module:
        """A new network, or one with the weights of `start_from`."""
        network = new_language_network(self.architecture, self.head)
        if self.config.start_from:
            begin_from(network, self.config.start_from, self.rows)
        use_onednn(network)
        return network

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[TextBatch]:
        """See `Task.batches`; training draws rows with replacement, by category."""
        drawn = self.rows.batches(split, batch_size=batch_size, seed=seed, rank=rank, world=world, skip=skip)
        for one in drawn:
            yield self._batch(one.ids, one.rng)

    def _batch(self, ids: Sequence[Ids], rng: np.random.Generator) -> TextBatch:
        start_id = int(self.head["config"].get("start_id", PAD_ID))
        if not self.looks_at_source:
            nothing = [np.zeros(0, np.int64)] * len(ids)
            return text_batch(nothing, ids, start_id=start_id, in_front=True)
        sentinels = self.rows.tokenizer.sentinel_ids
        try:
            pairs = [corrupted(one, self.config.spans, sentinels, self._special, END_ID, rng) for one in ids]
        except ValueError as error:
            raise UsageError(f"[task], spans: {error}") from error
        return text_batch([shown for shown, _ in pairs], [answer for _, answer in pairs], start_id=start_id)

    def outputs(self, model: nn.Module, batch: TextBatch, taps: Sequence[str] = ()) -> Outputs:
        """Scores (N, U, V) of what follows every token, and the outputs of the modules named by `taps`."""
        return tapped(model, (batch.tokens_NT, batch.visible_NT, batch.written_NU), taps)

    def loss(self, model: nn.Module, batch: TextBatch, progress: Progress) -> Losses:
        """Cross entropy of what is to be written, sentinels and end too, mean over the tokens."""
        assert isinstance(model, LanguageNetwork)
        scores_MV, asked_M = asked_scores(model, batch)
        with progress.clock.phase("loss"):
            total = cross_entropy(scores_MV, asked_M)
        accuracy = float((scores_MV.detach().argmax(-1) == asked_M).float().mean())
        return Losses(total, {"loss": float(total.detach()), "accuracy": accuracy}, {}, float(len(asked_M)))

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """How well rows are written, each token with the true ones before it.

        Returns:
            `loss` (nats, mean over all tokens that are written) and `exact` (rows without a mistake); of
            hidden tokens alone, without sentinels and ends, `hidden_loss` and the accuracies, beside what the
            frequencies of the tokens alone give.
        """
        assert isinstance(model, LanguageNetwork)
        decoder_of(model)
        was_training, device = model.training, next(model.parameters()).device
        model.eval()
        told, loss, hidden_loss, count, exact, rows = Told(self.rows), 0.0, 0.0, 0, 0, 0
        special = torch.tensor(self._special, device=device)
        with torch.no_grad():
            for batch in self.batches(split, batch_size=JUDGED_AT_ONCE, seed=0, rank=0, world=1, skip=0):
                batch = moved(batch, lambda tensor: tensor.to(device))
                scores_MV, asked_M = asked_scores(model, batch)
                losses_M = cross_entropy(scores_MV, asked_M, reduction="none").double()
                written_M = scores_MV.argmax(-1)
                is_hidden_M = ~torch.isin(asked_M, special)
                told.add(asked_M[is_hidden_M].cpu().numpy(), written_M[is_hidden_M].cpu().numpy())
                of_rows = (batch.asked_NU >= 0).sum(1).tolist()
                exact += sum(bool(one.all()) for one in (written_M == asked_M).split(of_rows))
                loss += float(losses_M.sum())
                hidden_loss += float(losses_M[is_hidden_M].sum())
                count, rows = count + len(asked_M), rows + len(of_rows)
        model.train(was_training)
        figures = told.figures()
        hidden = {"hidden_loss": hidden_loss / figures["tokens"]}
        return {"loss": loss / count, **hidden, **figures, "exact": exact / rows}

    def updates(self, progress: Progress) -> Sequence[Update]:
        """One step on a training batch, of all parameters."""
        return [Update("training", lambda model: list(model.parameters()), self.config.optim)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Nothing changes between validations."""
        return False

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network with its tokenizer, and how its sentinels are used."""
        features: dict[str, Any] = {"tokenizer_json": self.rows.tokenizer_json}
        made = {**provenance, "learnt": "the next token"}
        if self.looks_at_source:
            features[SPANS] = to_dict(self.config.spans)
            made |= {"learnt": "to write spans that were taken out", SPANS: features[SPANS]}
        return Checkpoint(
            LANGUAGE_TASK,
            Component(self.architecture["name"], self.architecture["config"]),
            Component(self.head["name"], self.head["config"]),
            features,
            None,
            {**made, "stores": self.rows.made_from},
            weights_of(model),
        )


def pretrain_task(
    config: PretrainConfig, architecture: Mapping[str, Any], head: Mapping[str, Any]
) -> PretrainTask | PretrainTextTask:
    """The task that a head learns by: "text" writes, "masked_lm" tells hidden tokens.

    Raises:
        UsageError: for another head, or if stores and network do not fit together.
    """
    made = PretrainTextTask if head["name"] == "text" else PretrainTask
    return made(config, architecture, head)


def spans_of(model: Checkpoint) -> SpanConfig:
    """How spans were hidden when a model was pre-trained; the usual way if it does not say it.

    Raises:
        UsageError: if it says something that makes no sense.
    """
    said = model.features.get(SPANS)
    return (
        from_dict(SpanConfig, said, f"model {model.name}, {SPANS}")
        if isinstance(said, dict)
        else SpanConfig()
    )
