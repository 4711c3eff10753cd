"""What pre-training and fine-tuning both do with networks and stores.

Legend: N sequences, T tokens, V tokens of the vocabulary, M hidden tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lexome.checkpoint.build import take_weights
from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import UsageError
from lexome.features.masking import NOT_ASKED, MaskingConfig, Vocabulary, mask_tokens
from lexome.features.token_batches import padded
from lexome.features.tokens_json import read_tokenizer_text
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.io.token_store import TokenStore
from lexome.models.registry import language_config
from lexome.nn.language import LanguageNetwork, MaskedLmScorer


def common_tokenizer(stores: Sequence[TokenStore]) -> Tokenizer:
    """The tokenizer of all stores.

    Raises:
        BadInputError: if a store's is damaged.
        UsageError: if they have several.
    """
    for store in stores[1:]:
        if store.meta["tokenizer_json"] != stores[0].meta["tokenizer_json"]:
            raise UsageError(
                f"{store.path} and {stores[0].path} were made with different tokenizers; take one"
            )
    return read_tokenizer_text(stores[0].meta["tokenizer_json"], f"{stores[0].path}, its tokenizer")


def filled_in(table: Mapping[str, Any], known: Mapping[str, Any], what: str) -> dict[str, Any]:
    """An [architecture] or [head] in which what the data decides is filled in.

    Raises:
        UsageError: if it says something else there.
    """
    config = dict(table["config"])
    for key, value in known.items():
        if config.setdefault(key, value) != value:
            raise UsageError(f"[{what}]: {key} is {config[key]}, the tokenizer says {value}; leave it out")
    return {"name": str(table["name"]), "config": config}


def what_data_decides(
    architecture: Mapping[str, Any], head: Mapping[str, Any], tokenizer: Tokenizer
) -> tuple[dict[str, Any], dict[str, Any]]:
    """An [architecture] and a [head] with what the tokenizer decides.

    Raises:
        UsageError: if they say something else, or there is no such architecture.
    """
    known = {"vocab_size": tokenizer.vocab_size, "pad_id": tokenizer.special_ids["pad"]}
    keys = {field.name for field in fields(language_config(str(architecture["name"])))}
    own = {key: value for key, value in known.items() if key in keys}
    return filled_in(architecture, own, "architecture"), filled_in(
        head, {"vocab_size": known["vocab_size"]}, "head"
    )


def give_weights(network: nn.Module, model: Checkpoint, prefix: str = "") -> None:
    """Gives a network the weights of a model; with a prefix only those whose names begin with it.

    Raises:
        UsageError: if the two have other layers.
    """
    if not take_weights(network, model, prefix):
        raise UsageError(f"model {model.name} has other layers than the network that is to be trained")


def padded_tensors(
    ids: Sequence[Int[np.ndarray, " _"]], tokenizer: Tokenizer
) -> tuple[Int[Tensor, "N T"], Bool[Tensor, "N T"]]:
    """A batch of ids, padded behind, and where they are no padding."""
    tokens_NT, visible_NT = padded(ids, tokenizer.special_ids["pad"])
    return torch.from_numpy(tokens_NT), torch.from_numpy(visible_NT)


@dataclass(frozen=True)
class MaskedBatch:
    """What the network is shown, where that is no padding, and what it is asked for (else `NOT_ASKED`)."""

    tokens_NT: Tensor
    visible_NT: Tensor
    asked_NT: Tensor


class Masker:
    """Makes batches with hidden tokens of a tokenizer; special tokens and padding are never hidden."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._pad_id = tokenizer.special_ids["pad"]
        self._special = list(tokenizer.special.values())
        ordinary = np.setdiff1d(np.arange(tokenizer.vocab_size), self._special)
        if tokenizer.mask_id is None:
            raise UsageError(
                "the tokenizer has no token for masking, nor a sentinel that could stand for one"
            )
        self.mask_id = tokenizer.mask_id
        self._vocabulary = Vocabulary(ordinary, self.mask_id)

    def batch(
        self, ids: Sequence[Int[np.ndarray, " _"]], config: MaskingConfig, rng: np.random.Generator
    ) -> MaskedBatch:
        """A batch of ids, some of them hidden."""
        tokens_NT, visible_NT = padded(ids, self._pad_id)
        maskable_NT = visible_NT & ~np.isin(tokens_NT, self._special)
        shown_NT, asked_NT = mask_tokens(tokens_NT, maskable_NT, config, self._vocabulary, rng)
        return MaskedBatch(*(torch.from_numpy(a) for a in (shown_NT, visible_NT, asked_NT)))


def hidden_scores(network: nn.Module, batch: MaskedBatch) -> tuple[Float[Tensor, "M V"], Int[Tensor, " M"]]:
    """Scores of the tokens that are asked for, and what they are; the others cost no scores."""
    assert isinstance(network, LanguageNetwork)
    assert isinstance(network.scorer, MaskedLmScorer)
    features_NTD = network.tokens(batch.tokens_NT, batch.visible_NT)
    is_asked_NT = batch.asked_NT != NOT_ASKED
    scores_MV = network.scorer(features_NTD[is_asked_NT], network.tokens.token_vectors)
    return scores_MV, batch.asked_NT[is_asked_NT]
