"""A language model opened for use: network, tokenizer and the meaning of its outputs, from one checkpoint.

Legend: N sequences, T tokens, K outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from lexome.checkpoint.build import LANGUAGE_TASK, build_language_network
from lexome.checkpoint.store import Checkpoint, load
from lexome.core.errors import BadInputError, UsageError
from lexome.features.tokens import load_tokenizer
from lexome.features.tokens_json import read_tokenizer_text
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.nn.language import LanguageNetwork
from lexome.nn.packed_linear import pack_linears
from lexome.tasks.language.networks import padded_tensors
from lexome.tasks.language.targets import Target, target_from
from lexome.train.device import find_device


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A network with its tokenizer.

    Attributes:
        checkpoint: where it comes from.
        network: in evaluation mode, on `device`.
        tokenizer: lower case is read as upper case.
        target: what the outputs mean; None for a masked language model.
        device: where the network is.
    """

    checkpoint: Checkpoint
    network: LanguageNetwork
    tokenizer: Tokenizer
    target: Target | None
    device: torch.device

    @property
    def name(self) -> str:
        """The model's name."""
        return self.checkpoint.name

    @property
    def averages_strands(self) -> bool:
        """Whether its predictions are meant as the mean over both strands: it was trained and judged so."""
        return self.checkpoint.features.get("reverse_complement") is True

    def encode(self, sequences: Sequence[str]) -> list[Int[np.ndarray, " T"]]:
        """The ids of sequences, with the special tokens around them."""
        return self.tokenizer.encode_batch(sequences)

    def padded(self, ids: Sequence[Int[np.ndarray, " T"]]) -> tuple[Tensor, Tensor]:
        """A batch of ids: tokens (N, T) and where they are no padding (N, T), on the model's device."""
        tokens_NT, visible_NT = padded_tensors(ids, self.tokenizer)
        return tokens_NT.to(self.device), visible_NT.to(self.device)


def open_language_model(
    model: str | Path, *, device: str = "auto", tokenizer: str | Path | None = None
) -> LanguageModel:
    """Opens a model to use it; on a CPU its layers are packed, so it cannot be trained.

    Args:
        model: the name of a bundled model, a folder, or a name on the hub (see `checkpoint.store.load`).
        device: "auto", "cpu" or "cuda:N".
        tokenizer: use this one (see `features.tokens.load_tokenizer`) instead of the model's.

    Raises:
        UsageError: if there is no such model or device, or it is no language model.
        BadInputError: if it is damaged, or has no tokenizer or one that does not fit.
    """
    checkpoint = load(model)
    opened = tokenizer_of(checkpoint, tokenizer)
    where = find_device(device)
    network = build_language_network(checkpoint).to(where)
    if where.type == "cpu":
        pack_linears(network)
    return LanguageModel(checkpoint, network, opened, target_of(checkpoint), where)


def tokenizer_of(checkpoint: Checkpoint, other: str | Path | None = None) -> Tokenizer:
    """The tokenizer of a language model's checkpoint, or another one, checked; lower case is read as upper.

    Raises:
        UsageError: if it is no language model.
        BadInputError: if there is none, or one with other tokens than the network.
    """
    if checkpoint.task != LANGUAGE_TASK:
        raise UsageError(f"model {checkpoint.name} is for '{checkpoint.task}', not a language model")
    text = checkpoint.features.get("tokenizer_json")
    where = f"model {checkpoint.name}"
    if other is not None:
        tokenizer = load_tokenizer(other)
        where = str(other)
    elif isinstance(text, str):
        tokenizer = read_tokenizer_text(text, f"{where}, its tokenizer")
    else:
        raise BadInputError(f"{where} has no tokenizer; give one with --tokenizer")
    size = checkpoint.architecture.config.get("vocab_size")
    if tokenizer.vocab_size != size:
        raise BadInputError(
            f"{where}: the tokenizer has {tokenizer.vocab_size} tokens, the network knows {size}"
        )
    if "pad" not in tokenizer.special_ids:
        raise BadInputError(f"{where}: the tokenizer has no token for padding")
    return tokenizer.in_upper_case()


def target_of(checkpoint: Checkpoint) -> Target | None:
    """What the outputs of a checkpoint mean; classes "0", "1", ... if a classifier does not say it.

    Raises:
        BadInputError: if it says something that makes no sense.
    """
    if checkpoint.head.name != "sequence":
        return None
    outputs = checkpoint.head.config.get("num_outputs")
    said = checkpoint.features.get("target")
    if said is None:
        names = tuple(str(i) for i in range(int(outputs or 0)))
        return Target("classes", names) if len(names) > 1 else Target("value", ("value",))
    target = target_from(said, f"model {checkpoint.name}, its target")
    if target.num_outputs != outputs:
        raise BadInputError(f"model {checkpoint.name}: {outputs} outputs, but names for {target.num_outputs}")
    return target
