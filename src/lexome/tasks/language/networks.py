"""What pre-training and fine-tuning both do with networks and stores.

Legend: N sequences, T tokens, V tokens of the vocabulary, M hidden tokens.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import UsageError
from lexome.features.masking import NOT_ASKED
from lexome.features.tokens_json import read_tokenizer_text
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.io.token_store import TokenStore
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


def give_weights(network: nn.Module, model: Checkpoint, prefix: str = "") -> None:
    """Gives a network the weights of a model; with a prefix only those whose names begin with it.

    Raises:
        UsageError: if the two have other layers.
    """
    own = {n: tuple(t.shape) for n, t in network.state_dict().items() if n.startswith(prefix)}
    given = {n: w for n, w in model.weights.items() if n.startswith(prefix)}
    if own != {name: weight.shape for name, weight in given.items()}:
        raise UsageError(f"model {model.name} has other layers than the network that is to be trained")
    network.load_state_dict({n: torch.from_numpy(w.copy()) for n, w in given.items()}, strict=False)


def hidden_scores(
    network: nn.Module,
    tokens_NT: Int[Tensor, "N T"],
    visible_NT: Bool[Tensor, "N T"],
    asked_NT: Int[Tensor, "N T"],
) -> tuple[Float[Tensor, "M V"], Int[Tensor, "M"]]:
    """Scores of the tokens that are asked for, and what they are; the others cost no scores."""
    assert isinstance(network, LanguageNetwork)
    assert isinstance(network.scorer, MaskedLmScorer)
    features_NTD = network.tokens(tokens_NT, visible_NT)
    is_asked_NT = asked_NT != NOT_ASKED
    scores_MV = network.scorer(features_NTD[is_asked_NT], network.tokens.token_vectors)
    return scores_MV, asked_NT[is_asked_NT]
