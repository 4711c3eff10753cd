"""Heads: what turns a network's scores into a loss and into bases. A registry of lazy strings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lexome.core.errors import UsageError, nearest
from lexome.decode.crf import CrfDecoder, Decoded

DEFAULT_BLANK_SCORE = 2.0  # that of `nn.scorer.CrfScorerConfig`, which needs torch to be imported


@runtime_checkable  # so that decoders can be checked under the tests' type hook
class Decoder(Protocol):
    """Scores of one chunk -> bases, qualities, moves; thread-safe, releases the interpreter."""

    def __call__(self, scores_TK: np.ndarray) -> Decoded:  # noqa: D102
        ...


@dataclass(frozen=True)
class Head:
    """`loss` is where the training loss is found (module:function, torch), `decoder` builds the decoder."""

    loss: str
    decoder: Callable[[Mapping[str, Any]], Decoder]


def _crf_decoder(config: Mapping[str, Any]) -> Decoder:
    if not isinstance(config.get("state_len"), int):
        raise UsageError("[head], crf: needs the whole number 'state_len'")
    stay_score = config.get("blank_score", DEFAULT_BLANK_SCORE)
    clamp = config.get("clamp")
    if stay_score is not None and clamp is not None:  # the network clamps the fixed score like the others
        stay_score = min(max(stay_score, clamp[0]), clamp[1])
    return CrfDecoder(
        config["state_len"], stay_score, config.get("qscore_scale", 1.0), config.get("qscore_bias", 0.0)
    )


HEADS = {"crf": Head("lexome.decode.crf_loss:crf_head_loss", _crf_decoder)}


def find_head(name: str) -> Head:
    """The head of a registered name.

    Raises:
        UsageError: for an unknown name, with the nearest ones.
    """
    if name not in HEADS:
        raise UsageError(f"unknown head '{name}'; {nearest(name, HEADS)}")
    return HEADS[name]


def load_loss(head: Head) -> Callable[..., Any]:
    """Imports a head's loss (and torch with it)."""
    module, _, function = head.loss.partition(":")
    return getattr(import_module(module), function)
