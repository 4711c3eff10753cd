"""A basecaller's network in plain terms, ready to be written in another program's layout."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.ont_layers import Layers
from lexome.checkpoint.ont_transformer import TransformerLayers
from lexome.checkpoint.store import Checkpoint
from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.models.bonito import BonitoConfig
from lexome.models.registry import DECODER_KEYS
from lexome.models.transformer import TransformerConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.scorer import CrfScorerConfig
from lexome.nn.transformer import deepnorm_alpha, deepnorm_beta

ENCODERS = {"bonito": BonitoConfig, "transformer": TransformerConfig}
BIASES_ADDED = (
    "the recurrent biases of the LSTMs were added to their input biases, since {program} leaves them out on "
    "a GPU; the scores change by rounding only"
)
Encoder = TypeVar("Encoder", bound=BonitoConfig | TransformerConfig)


@dataclass(frozen=True, eq=False)
class PlainNetwork:
    """An encoder with CRF scores, every default spelt out; weights under our names."""

    encoder: BonitoConfig | TransformerConfig
    scorer: CrfScorerConfig
    weights: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Form:
    """A network as another program has it.

    Attributes:
        sections: the sections of config.toml that describe the network.
        network: the same in our terms, as it is to be read back.
        foreign: weights under the other program's names, in its order.
        chunk_multiple: samples that the length of a chunk must be a multiple of.
        notes: what the user should know.
    """

    sections: dict[str, Any]
    network: PlainNetwork
    foreign: dict[str, np.ndarray]
    chunk_multiple: int
    notes: tuple[str, ...] = ()


def plain_network(checkpoint: Checkpoint, program: str) -> PlainNetwork:
    """The network of a checkpoint.

    Args:
        checkpoint: a basecaller.
        program: for whom; it stands in the complaint.

    Returns:
        Its configuration and all its weights.

    Raises:
        UsageError: if it is of a kind that the other programs do not have; the message names what.
        BadInputError: if the weights do not fit the configuration.
    """
    obstacles = []
    if checkpoint.task != "basecall":
        obstacles.append(f"the task '{checkpoint.task}'")
    if checkpoint.architecture.name not in ENCODERS:
        obstacles.append(f"the architecture '{checkpoint.architecture.name}'")
    if checkpoint.head.name != "crf":
        obstacles.append(f"the head '{checkpoint.head.name}'")
    if checkpoint.quantization is not None:
        obstacles.append("quantised weights")
    refuse(checkpoint, program, obstacles)
    config_class = ENCODERS[checkpoint.architecture.name]
    encoder = from_dict(
        config_class, checkpoint.architecture.config, f"model {checkpoint.name}, architecture"
    )
    own = {k: v for k, v in checkpoint.head.config.items() if k not in DECODER_KEYS["crf"]}
    scorer = from_dict(CrfScorerConfig, own, f"model {checkpoint.name}, head")
    if isinstance(encoder, BonitoConfig) and any(layer.rank for layer in encoder.lstms):
        refuse(checkpoint, program, ["recurrent layers of low rank"])
    if encoder.in_channels != 1:
        refuse(checkpoint, program, [f"{encoder.in_channels} input channels"])
    return PlainNetwork(_spelt_out(encoder), scorer, weights_of(build_network(checkpoint)))


def refuse(checkpoint: Checkpoint, program: str, obstacles: list[str]) -> None:
    """Raises a UsageError that names the obstacles, if there are any."""
    if obstacles:
        raise UsageError(
            f"model {checkpoint.name} cannot be written for {program}, which does not have: "
            + "; ".join(obstacles)
        )


def padding_of(conv: ConvConfig) -> int:
    """Zeros at both ends of a convolution's input."""
    return conv.kernel // 2 if conv.padding is None else conv.padding


def plain_convs(encoder: BonitoConfig | TransformerConfig) -> tuple[ConvConfig, ...]:
    """The convolutions of an encoder that other programs can have.

    Raises:
        UsageError: if there are Kolmogorov-Arnold convolutions, which no other program has.
    """
    convs = tuple(conv for conv in encoder.convs if isinstance(conv, ConvConfig))
    if len(convs) < len(encoder.convs):
        raise UsageError("Kolmogorov-Arnold convolutions cannot be written for other programs")
    return convs


def with_convs(encoder: Encoder, change: Callable[[ConvConfig], ConvConfig]) -> Encoder:
    """The encoder with every convolution changed."""
    return replace(encoder, convs=tuple(map(change, plain_convs(encoder))))


def with_one_bias(network: PlainNetwork, sizes: frozenset[int] | None = None) -> tuple[PlainNetwork, bool]:
    """Moves the recurrent biases of LSTMs into their input biases: a gate only ever sees the sum.

    Args:
        network: the network.
        sizes: only of LSTMs of these sizes; None: of all.

    Returns:
        The network, and whether anything changed.
    """
    weights = dict(network.weights)
    changed = False
    layers = network.encoder.lstms if isinstance(network.encoder, BonitoConfig) else ()
    for i, layer in enumerate(layers):
        ours = f"encoder.lstms.{i}.rnn"
        if layer.kind != "lstm" or not layer.bias or (sizes is not None and layer.size not in sizes):
            continue
        recurrent = weights[f"{ours}.bias_hh_l0"]
        if recurrent.any():
            weights[f"{ours}.bias_ih_l0"] = weights[f"{ours}.bias_ih_l0"] + recurrent
            weights[f"{ours}.bias_hh_l0"] = np.zeros_like(recurrent)
            changed = True
    return replace(network, weights=weights), changed


def agrees(layers: Layers | TransformerLayers, network: PlainNetwork) -> bool:
    """Whether layers that were read from a configuration are those of the network."""
    if ENCODERS[layers.architecture] is not type(network.encoder):
        return False
    encoder = from_dict(type(network.encoder), layers.encoder, "encoder")
    return (encoder, from_dict(CrfScorerConfig, layers.scorer, "scorer")) == (network.encoder, network.scorer)


def _spelt_out(encoder: Encoder) -> Encoder:
    encoder = with_convs(encoder, lambda conv: replace(conv, padding=padding_of(conv)))
    if isinstance(encoder, TransformerConfig):
        depth, alpha, beta = len(encoder.feed_forwards), encoder.deepnorm_alpha, encoder.deepnorm_beta
        return replace(
            encoder,
            deepnorm_alpha=deepnorm_alpha(depth) if alpha is None else alpha,
            deepnorm_beta=deepnorm_beta(depth) if beta is None else beta,
        )
    return encoder
