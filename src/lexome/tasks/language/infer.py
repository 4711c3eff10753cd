"""Running a language model over a stream: batches by tokens, results in the order of the input.

Padding is never computed and rows do not depend on what they share a batch with, so the size of the batches
changes results by float noise only, and the same settings give the same bytes.

Legend: N sequences, T tokens, D features, K outputs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lexome.core.errors import UsageError
from lexome.nn.language import MaskedLmScorer, SequenceScorer
from lexome.nn.ragged import Ragged, joined
from lexome.nn.text_decoder import TextDecoder
from lexome.tasks.language.model import LanguageModel
from lexome.tasks.language.targets import Target

BATCH_TOKENS = 4096
LOOK_AHEAD = 8  # batches read ahead, to put sequences of about one length together


class Stack(Protocol):
    """Layers, one after the other."""

    layer: nn.ModuleList

    def outputs(self, x_PD: Tensor, ragged: Ragged) -> Iterator[Tensor]:
        """What comes in, then the output of every layer."""
        ...


@runtime_checkable
class LayeredEncoder(Protocol):
    """An encoder of tokens that shows its layers: DNABERT-2's, ENBED's."""

    encoder: Stack

    def embed(self, tokens: Tensor, ragged: Ragged, types: Tensor | None = None) -> Tensor:
        """What goes into the first layer, (P, D), of tokens one behind the other."""
        ...


Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    items: Iterable[Item],
    tokens_of: Callable[[Item], int],
    compute: Callable[[list[Item]], Sequence[Result]],
    batch_tokens: int = BATCH_TOKENS,
) -> Iterator[tuple[Item, Result]]:
    """Computes items in batches of about one length and yields them in their order.

    Args:
        items: what is to be computed.
        tokens_of: how many tokens an item is, one or more.
        compute: results of a batch, in its order.
        batch_tokens: tokens of a batch; an item with more is a batch of its own. At most `LOOK_AHEAD` times
            as many tokens are held at once, and the item that exceeds them.
    """
    held: list[Item] = []
    tokens = 0
    for item in items:
        held.append(item)
        tokens += tokens_of(item)
        if tokens >= LOOK_AHEAD * batch_tokens:
            yield from _computed(held, tokens_of, compute, batch_tokens)
            held, tokens = [], 0
    yield from _computed(held, tokens_of, compute, batch_tokens)


def _computed(
    items: list[Item],
    tokens_of: Callable[[Item], int],
    compute: Callable[[list[Item]], Sequence[Result]],
    batch_tokens: int,
) -> Iterator[tuple[Item, Result]]:
    results: dict[int, Result] = {}
    sizes = [tokens_of(item) for item in items]
    batch: list[int] = []
    filled = 0
    for i in sorted(range(len(items)), key=sizes.__getitem__):
        if batch and filled + sizes[i] > batch_tokens:
            results.update(zip(batch, compute([items[b] for b in batch]), strict=True))
            batch, filled = [], 0
        batch.append(i)
        filled += sizes[i]
    if batch:
        results.update(zip(batch, compute([items[b] for b in batch]), strict=True))
    for i, item in enumerate(items):
        yield item, results.pop(i)


def target_of_model(model: LanguageModel) -> Target:
    """What a model predicts.

    Raises:
        UsageError: if it is a masked language model, or writes text.
    """
    if model.target is None:
        what = (
            "writes text" if isinstance(model.network.scorer, TextDecoder) else "is a masked language model"
        )
        raise UsageError(
            f"model {model.name} {what} and predicts nothing of a sequence; fine-tune it first (lexome lm "
            "finetune)"
        )
    return model.target


@torch.no_grad()
def predictions(model: LanguageModel, ids: Sequence[Int[np.ndarray, " T"]]) -> Float[np.ndarray, "N K"]:
    """Probabilities, or values, of sequences.

    Raises:
        UsageError: if it is a masked language model.
    """
    target = target_of_model(model)
    assert isinstance(model.network.scorer, SequenceScorer)
    scores_NK = model.network(*model.padded(ids))
    return target.predictions(scores_NK.cpu().numpy())


def layer_number(model: LanguageModel, layer: int | None) -> int:
    """A layer counted from the embedding, 0; None is the last one, negative numbers count from it.

    Raises:
        UsageError: if there is no such layer.
    """
    last = len(_encoder(model).encoder.layer)
    number = last if layer is None else layer + (last + 1 if layer < 0 else 0)
    if not 0 <= number <= last:
        raise UsageError(
            f"--layer {layer}: model {model.name} has the layers 0 (embedding) to {last}, or -1 (the last) "
            f"to {-last - 1}"
        )
    return number


@torch.no_grad()
def token_features(
    model: LanguageModel, ids: Sequence[Int[np.ndarray, " T"]], layer: int | None = None
) -> list[Float[Tensor, "_ D"]]:
    """Features of every token, special ones too, of sequences of any lengths; nothing is padded.

    Args:
        model: the model.
        ids: a sequence each, with its special tokens.
        layer: see `layer_number`.
    """
    encoder, number = _encoder(model), layer_number(model, layer)
    lengths = [len(one) for one in ids]
    tokens_P = torch.from_numpy(np.concatenate(ids).astype(np.int64)).to(model.device)
    ragged = joined(lengths, model.device)
    outputs = encoder.encoder.outputs(encoder.embed(tokens_P, ragged, None), ragged)
    x_PD = next(islice(outputs, number, None))  # layers behind it are not computed
    return list(ragged.unpack(x_PD).split(lengths))


def check_masked_model(model: LanguageModel) -> None:
    """Raises UsageError if a model scores no masked tokens, or its tokenizer has no token for them."""
    if isinstance(model.network.scorer, TextDecoder):
        raise UsageError(
            f"model {model.name} writes text, one token behind the other; tokens that are masked one by one "
            "are scored by masked language models only: pre-train one of the same encoder with the head "
            "'masked_lm'"
        )
    if not isinstance(model.network.scorer, MaskedLmScorer):
        raise UsageError(
            f"model {model.name} predicts {model.target.kind if model.target else 'something else'}; tokens "
            "are scored by masked language models only (such as the one that it was fine-tuned from)"
        )
    if model.tokenizer.mask_id is None:
        raise UsageError(f"model {model.name}: its tokenizer has no token for masking")


@torch.no_grad()
def masked_log_probabilities(
    model: LanguageModel,
    ids: Sequence[Int[np.ndarray, " T"]],
    places: Sequence[Int[np.ndarray, " M"]],
    truths: Sequence[Int[np.ndarray, " M"]],
) -> list[Float[np.ndarray, " M"]]:
    """Natural logarithms of the probability of the true tokens at some places of sequences.

    Args:
        model: a masked language model.
        ids: sequences in which tokens are masked.
        places: of each sequence, where to look.
        truths: of each sequence, the ids that belong there.
    """
    scorer = model.network.scorer
    assert isinstance(scorer, MaskedLmScorer)
    features = token_features(model, ids)
    # only what is looked at is scored: the vocabulary is larger than the features
    seen = torch.cat([x_TD[torch.from_numpy(at)] for x_TD, at in zip(features, places, strict=True)])
    log_p = scorer(seen, model.network.tokens.token_vectors).double().log_softmax(-1).cpu().numpy()
    found = log_p[np.arange(len(log_p)), np.concatenate(truths)]
    return np.split(found, np.cumsum([len(at) for at in places])[:-1])


def _encoder(model: LanguageModel) -> LayeredEncoder:
    encoder, scorer = model.network.encoder, model.network.scorer
    if isinstance(scorer, TextDecoder) and not scorer.config.cross_attention:
        raise UsageError(f"model {model.name} has a decoder only: there is no encoder to take features from")
    if not isinstance(encoder, LayeredEncoder):
        raise UsageError(f"model {model.name}: {type(encoder).__name__} does not show its layers")
    return encoder
