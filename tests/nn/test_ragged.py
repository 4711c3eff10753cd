"""Packing batches of several lengths."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexome.nn.ragged import Group, full, joined, of_batch, padded, spread_maps

CPU = torch.device("cpu")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=7))
def test_padding_goes_and_comes_back(rows: list[tuple[int, int]]) -> None:
    width = max(before + length for before, length in rows) + 1
    visible = torch.zeros(len(rows), width, dtype=torch.bool)
    for row, (before, length) in enumerate(rows):
        visible[row, before : before + length] = True
    ragged = padded(visible)
    x = torch.arange(1, len(rows) * width + 1)
    packed = ragged.pack(x)
    assert sorted(packed.tolist()) == x[visible.flatten()].tolist()
    assert torch.equal(ragged.unpack(packed), x * visible.flatten())
    assert ragged.longest == max(length for _, length in rows)
    sizes = [group.length for group in ragged.groups]
    assert sizes == sorted(set(sizes))
    starts = [0, *(group.stop for group in ragged.groups)]
    assert starts[:-1] == [group.start for group in ragged.groups]
    assert starts[-1] == len(packed)
    for group in ragged.groups:  # every sequence in one piece
        for sequence in packed[group.start : group.stop].view(group.count, group.length):
            assert (sequence.diff() == 1).all()
            row, first = divmod(int(sequence[0]) - 1, width)
            assert rows[row] == (first, group.length)


def test_without_padding_nothing_moves() -> None:
    for ragged in (full(2, 3), padded(torch.ones(2, 3, dtype=torch.bool)), of_batch(torch.zeros(2, 3), None)):
        assert ragged.groups == (Group(0, 2, 3),)
        assert ragged.places_P is None
        x = torch.randn(6, 2)
        assert ragged.pack(x) is x
        assert ragged.unpack(x) is x


def test_padding_inside_a_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="padding inside"):
        padded(torch.tensor([[True, True, False], [True, False, True]]))


def test_sequences_one_behind_the_other() -> None:
    ragged = joined([2, 0, 3, 2], CPU)
    assert ragged.groups == (Group(0, 2, 2), Group(4, 1, 3))
    assert ragged.pack(torch.arange(7)).tolist() == [0, 1, 5, 6, 2, 3, 4]
    assert ragged.unpack(ragged.pack(torch.arange(7))).tolist() == list(range(7))
    assert joined([], CPU).groups == ()
    assert full(0, 4).longest == full(4, 0).longest == 0


def test_maps_lie_where_the_tokens_are() -> None:
    visible = torch.tensor([[0, 1, 1], [1, 0, 0], [1, 1, 0]]).bool()
    ragged = padded(visible)
    maps = [torch.full((g.count, 1, g.length, g.length), float(g.length)) for g in ragged.groups]
    spread = spread_maps(maps, ragged, (3, 3))[:, 0]
    expected = visible[:, :, None] * visible[:, None] * visible.sum(1)[:, None, None]
    assert torch.equal(spread, expected.float())
