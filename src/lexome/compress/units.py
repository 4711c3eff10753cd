"""The units of a network that can be taken out: which numbers belong to each, and which key says how many.

A unit is one output of a layer: a channel of a convolution, a unit of a recurrent layer (a row of each of its
gates), a hidden feature of a feed-forward block, a head of an attention (`compress.transformer_units`). The
tensors that it is `made` of: with zeros there its output is zero at every step, whatever comes in. `used` are
those that read it. Cutting a unit removes both, and what is left computes what the network computed with a
zero there.

Shapes: U units of a layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from lexome.compress.transformer_units import head_units, hidden_units, with_heads
from lexome.compress.unit_parts import Found, Key, Part, Units, tensors_of
from lexome.core.config import to_dict
from lexome.models.with_inputs import WithInputs
from lexome.nn.conv import ConvBlock
from lexome.nn.network import Network
from lexome.nn.recurrent import GATES, RecurrentLayer
from lexome.nn.separable import SeparableBlock, SeparableConv

CUTTABLE_CELLS = ("lstm", "gru", "elman", "lstm_steps", "lstm_scripted", "parallel_lstm")
READING_CELLS = ("slstm", "min_gru")  # these read their input by one matrix, too
IN_GROUPS = "convolutions over groups of channels make or read it"


@dataclass(frozen=True)
class _Link:
    """A layer of a chain, and where its width is said; without a key it only reads the layer before."""

    layer: str
    key: Key | None = None


def units_of(network: nn.Module) -> Found:
    """Finds the units of a network that its configuration allows to take out.

    Args:
        network: encoder and scorer, for signal or for tokens.
    """
    modules = dict(network.named_modules())
    units: list[Units] = []
    refused: dict[str, str] = {}
    for chain in _chains(network):
        for link, after in zip(chain, chain[1:], strict=False):
            if link.key is None:
                continue
            reason = _why_not(modules[link.layer], modules[after.layer])
            if reason:
                refused[link.layer] = reason
                continue
            width, made, inner = _made(link.layer, modules[link.layer])
            used = (*inner, *_used(after.layer, modules[after.layer]))
            units.append(Units(link.layer, width, link.key, tuple(made), tuple(used)))
    place = encoder_of(network)
    units.extend(hidden_units(*place))
    units.extend(head_units(*place))
    known = {one.layer for one in units} | set(refused)
    for layer in getattr(network, "prunable", ()):
        if layer not in known and not any(one.startswith(f"{layer}.") for one in known):
            kind = type(modules[layer]).__name__
            refused[layer] = f"a {kind} here has no width of its own in the configuration, or no single units"
    return Found(tuple(units), refused)


def architecture_of(network: nn.Module) -> dict[str, Any]:
    """The whole configuration of a network's architecture, defaults filled in, as plain values."""
    encoder = network.encoder
    assert isinstance(encoder, nn.Module)
    config = with_heads(to_dict(encoder.config), encoder)
    if isinstance(encoder, WithInputs):
        inner = with_heads(to_dict(encoder.encoder.config), encoder.encoder)
        inner.pop("in_channels", None)  # it follows from the inputs
        config["architecture"] = {**config["architecture"], "config": inner}
    return config


def encoder_of(network: nn.Module) -> tuple[nn.Module, str, Key]:
    """The encoder that has the layers, its name, and where its configuration begins."""
    encoder = network.encoder
    assert isinstance(encoder, nn.Module)
    if isinstance(encoder, WithInputs):
        return encoder.encoder, "encoder.encoder", ("architecture", "config")
    return encoder, "encoder", ()


def _chains(network: nn.Module) -> Iterator[list[_Link]]:
    """Layers each of which reads the one before and nothing else."""
    if not isinstance(network, Network):
        return
    encoder, name, key = encoder_of(network)
    parts = dict(encoder.named_children())
    stem = f"{name}.stem.convs" if "stem" in parts else f"{name}.convs"

    def links(kind: str, prefix: str = "", of: str = "size") -> list[_Link]:
        found = parts.get(kind, ())
        return [_Link(f"{prefix or f'{name}.{kind}'}.{i}", (*key, kind, i, of)) for i in range(len(found))]  # type: ignore[arg-type]

    if "stem" in parts:
        count = len(parts["stem"].convs)  # type: ignore[arg-type]
        convs = [_Link(f"{stem}.{i}", (*key, "convs", i, "size")) for i in range(count)]
    else:
        convs = links("convs")
    scorer = [_Link("scorer.linear")] if hasattr(network.scorer, "linear") else []
    if "blocks" in parts and isinstance(parts["blocks"], nn.Sequential) and not convs:
        yield _chain_of_blocks(encoder, name, key, scorer)
        return
    lstms = links("lstms")
    linears = [_Link(f"{name}.linears.{i}") for i in range(len(parts.get("linears", ())))]  # type: ignore[arg-type]
    if lstms and "blocks" not in parts:
        yield [*convs, *lstms, *linears[:1], *(scorer if not linears else [])]
        return
    if convs:  # the width of the last one runs through all that follows
        yield [*convs[:-1], _Link(convs[-1].layer)]
    if lstms:
        yield [*lstms, *scorer]


def _chain_of_blocks(encoder: nn.Module, name: str, key: Key, scorer: Sequence[_Link]) -> list[_Link]:
    blocks = list(encoder.blocks)  # type: ignore[arg-type]
    if isinstance(blocks[0], SeparableBlock):
        links = [_Link(f"{name}.blocks.{i}", (*key, "blocks", i, "size")) for i in range(len(blocks))]
        return [*links, *scorer]
    if isinstance(getattr(encoder, "linear", None), nn.Linear):  # Causalcall
        return [_Link(f"{name}.linear", (*key, "linear")), *scorer]
    return []


def _why_not(layer: nn.Module, after: nn.Module) -> str:
    """Why the units of a layer cannot be taken out; empty if they can."""
    match layer:
        case RecurrentLayer():
            if layer.config.kind not in CUTTABLE_CELLS:
                return f"it is not known how to take units out of cells of the kind {layer.config.kind}"
            if layer.config.residual or layer.config.layer_norm:
                return "a sum or a normalisation over all its units follows"
        case ConvBlock():
            clamp = layer.config.clamp
            if clamp is not None and not clamp[0] <= 0 <= clamp[1]:
                return f"its outputs are kept from {clamp[0]:g} to {clamp[1]:g}, which leaves zero out"
        case SeparableBlock() if _in_groups(layer):
            return IN_GROUPS
        case SeparableBlock() | nn.Linear():
            pass
        case _:
            return f"units of a {type(layer).__name__} cannot be taken out one by one"
    if isinstance(after, RecurrentLayer):
        if after.config.residual:
            return "the layer behind it adds its outputs to its own"
        if after.config.kind not in (*CUTTABLE_CELLS, *READING_CELLS):
            return f"cells of the kind {after.config.kind} read it"
    if isinstance(after, SeparableBlock) and _in_groups(after):
        return IN_GROUPS
    if not isinstance(after, RecurrentLayer | ConvBlock | SeparableBlock | nn.Linear):
        return f"a {type(after).__name__} reads it"
    return ""


def _in_groups(block: SeparableBlock) -> bool:
    """Whether a convolution works on groups of channels, which cannot lose single ones."""
    convs = [
        (one.along_time, _is_separable(one)) for one in block.modules() if isinstance(one, SeparableConv)
    ]
    return any(conv.groups != (conv.in_channels if is_separable else 1) for conv, is_separable in convs)


def _is_separable(conv: SeparableConv) -> bool:
    return isinstance(conv.across_channels, nn.Conv1d)


def _made(name: str, layer: nn.Module) -> tuple[int, list[Part], list[Part]]:
    """A layer's units: how many, the tensors that make them, and those within that read them."""
    match layer:
        case RecurrentLayer():
            gates = GATES[layer.config.kind]
            made = [Part(f"{name}.rnn.{one}", 0, gates) for one, _ in layer.rnn.named_parameters()]
            return layer.config.size, made, [Part(f"{name}.rnn.weight_hh_l0", 1)]
        case ConvBlock():
            made = tensors_of(f"{name}.conv", layer.conv)
            norm = [] if layer.norm is None else tensors_of(f"{name}.norm", layer.norm)
            return layer.config.size, [*made, *norm], []
        case SeparableBlock():
            return _made_by_block(name, layer)
        case _:
            assert isinstance(layer, nn.Linear)
            return layer.out_features, tensors_of(name, layer), []


def _made_by_block(name: str, block: SeparableBlock) -> tuple[int, list[Part], list[Part]]:
    made: list[Part] = []
    inner: list[Part] = []
    for i, conv in enumerate(block.convs):
        place = f"{name}.convs.{i}"
        made += _made_by_conv(place, conv)
        if i:
            inner += _used_by_conv(place, conv)
    if block.residual is not None:
        made += _made_by_conv(f"{name}.residual", block.residual)
    return block.config.size, made, inner


def _made_by_conv(place: str, conv: nn.Module) -> list[Part]:
    assert isinstance(conv, SeparableConv)
    last = "across_channels" if _is_separable(conv) else "along_time"
    return [Part(f"{place}.{last}.weight"), *tensors_of(f"{place}.norm", conv.norm)]


def _used_by_conv(place: str, conv: nn.Module) -> list[Part]:
    assert isinstance(conv, SeparableConv)
    if _is_separable(conv):
        return [Part(f"{place}.along_time.weight"), Part(f"{place}.across_channels.weight", 1)]
    return [Part(f"{place}.along_time.weight", 1)]


def _used(name: str, layer: nn.Module) -> list[Part]:
    """The tensors of a layer that read what comes in."""
    match layer:
        case RecurrentLayer():
            return [Part(f"{name}.{'rnn.weight_ih_l0' if layer.down is None else 'down.weight'}", 1)]
        case ConvBlock():
            return [Part(f"{name}.conv.weight", 1)]
        case SeparableBlock():
            used = _used_by_conv(f"{name}.convs.0", layer.convs[0])
            if layer.residual is not None:
                used += _used_by_conv(f"{name}.residual", layer.residual)
            return used
        case _:
            return [Part(f"{name}.weight", 1)]
