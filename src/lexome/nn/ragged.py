"""Sequences of several lengths without padding: tokens one behind the other, those of equal length together.

Legend: N sequences, T tokens of a row, P tokens in all, H heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Group:
    """Sequences of one length: tokens `start` to `start + count * length` of the packed ones."""

    start: int
    count: int
    length: int

    @property
    def stop(self) -> int:
        """The token behind the group."""
        return self.start + self.count * self.length


@dataclass(frozen=True)
class Ragged:
    """Where the tokens of a batch lie.

    Attributes:
        groups: the sequences by length, shortest first; empty sequences are in none.
        places_P: of every packed token its place among the unpacked ones; None: the same order, all of them.
        num_places: unpacked tokens, padding included.
    """

    groups: tuple[Group, ...]
    places_P: Tensor | None
    num_places: int

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return max((group.length for group in self.groups), default=0)

    def pack(self, x: Tensor) -> Tensor:
        """(num_places, ...) -> (P, ...): leaves out the padding."""
        return x if self.places_P is None else x.index_select(0, self.places_P)

    def unpack(self, x: Tensor) -> Tensor:
        """(P, ...) -> (num_places, ...): zeros where padding was."""
        if self.places_P is None:
            return x
        return x.new_zeros(self.num_places, *x.shape[1:]).index_copy(0, self.places_P, x)


def full(count: int, length: int) -> Ragged:
    """A batch without padding."""
    groups = (Group(0, count, length),) if count and length else ()
    return Ragged(groups, None, count * length)


def padded(visible_NT: Bool[Tensor, "N T"]) -> Ragged:
    """A padded batch.

    Args:
        visible_NT: False at padding, which may stand before and behind a sequence, not inside it.

    Returns:
        Where its tokens lie, with the places of the batch flattened to N * T.

    Raises:
        ValueError: if there is padding inside a sequence: it would change how far apart tokens are.
    """
    if bool(visible_NT.all()):
        return full(*visible_NT.shape)
    lengths_N = visible_NT.sum(1)
    starts_N = visible_NT.int().argmax(1)  # the first visible token
    steps_T = torch.arange(visible_NT.shape[1], device=visible_NT.device)
    runs_NT = (steps_T >= starts_N[:, None]) & (steps_T < (starts_N + lengths_N)[:, None])
    if not torch.equal(runs_NT, visible_NT):
        raise ValueError("padding inside a sequence; it may only stand before and behind")
    firsts_N = starts_N + visible_NT.shape[1] * torch.arange(len(visible_NT), device=visible_NT.device)
    return _grouped(lengths_N.tolist(), firsts_N, visible_NT.numel())


def of_batch(tokens_NT: Tensor, visible_NT: Bool[Tensor, "N T"] | None) -> Ragged:
    """A batch (N, T), padded or (with None) not; as `padded`."""
    return full(*tokens_NT.shape) if visible_NT is None else padded(visible_NT)


def spread_maps(maps: list[Tensor], ragged: Ragged, batch: tuple[int, int]) -> Float[Tensor, "N H T T"]:
    """Puts what was computed for pairs of tokens, (N, H, T, T) per group, where a batch (N, T) has them."""
    count, length = batch
    spread = maps[0].new_zeros(count, maps[0].shape[1], length, length)
    for of_group, group in zip(maps, ragged.groups, strict=True):
        firsts = torch.arange(group.start, group.stop, group.length, device=of_group.device)
        places = firsts if ragged.places_P is None else ragged.places_P[firsts]
        for one, place in zip(of_group, places.tolist(), strict=True):
            row, first = divmod(place, length)
            spread[row, :, first : first + group.length, first : first + group.length] = one
    return spread


def joined(lengths: Sequence[int], device: torch.device) -> Ragged:
    """Sequences that already lie one behind the other, in any order of lengths."""
    ends_N = torch.tensor(lengths, dtype=torch.int64, device=device).cumsum(0)
    firsts_N = ends_N.roll(1)
    firsts_N[:1] = 0
    return _grouped(list(lengths), firsts_N, sum(lengths))


def _grouped(lengths: list[int], firsts_N: Tensor, num_places: int) -> Ragged:
    """Groups of equal length of sequences of which the first tokens are known."""
    groups, places, start = [], [], 0
    by_length: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        by_length.setdefault(length, []).append(row)
    for length, rows in sorted(by_length.items()):
        if length:
            groups.append(Group(start, len(rows), length))
            start = groups[-1].stop
            steps = torch.arange(length, device=firsts_N.device)
            places.append((firsts_N[rows][:, None] + steps).flatten())
    nothing = firsts_N.new_zeros(0)
    return Ragged(tuple(groups), torch.cat(places) if places else nothing, num_places)
