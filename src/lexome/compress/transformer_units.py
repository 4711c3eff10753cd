"""The units of a transformer's layers: heads of attentions, hidden features of feed-forward blocks.

A head goes by the columns that join it to the layer's sum; its rows of queries, keys and values go with them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from lexome.compress.unit_parts import Key, Part, Units, tensors_of
from lexome.core.config import to_dict
from lexome.models.dnabert2 import Attention as NamedAttention
from lexome.nn.attention import SelfAttention
from lexome.nn.banded_attention import BandedSelfAttention, FeedForward
from lexome.nn.feed_forward import DenseFeedForward
from lexome.nn.gated_gelu import GatedGelu
from lexome.nn.global_attention import LocalGlobalAttention
from lexome.nn.lsh_attention import LshAttention
from lexome.nn.multihead import MultiHeadAttention
from lexome.nn.transformer import GatedFeedForward

FeedForwards = (DenseFeedForward, FeedForward, GatedFeedForward, GatedGelu)
JOINED = (SelfAttention, BandedSelfAttention, LocalGlobalAttention)  # one product makes all three
Attentions = (*JOINED, MultiHeadAttention, LshAttention, NamedAttention)
PATH = "heads"  # where configurations say how many heads each layer has


def hidden_units(encoder: nn.Module, name: str, start: Key) -> Iterator[Units]:
    """The hidden features of the feed-forward blocks.

    Args:
        encoder: has them.
        name: of the encoder in the network.
        start: where its configuration begins.
    """
    config = to_dict(encoder.config)
    for path, module in encoder.named_modules():
        if not isinstance(module, FeedForwards):
            continue
        place, index = f"{name}.{path}", _layer_of(path)
        if "feed_forwards" in config:
            one = config["feed_forwards"][index]
            key: Key = ("feed_forwards", index, *(("hidden",) if isinstance(one, Mapping) else ()))
        else:
            key = ("feed_forward", "hidden") if "feed_forward" in config else ("hidden",)
        if isinstance(module, GatedGelu):
            into, out, blocks = "gated_layers", "wo", 2
        else:
            into, out, blocks = "into", "out", 2 if isinstance(module, GatedFeedForward) else 1
        made = tensors_of(f"{place}.{into}", getattr(module, into), blocks=blocks)
        width = getattr(module, out).in_features
        used = (Part(f"{place}.{out}.weight", 1),)
        yield Units(place, width, (*start, *key), tuple(made), used, "ffn")


def head_units(encoder: nn.Module, name: str, start: Key) -> Iterator[Units]:
    """The heads of an encoder's attentions if its configuration has a place for them; see `hidden_units`."""
    if not hasattr(encoder.config, PATH):
        return
    for path, module in encoder.named_modules():
        if not isinstance(module, Attentions):
            continue
        place, key = f"{name}.{path}", (*start, PATH, _layer_of(path))
        if isinstance(module, NamedAttention):
            inner = module.self
            parts = [Part(f"{place}.self.Wqkv.{one}", 0, 3, inner.head_size) for one in ("weight", "bias")]
            made = (Part(f"{place}.output.dense.weight", 1, 1, inner.head_size),)
            yield Units(place, inner.num_heads, key, made, tuple(parts), "heads", inner.head_size, True)
            continue
        size = module.head_size
        if isinstance(module, JOINED):
            parts = [Part(f"{place}.qkv.weight", 0, 3, size)]
        elif isinstance(module, MultiHeadAttention):
            parts = [Part(f"{place}.{one}.weight", 0, 1, size) for one in ("queries", "keys", "values")]
        else:
            parts = [Part(f"{place}.{one}.weight", 0, 1, size) for one in ("queries", "values")]
            parts.append(Part(f"{place}.directions_RHEF", 1, is_learned=False))
        made = (Part(f"{place}.out.weight", 1, 1, size),)
        yield Units(place, module.num_heads, key, made, tuple(parts), "heads", size)


def with_heads(config: dict[str, Any], encoder: nn.Module) -> dict[str, Any]:
    """A configuration that says which heads each layer has, if it has a place for that."""
    if PATH not in config or config[PATH] is not None:
        return config
    left: dict[int, Any] = {}
    for one in head_units(encoder, "", ()):
        left[int(one.key[-1])] = list(range(one.width)) if one.is_numbered else one.width
    return {**config, PATH: [left[layer] for layer in sorted(left)]}


def without_full_heads(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without its heads if all of them are there; also of the encoder within another."""
    if "architecture" in config:
        inner = config["architecture"]
        return {**config, "architecture": {**inner, "config": without_full_heads(inner["config"])}}
    if not config.get(PATH):
        return config
    count = config["attention"]["num_heads"] if "attention" in config else config["num_heads"]
    whole = all(left in (count, list(range(count))) for left in config[PATH])
    return {**config, PATH: None} if whole else config


def _layer_of(path: str) -> int:
    """The number of the layer that a module belongs to."""
    return next(int(piece) for piece in path.split(".") if piece.isdecimal())
