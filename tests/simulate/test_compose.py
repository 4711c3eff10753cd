"""Composed signal: every piece is a real event of the right context."""

import dataclasses

import numpy as np
import pytest

from lexome.core.alphabet import kmer_index
from lexome.simulate.compose import CONTEXT_BP, KMER_BEFORE, KMER_BP, SPEED_WINDOW, EventBank, RealRead

SIDE = CONTEXT_BP // 2


def marked_reads(count: int, length: int, seed: int) -> list[RealRead]:
    """Reads whose every sample says which base of which read it belongs to: 1000 * read + base.

    All levels are 0; the higher the number of a read, the slower it is.
    """
    generator = np.random.default_rng(seed)
    reads = []
    for number in range(count):
        codes = generator.integers(0, 4, length).astype(np.uint8)
        dwell = generator.integers(0, 6, length)  # some bases without samples
        marks = (1000 * number + np.arange(length)).repeat(dwell)
        starts = np.concatenate([[0], np.cumsum(dwell)])
        levels = np.zeros(length, np.float32)
        reads.append(RealRead(marks.astype(np.float32), codes, starts, levels, 5.0 + number))
    return reads


@pytest.fixture(scope="module")
def reads() -> list[RealRead]:
    return marked_reads(40, 900, 1)


@pytest.fixture(scope="module")
def bank(reads: list[RealRead]) -> EventBank:
    return EventBank(reads)


def pieces(bank: EventBank, codes: np.ndarray, seed: int) -> list[np.ndarray]:
    signal, starts = bank.compose(codes, np.zeros(len(codes)), np.random.default_rng(seed))
    assert len(starts) == len(codes) - 2 * SIDE + 1
    assert starts[0] == 0
    assert starts[-1] == len(signal)
    return [signal[a:b] for a, b in zip(starts, starts[1:], strict=False)]


def test_every_base_gets_all_samples_of_a_real_base_in_its_context(bank, reads) -> None:
    codes = np.random.default_rng(5).integers(0, 4, 600).astype(np.uint8)
    wanted = kmer_index(codes, KMER_BP)
    wide = np.lib.stride_tricks.sliding_window_view(codes, CONTEXT_BP)
    known = {
        bytes(w)
        for r in reads
        for i, w in enumerate(np.lib.stride_tricks.sliding_window_view(r.codes, CONTEXT_BP))
        if r.starts[i + SIDE + 1] > r.starts[i + SIDE]
    }
    kmers = {int(k) for k in bank.kmer_E}
    assert len(kmers) > 4000
    full_context = 0
    composed = pieces(bank, codes, 6)
    for i, piece in enumerate(composed):
        assert len(piece) > 0
        assert len(set(piece.tolist())) == 1
        number, base = divmod(int(piece[0]), 1000)
        read = reads[number]
        assert len(piece) == read.starts[base + 1] - read.starts[base]
        found = kmer_index(read.codes, KMER_BP)[base - KMER_BEFORE]
        asked = wanted[i + SIDE - KMER_BEFORE]
        assert found == asked or asked not in kmers
        matches = bytes(read.codes[base - SIDE : base + SIDE + 1]) == bytes(wide[i])
        full_context += matches
        if (
            not matches and i
        ):  # a narrower context is taken only to go on in a read or for want of a wider one
            before = int(composed[i - 1][0])
            assert bytes(wide[i]) not in known or int(piece[0]) == before + 1
    assert full_context > 20


def test_pieces_go_on_in_the_same_read(bank, reads) -> None:
    """Composing a real read's own sequence mostly gives back that read."""
    marks = [int(p[0]) for p in pieces(bank, reads[3].codes, 7)]
    follows = np.mean(np.diff(marks) == 1)
    assert follows > 0.5


def test_a_piece_moves_from_the_level_of_its_old_place_to_that_of_its_new_one(reads) -> None:
    generator = np.random.default_rng(11)
    codes = generator.integers(0, 4, 200).astype(np.uint8)
    old = [generator.integers(-9, 9, len(r.codes)).astype(np.float32) for r in reads]
    moved = [dataclasses.replace(r, levels=level) for r, level in zip(reads, old, strict=True)]
    new = generator.integers(-9, 9, 200).astype(np.float32)
    plain, starts = EventBank(reads).compose(codes, np.zeros(200), np.random.default_rng(12))
    shifted, same = EventBank(moved).compose(codes, new, np.random.default_rng(12))
    assert np.array_equal(starts, same)
    for i, (first, last) in enumerate(zip(starts, starts[1:], strict=False)):
        number, base = divmod(int(plain[first]), 1000)
        assert np.allclose(shifted[first:last] - plain[first:last], new[SIDE + i] - old[number][base])


def test_a_stretch_keeps_to_reads_of_about_one_speed() -> None:
    """Forty reads of one sequence: every context has an event of each."""
    codes = np.random.default_rng(13).integers(0, 4, 300).astype(np.uint8)
    starts = np.arange(301) * 2
    same = [
        RealRead(np.full(600, 1000 * n, np.float32), codes, starts, np.zeros(300, np.float32), 5.0 + n)
        for n in np.random.default_rng(14).permutation(40).tolist()
    ]
    bank = EventBank(same)
    numbers = [np.array([int(p[0]) // 1000 for p in pieces(bank, codes, seed)]) for seed in range(60)]
    assert max(np.ptp(n) for n in numbers) <= SPEED_WINDOW * 40 + 1
    assert min(n.min() for n in numbers) == 0
    assert max(n.max() for n in numbers) == 39
    assert np.mean([len(set(n.tolist())) for n in numbers]) > 3


def test_the_same_seed_gives_the_same_signal(bank) -> None:
    codes = np.random.default_rng(8).integers(0, 4, 300).astype(np.uint8)
    levels = np.zeros(300)
    first, again = (bank.compose(codes, levels, np.random.default_rng(9))[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, bank.compose(codes, levels, np.random.default_rng(10))[0])
