"""A network as bonito has it: the sections of config.toml and the names of a state dict."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.export_layers import encoder_of_sublayers, model_of_transformer
from lexome.checkpoint.export_network import (
    BIASES_ADDED,
    Form,
    PlainNetwork,
    agrees,
    plain_convs,
    plain_network,
    refuse,
    with_one_bias,
)
from lexome.checkpoint.ont_layers import Layers, read_sublayers, sublayers_of_flat
from lexome.checkpoint.ont_transformer import TransformerLayers, read_transformer
from lexome.checkpoint.store import Checkpoint
from lexome.models.bonito import BonitoConfig
from lexome.models.transformer import TransformerConfig
from lexome.nn.position import THETA

WEIGHTS_NAME = "weights_1.tar"
KOI_SIZES = frozenset({96, 128})  # LSTMs that bonito's GPU kernels run; they take one bias
# bonito keeps this number of its configuration among the weights, first in each layer
ALPHA = "deepnorm_alpha"
LAYER_ORDER: tuple[str, ...] = ("self_attn.Wqkv", "self_attn.out_proj", "ff.fc1", "ff.fc2", "norm1", "norm2")


def bonito_form(checkpoint: Checkpoint) -> Form:
    """Describes a network in bonito's terms.

    An imported model keeps the description of the network that it came with, if that still holds.

    Args:
        checkpoint: a basecaller.

    Returns:
        Its sections and its weights under bonito's names; nothing but the LSTM biases named in the notes is
        changed.

    Raises:
        UsageError: naming what bonito does not have.
    """
    network = plain_network(checkpoint, "bonito")
    refuse(checkpoint, "bonito", list(shared_obstacles(network)))
    network, added = with_one_bias(network, KOI_SIZES)
    original = checkpoint.provenance.get("imported_from", {}).get("config", {})
    sections, layers = _original_sections(original)
    if layers is None or not agrees(layers, network):
        sections, layers = _new_sections(network)
    assert agrees(layers, network)
    notes = [BIASES_ADDED.format(program="bonito")] if added else []
    if checkpoint.features.get("scaling", {}).get("method", "med_mad") == "med_mad":
        notes.append("bonito 1.1 itself cannot scale reads by median and MAD, as this model needs")
    return Form(sections, network, _state(layers, network), layers.chunk_multiple, tuple(notes))


def shared_obstacles(network: PlainNetwork) -> Iterator[str]:
    """What neither bonito nor dorado has: names for the complaint."""
    encoder = network.encoder
    if isinstance(encoder, BonitoConfig):
        kinds = sorted({layer.kind for layer in encoder.lstms} - {"lstm"})
        if kinds:
            yield f"recurrent layers of the kind {' or '.join(kinds)}"
        if any(layer.splits > 1 for layer in encoder.lstms):
            yield "recurrent layers that run in split sequences"
        if any(layer.residual or layer.layer_norm for layer in encoder.lstms):
            yield "recurrent layers with a sum or a normalisation behind"
        strange = sorted({conv.activation for conv in plain_convs(encoder)} & {"leaky_relu", "gelu"})
        if strange:
            yield f"convolutions followed by {' or '.join(strange)}"
        return
    if encoder.attention.window is None:
        yield "attention without a window"
    if encoder.attention.theta != THETA:
        yield f"rotary frequencies of another base than {THETA:g}"
    if encoder.heads is not None:
        yield "attention with heads taken out"
    if len(set(encoder.feed_forwards)) > 1:
        yield "feed-forward blocks of several widths"
    if network.scorer.clamp is not None or any(conv.clamp is not None for conv in plain_convs(encoder)):
        yield "a transformer with clamps"


def write_bonito_weights(folder: Path, foreign: Mapping[str, np.ndarray]) -> None:
    """Writes the weights as a state dict of plain tensors, as after a first epoch."""
    import torch

    state = {name: torch.from_numpy(np.array(weight)) for name, weight in foreign.items()}
    torch.save(state, folder / WEIGHTS_NAME)


def _state(layers: Layers | TransformerLayers, network: PlainNetwork) -> dict[str, np.ndarray]:
    """The weights in the order of bonito's own modules: it pairs them with layers by shape and order."""
    foreign = {theirs: network.weights[ours] for theirs, ours in layers.renames.items()}
    encoder = network.encoder
    if isinstance(encoder, TransformerConfig):
        alpha = np.array(encoder.deepnorm_alpha, np.float32)
        depth = range(len(encoder.feed_forwards))
        foreign |= {f"transformer_encoder.{i}.{ALPHA}": alpha for i in depth}
        foreign = {name: foreign[name] for name in sorted(foreign, key=_place_in_transformer)}
    return {f"encoder.{name}": weight for name, weight in foreign.items()}


def _place_in_transformer(name: str) -> tuple[int, int, int]:
    """Sorts by part, layer and place in the layer; what stays equal keeps its order."""
    part, _, rest = name.partition(".")
    parts = ("conv", "transformer_encoder", "upsample", "crf")
    if part != "transformer_encoder":
        return parts.index(part), 0, 0
    number, _, own = rest.partition(".")
    place = 0 if own == ALPHA else 1 + LAYER_ORDER.index(own.rpartition(".")[0])
    return parts.index(part), int(number), place


def _new_sections(network: PlainNetwork) -> tuple[dict[str, Any], Layers | TransformerLayers]:
    if isinstance(network.encoder, TransformerConfig):
        model = model_of_transformer(network.encoder, network.scorer)
        return {"model": model}, read_transformer(model, "bonito")
    encoder = encoder_of_sublayers(network.encoder, network.scorer)
    sections = {
        "model": {"package": "bonito.crf"},
        "global_norm": {"state_len": network.scorer.state_len},
        "encoder": encoder,
    }
    return sections, read_sublayers(encoder["sublayers"], "bonito")


def _original_sections(
    original: Mapping[str, Any],
) -> tuple[dict[str, Any], Layers | TransformerLayers | None]:
    """The configuration that came with the model, and its layers; None if there is none of these kinds."""
    try:
        if "package" in original.get("model", {}) and original["model"]["package"] == "bonito.transformer":
            return {"model": original["model"]}, read_transformer(original["model"], "bonito")
        encoder, state_len = original["encoder"], original["global_norm"]["state_len"]
        sections = {
            "model": {"package": "bonito.crf"},
            "global_norm": {"state_len": state_len},
            "encoder": encoder,
        }
        sublayers = encoder["sublayers"] if "sublayers" in encoder else sublayers_of_flat(encoder, state_len)
        layers = read_sublayers(sublayers, "bonito")
        return sections, layers if layers.scorer["state_len"] == state_len else None
    except (AttributeError, KeyError, TypeError, ValueError):  # config.json remembers something else
        return {}, None
