"""Where the tokens of a sequence look: attention maps of a language model.

Legend: L layers, H heads, T tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import nn

from lexome import __version__
from lexome.core.errors import UsageError
from lexome.evaluate.attention_distance import attention_sums
from lexome.nn.alibi import AlibiSelfAttention
from lexome.nn.window_attention import WindowAttention
from lexome.tasks.compare.attention import inputs_of
from lexome.tasks.language.infer import token_features
from lexome.tasks.language.model import LanguageModel

MAX_TOKENS = 1024
ALL = "mean"
ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """How much each token (first axis) looks at each; what a row lacks to 1 goes to global tokens.

    Attributes:
        layer: from 1; None is the mean over layers.
        head: from 1; None is the mean over heads.
        weights_TT: the map.
    """

    layer: int | None
    head: int | None
    weights_TT: Float32[np.ndarray, "T T"]


@dataclass(frozen=True, eq=False)
class SequenceAttention:
    """The maps of one sequence.

    Attributes:
        name: of the sequence.
        tokens: as they are written.
        spans_T2: the bases of each, start and end; (0, 0) for special tokens.
        maps: those that were asked for.
        heads: layer, head, and of each token's looking at tokens the mean distance (tokens) and entropy
            (nats); of networks with global tokens the part that goes to these.
    """

    name: str
    tokens: list[str]
    spans_T2: Int[np.ndarray, "T 2"]
    maps: list[AttentionMap]
    heads: list[dict[str, Any]]


@torch.no_grad()
def attention_of_sequence(
    model: LanguageModel,
    name: str,
    sequence: str,
    layers: Sequence[int] = (),
    heads: Sequence[int] = (),
    max_tokens: int = MAX_TOKENS,
) -> SequenceAttention:
    """Computes maps of a sequence; one layer is in memory at a time, H * T * T numbers.

    Args:
        model: any language model.
        name: of the sequence.
        sequence: its bases.
        layers: from 1; -1 is the last; none: the mean over all layers.
        heads: from 1; none: the mean over all heads.
        max_tokens: a longer sequence is refused.

    Raises:
        UsageError: if there is no such layer or head, or the sequence is too long.
    """
    encoded = model.tokenizer.encode_with_offsets(sequence)
    if len(encoded.ids) > max_tokens:
        raise UsageError(
            f"'{name}' has {len(encoded.ids)} tokens; a map grows with their square, so at most {max_tokens} "
            "are drawn (--max-tokens); give a part of the sequence"
        )
    parts: dict[str, nn.Module] = {
        n: part
        for n, part in model.network.encoder.named_modules()
        if isinstance(part, AlibiSelfAttention | WindowAttention)
    }
    if not parts:
        raise UsageError(f"model {model.name} has no attention")
    chosen = _numbers(layers, len(parts), "--layer")
    with inputs_of(parts) as inputs:
        token_features(model, [encoded.ids])
    maps, rows = [], []
    mean_HTT: np.ndarray | None = None
    for number, (part_name, given) in enumerate(inputs.items(), 1):
        weights_HTT = _of_one_sequence(parts[part_name], given)
        rows += _summary(number, weights_HTT)
        if number in chosen:
            maps += _of_layer(number, weights_HTT, heads)
        elif not chosen:
            mean_HTT = weights_HTT / len(parts) + (0 if mean_HTT is None else mean_HTT)
    if mean_HTT is not None:
        maps = _of_layer(None, mean_HTT, heads)
    tokens = [model.tokenizer.tokens[i] for i in encoded.ids.tolist()]
    return SequenceAttention(name, tokens, encoded.offsets, maps, rows)


def _of_one_sequence(part: nn.Module, given: Sequence[Any]) -> Float32[np.ndarray, "H T T"]:
    """How much the tokens look at each other, given what the module was called with."""
    if isinstance(part, WindowAttention):
        x_NTD, biases = given
        return part.weights(x_NTD, biases)[0, :, :, : x_NTD.shape[1]].cpu().numpy()
    assert isinstance(part, AlibiSelfAttention)
    return part.weights(*given)[0][0].cpu().numpy()


def _of_layer(layer: int | None, weights_HTT: np.ndarray, heads: Sequence[int]) -> list[AttentionMap]:
    chosen = _numbers(heads, len(weights_HTT), "--head")
    if not chosen:
        return [AttentionMap(layer, None, weights_HTT.mean(axis=0))]
    return [AttentionMap(layer, head, weights_HTT[head - 1]) for head in chosen]


def _numbers(asked: Sequence[int], count: int, option: str) -> list[int]:
    """Numbers from 1, in their order; negative ones count from the last."""
    found = [number + count + 1 if number < 0 else number for number in asked]
    for number, there in zip(asked, found, strict=True):
        if not 1 <= there <= count:
            raise UsageError(f"{option} {number}: there are 1 to {count}, or -1 (the last) to -{count}")
    return sorted(set(found))


def _summary(layer: int, weights_HTT: np.ndarray) -> list[dict[str, Any]]:
    """Mean distance and entropy of every head, over all tokens that look."""
    length = weights_HTT.shape[1]
    everywhere = np.ones((length, length), bool)
    at_tokens_HT1 = weights_HTT.sum(-1, keepdims=True)
    sums = attention_sums((weights_HTT / at_tokens_HT1)[None], everywhere, np.ones((1, length), bool))
    to_global_H = 1.0 - at_tokens_HT1.mean((1, 2), dtype=np.float64)
    has_global = bool((to_global_H > ROUNDING).any())
    return [
        {
            "layer": layer,
            "head": head,
            "distance_tokens": float(distance / length),
            "entropy_nats": float(entropy / length),
            **({"to_global_tokens": float(to_global)} if has_global else {}),
        }
        for head, (distance, entropy, to_global) in enumerate(
            zip(sums.distance_NH[0], sums.entropy_NH[0], to_global_H, strict=True), 1
        )
    ]


def attention_json(model: LanguageModel, found: Sequence[SequenceAttention]) -> dict[str, Any]:
    """All maps and figures as plain values."""
    return {
        "lexome_version": __version__,
        "model": model.name,
        "sequences": [_as_json(one) for one in found],
    }


def _as_json(one: SequenceAttention) -> Mapping[str, Any]:
    return {
        "name": one.name,
        "tokens": one.tokens,
        "starts": one.spans_T2[:, 0].tolist(),
        "ends": one.spans_T2[:, 1].tolist(),
        "maps": [
            {
                "layer": ALL if m.layer is None else m.layer,
                "head": ALL if m.head is None else m.head,
                # six digits: all that float32 holds of them
                "weights": np.round(m.weights_TT.astype(np.float64), 6).tolist(),
            }
            for m in one.maps
        ],
        "heads": one.heads,
    }
