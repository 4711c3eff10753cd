"""Pieces into a read: right ones are joined, and nothing that is wrong with them passes."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.tasks.correct.stitch import MissingWindowError, Piece, error_rate, mean_quality, stitch


@st.composite
def reads(draw: st.DrawFn) -> list[Piece]:
    """Windows of a read; some stand for no base of the CCS read, some give none."""
    widths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=8).filter(sum))
    borders = np.cumsum([0, *widths]).tolist()
    pieces = []
    for i in range(len(widths)):
        sequence = draw(st.text("ACGT", max_size=5))
        qualities = np.array([draw(st.integers(0, 93)) for _ in sequence], np.uint8)
        pieces.append(Piece(i, borders[i], borders[i + 1], sequence, qualities))
    return pieces


@given(reads(), st.randoms())
def test_pieces_are_joined_in_their_order(pieces: list[Piece], chance: random.Random) -> None:
    mixed = pieces.copy()
    chance.shuffle(mixed)
    sequence, qualities = stitch(mixed, len(pieces), pieces[-1].ccs_end_bp)
    assert sequence == "".join(piece.sequence for piece in pieces)
    assert qualities.tolist() == [int(q) for piece in pieces for q in piece.qualities]
    assert qualities.dtype == np.uint8


@given(reads(), st.data())
def test_no_loss_of_a_window_passes(pieces: list[Piece], data: st.DataObject) -> None:
    """Neither that of one which stands for no base, nor if the others are numbered anew."""
    num, length = len(pieces), pieces[-1].ccs_end_bp
    lost = data.draw(st.integers(0, num - 1))
    rest = pieces[:lost] + pieces[lost + 1 :]
    with pytest.raises(MissingWindowError):
        stitch(rest, num, length)
    with pytest.raises(MissingWindowError):
        stitch([*rest, rest[0]] if rest else [], num, length)
    if pieces[lost].ccs_start_bp < pieces[lost].ccs_end_bp:
        renumbered = [replace(piece, index=i) for i, piece in enumerate(rest)]
        with pytest.raises(MissingWindowError, match="no window stands for"):
            stitch(renumbered, num - 1, length)


def piece(index: int, start: int, end: int) -> Piece:
    return Piece(index, start, end, "A", np.array([9], np.uint8))


@pytest.mark.parametrize(
    ("pieces", "length"),
    [
        ([piece(0, 0, 6), piece(1, 5, 9)], 9),  # share a base
        ([piece(0, 5, 9), piece(1, 0, 5)], 9),  # the other way round
        ([piece(0, 0, 5), piece(1, 5, 10)], 9),  # longer than the read
        ([piece(0, 0, 5), piece(1, 0, 9)], 9),
        ([], 1),
    ],
)
def test_what_does_not_fit_together_is_refused(pieces: list[Piece], length: int) -> None:
    with pytest.raises(MissingWindowError):
        stitch(pieces, len(pieces), length)


def test_bases_without_qualities_are_refused() -> None:
    with pytest.raises(MissingWindowError, match="qualities"):
        stitch([Piece(0, 0, 2, "AC", np.array([9], np.uint8))], 1, 2)


def test_the_mean_quality_is_that_of_the_errors() -> None:
    assert mean_quality(np.full(66, 45, np.uint8)) == 45.0
    assert str(mean_quality(np.array([0], np.uint8))) == "0.0"
    assert mean_quality(np.array([10, 20, 30, 30], np.uint8)) == pytest.approx(15.52842, abs=1e-5)
    assert error_rate(np.array([10, 20, 30, 30], np.uint8)) == pytest.approx(0.028)
    assert (mean_quality(np.zeros(0, np.uint8)), error_rate(np.zeros(0, np.uint8))) == (0.0, 1.0)
