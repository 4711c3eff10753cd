"""A network as dorado has it: the sections of config.toml and one file per weight."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.dorado import SUFFIX
from lexome.checkpoint.dorado_limits import dorado_obstacles, has_tanh
from lexome.checkpoint.export_layers import encoder_of_numbers, encoder_of_sublayers, model_of_transformer
from lexome.checkpoint.export_network import (
    BIASES_ADDED,
    Form,
    PlainNetwork,
    agrees,
    plain_convs,
    plain_network,
    refuse,
    with_convs,
    with_one_bias,
)
from lexome.checkpoint.ont_layers import Layers, read_sublayers, sublayers_of_flat
from lexome.checkpoint.ont_transformer import TransformerLayers, read_transformer
from lexome.checkpoint.store import Checkpoint
from lexome.models.bonito import BonitoConfig
from lexome.nn.conv import fold_batchnorm


def dorado_form(checkpoint: Checkpoint) -> Form:
    """Describes a network in dorado's terms.

    Batch normalisations are folded into their convolutions and the two biases of an LSTM added; biases that
    the network lacks and dorado expects become zeros.

    Args:
        checkpoint: a basecaller.

    Returns:
        Its sections and its weights under dorado's names.

    Raises:
        UsageError: naming what dorado does not have.
    """
    network = plain_network(checkpoint, "dorado")
    refuse(checkpoint, "dorado", dorado_obstacles(network))
    network, added = with_one_bias(_with_all_biases(_folded(checkpoint, network)))
    sections, layers = _sections(network)
    assert agrees(layers, network)
    foreign = {theirs: network.weights[ours] for theirs, ours in layers.renames.items()}
    notes = (BIASES_ADDED.format(program="dorado"),) if added else ()
    return Form(sections, network, foreign, layers.chunk_multiple, notes)


def write_dorado_weights(folder: Path, foreign: Mapping[str, np.ndarray]) -> None:
    """Writes every weight as a TorchScript archive of a module with this one parameter, `0`."""
    import torch

    for name, weight in foreign.items():
        module = torch.nn.Module()
        module.register_parameter("0", torch.nn.Parameter(torch.from_numpy(np.array(weight)), False))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript, which dorado reads
            torch.jit.save(torch.jit.script(module), folder / f"{name}{SUFFIX}")


def _sections(network: PlainNetwork) -> tuple[dict[str, Any], Layers | TransformerLayers]:
    encoder, scorer = network.encoder, network.scorer
    if not isinstance(encoder, BonitoConfig):
        model = model_of_transformer(encoder, scorer)
        return {"model": model}, read_transformer(model, "dorado")
    if has_tanh(encoder):
        section = encoder_of_numbers(encoder, scorer)
        sublayers = sublayers_of_flat(section, scorer.state_len)
    else:
        section = encoder_of_sublayers(encoder, scorer)
        sublayers = section["sublayers"]
    sections = {
        "model": {"package": "bonito.crf"},
        "global_norm": {"state_len": scorer.state_len},
        "encoder": section,
    }
    return sections, read_sublayers(sublayers, "dorado")


def _folded(checkpoint: Checkpoint, network: PlainNetwork) -> PlainNetwork:
    if not any(conv.batch_norm for conv in plain_convs(network.encoder)):
        return network
    weights = weights_of(fold_batchnorm(build_network(checkpoint)))
    encoder = with_convs(
        network.encoder,
        lambda conv: replace(conv, batch_norm=False, bias=True) if conv.batch_norm else conv,
    )
    return PlainNetwork(encoder, network.scorer, weights)


def _with_all_biases(network: PlainNetwork) -> PlainNetwork:
    """The same network with zeros for the biases that it lacks and dorado reads."""
    encoder, scorer, weights = network.encoder, network.scorer, dict(network.weights)

    def add(name: str, like: str) -> None:
        weights[name] = np.zeros(len(weights[like]), np.float32)

    for i, conv in enumerate(plain_convs(encoder)):
        if not conv.bias:
            add(f"encoder.convs.{i}.conv.bias", f"encoder.convs.{i}.conv.weight")
    encoder = with_convs(encoder, lambda conv: replace(conv, bias=True))
    if not isinstance(encoder, BonitoConfig):
        return PlainNetwork(encoder, scorer, weights)
    for i, lstm in enumerate(encoder.lstms):
        if not lstm.bias:
            for kind in ("ih", "hh"):
                add(f"encoder.lstms.{i}.rnn.bias_{kind}_l0", f"encoder.lstms.{i}.rnn.weight_{kind}_l0")
    for i, linear in enumerate(encoder.linears):
        if not linear.bias:
            add(f"encoder.linears.{i}.bias", f"encoder.linears.{i}.weight")
    if has_tanh(encoder) and not scorer.bias:
        add("scorer.linear.bias", "scorer.linear.weight")
        scorer = replace(scorer, bias=True)
    encoder = replace(
        encoder,
        lstms=tuple(replace(lstm, bias=True) for lstm in encoder.lstms),
        linears=tuple(replace(linear, bias=True) for linear in encoder.linears),
    )
    return PlainNetwork(encoder, scorer, weights)
