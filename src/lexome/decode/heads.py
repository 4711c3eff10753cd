"""Heads: what turns a network's scores into a loss and into bases. A registry of lazy strings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lexome.core.errors import UsageError, nearest
from lexome.decode.crf import CrfDecoder, Decoded
from lexome.decode.crf_beam import CrfBeamDecoder
from lexome.decode.ctc import CtcDecoder
from lexome.decode.quality import quality_scale

MAX_BEAM_WIDTH = 256
DEFAULT_BLANK_SCORE = 2.0  # that of `nn.scorer.CrfScorerConfig`, which needs torch to be imported


@runtime_checkable  # so that decoders can be checked under the tests' type hook
class Decoder(Protocol):
    """Scores of one chunk -> bases, qualities, moves; thread-safe, releases the interpreter."""

    def __call__(self, scores_TK: np.ndarray) -> Decoded:  # noqa: D102
        ...


@dataclass(frozen=True)
class Head:
    """What belongs to a registered name.

    `loss` is where the training loss is found (module:function, torch), `loss_keys` are the keys of the
    head's configuration that it takes by name. `decoder` builds the decoder from that configuration and the
    width of the beam (None: the best path, without a beam).
    """

    loss: str
    decoder: Callable[..., Decoder]
    loss_keys: tuple[str, ...] = ()


def _crf_decoder(config: Mapping[str, Any], beam_width: int | None = None) -> Decoder:
    if not isinstance(config.get("state_len"), int):
        raise UsageError("[head], crf: needs the whole number 'state_len'")
    stay_score = config.get("blank_score", DEFAULT_BLANK_SCORE)
    clamp = config.get("clamp")
    if stay_score is not None and clamp is not None:  # the network clamps the fixed score like the others
        stay_score = min(max(stay_score, clamp[0]), clamp[1])
    fields = (
        config["state_len"], stay_score, quality_scale(config)
    )  # fmt: skip
    return CrfDecoder(*fields) if beam_width is None else CrfBeamDecoder(*fields, width=beam_width)


def _ctc_decoder(config: Mapping[str, Any], beam_width: int | None = None) -> Decoder:
    return CtcDecoder(beam_width, quality_scale(config))


HEADS = {
    "crf": Head("lexome.decode.crf_loss:crf_head_loss", _crf_decoder),
    "ctc": Head("lexome.decode.ctc_loss:ctc_head_loss", _ctc_decoder, ("label_smoothing",)),
}


def find_head(name: str) -> Head:
    """The head of a registered name.

    Raises:
        UsageError: for an unknown name, with the nearest ones.
    """
    if name not in HEADS:
        raise UsageError(f"unknown head '{name}'; {nearest(name, HEADS)}")
    return HEADS[name]


def load_loss(head: Head, config: Mapping[str, Any]) -> Callable[..., Any]:
    """Imports a head's loss (and torch with it), with what concerns it from the head's configuration."""
    module, _, function = head.loss.partition(":")
    loss = getattr(import_module(module), function)
    settings = {key: config[key] for key in head.loss_keys if key in config}
    return partial(loss, **settings) if settings else loss
