"""Where the heads of an attention layer look: how far, how spread out, how much at the edge of what they may.

Source: the mean attention distance of Dosovitskiy 2021 and Raghu 2021, which Belyaeva 2022 compares between
teacher and student. Added: attention spread evenly over all that a layer may look at, as the baseline.

Legend: N items, H heads, T positions (columns, steps), O offsets from a position to those it looks at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig
from lexome.evaluate.groups import Interval, ratio_intervals

NEAR = 1


@dataclass(frozen=True)
class AttentionSums:
    """What every item adds, summed over its positions that count.

    Attributes:
        offsets_O: from the farthest that may be looked at on the left to that on the right.
        mass_HO: weight at every offset, of all items together.
        distance_NH: weight times the offset's size.
        offset_NH: weight times the offset.
        near_NH: weight within one position.
        entropy_NH: entropy of the weights, nats.
        edge_NH: weight at the first and last offset, of the positions inside.
        positions_N: positions that count.
        inside_N: of these, those with all offsets within the item.
    """

    offsets_O: Int[np.ndarray, " O"]
    mass_HO: Float[np.ndarray, "H O"]
    distance_NH: Float[np.ndarray, "N H"]
    offset_NH: Float[np.ndarray, "N H"]
    near_NH: Float[np.ndarray, "N H"]
    entropy_NH: Float[np.ndarray, "N H"]
    edge_NH: Float[np.ndarray, "N H"]
    positions_N: Int[np.ndarray, " N"]
    inside_N: Int[np.ndarray, " N"]


@dataclass(frozen=True)
class HeadAttention:
    """One head, on average over positions; `intervals` by the same names.

    Attributes:
        distance: |j - i| between a position and those it looks at, weighed with its attention.
        offset: the same with its sign: below 0 it looks more to the left.
        entropy_nats: of the weights; exp of it is about how many positions are looked at.
        near: part of the attention within one position.
        edge: part at the farthest offsets that the layer allows, of positions that have both; None without.
        mass: part of the attention at every offset.
    """

    distance: float
    offset: float
    entropy_nats: float
    near: float
    edge: float | None
    mass: tuple[float, ...]
    intervals: Mapping[str, Interval]


def attention_sums(
    weights_NHTT: Float[np.ndarray, "N H T T"],
    visible_TT: Bool[np.ndarray, "T T"],
    counted_NT: Bool[np.ndarray, "N T"],
) -> AttentionSums:
    """Adds up the weights of a layer over the positions of every item.

    Args:
        weights_NHTT: how much each position (third axis) looks at each (last axis); rows sum to 1.
        visible_TT: which positions each may look at.
        counted_NT: positions whose looking counts; they may look at others.
    """
    num_positions = visible_TT.shape[0]
    looking_K, seen_K = np.nonzero(visible_TT)
    first, last = int((seen_K - looking_K).min()), int((seen_K - looking_K).max())
    offsets_O = np.arange(first, last + 1)
    position_T = np.arange(num_positions)
    inside_T = (position_T + first >= 0) & (position_T + last < num_positions)
    mass_NHO = np.empty((*weights_NHTT.shape[:2], len(offsets_O)))
    edge_NH = np.zeros(weights_NHTT.shape[:2])
    for o, offset in enumerate(offsets_O.tolist()):
        along_NHK = np.diagonal(weights_NHTT, offset, axis1=2, axis2=3).astype(np.float64)
        looking = slice(max(0, -offset), num_positions - max(0, offset))
        mass_NHO[:, :, o] = np.einsum("nhk,nk->nh", along_NHK, counted_NT[:, looking])
        if offset in (first, last):
            inside_NK = (counted_NT & inside_T)[:, looking]
            edge_NH += np.einsum("nhk,nk->nh", along_NHK, inside_NK)
    weights = weights_NHTT.astype(np.float64)
    surprise_NHT = -np.sum(weights * np.log(np.where(weights > 0, weights, 1.0)), axis=3)
    return AttentionSums(
        offsets_O,
        mass_NHO.sum(axis=0),
        mass_NHO @ np.abs(offsets_O),
        mass_NHO @ offsets_O,
        mass_NHO[:, :, np.abs(offsets_O) <= NEAR].sum(axis=2),
        np.einsum("nht,nt->nh", surprise_NHT, counted_NT),
        edge_NH,
        counted_NT.sum(axis=1),
        (counted_NT & inside_T).sum(axis=1),
    )


def joined(parts: Sequence[AttentionSums]) -> AttentionSums:
    """The sums of the items of several batches, one after the other."""
    if any(not np.array_equal(part.offsets_O, parts[0].offsets_O) for part in parts):
        raise ValueError("these layers look at different offsets")
    names = [field.name for field in fields(AttentionSums)][2:]
    return AttentionSums(
        parts[0].offsets_O,
        np.sum([part.mass_HO for part in parts], axis=0),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in names),
    )


def head_attention(
    sums: AttentionSums, groups: Int[np.ndarray, " N"], bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP
) -> tuple[HeadAttention, ...]:
    """The figures of every head.

    Args:
        sums: of all items.
        groups: number of the read of each item; reads are resampled.
        bootstrap: how the intervals are made.

    Raises:
        ValueError: if no position counts.
    """
    if not sums.positions_N.sum():
        raise ValueError("no position to look from")
    positions_N, inside_N = sums.positions_N.astype(np.float64), sums.inside_N.astype(np.float64)
    heads = []
    for h in range(len(sums.mass_HO)):
        above = {
            "distance": sums.distance_NH[:, h],
            "offset": sums.offset_NH[:, h],
            "entropy_nats": sums.entropy_NH[:, h],
            "near": sums.near_NH[:, h],
            "edge": sums.edge_NH[:, h],
        }
        below = {name: inside_N if name == "edge" else positions_N for name in above}
        value = {
            name: float(above[name].sum() / below[name].sum()) if below[name].any() else None
            for name in above
        }
        mass = tuple((sums.mass_HO[h] / positions_N.sum()).tolist())
        spread = ratio_intervals(above, below, groups, bootstrap)
        heads.append(HeadAttention(**value, mass=mass, intervals=spread))  # type: ignore[arg-type]
    return tuple(heads)
