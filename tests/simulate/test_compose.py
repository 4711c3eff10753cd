"""Composed signal: every piece is a real event of the right context."""

import numpy as np
import pytest

from lexome.core.alphabet import kmer_index
from lexome.simulate.compose import CONTEXT_BP, KMER_BEFORE, KMER_BP, EventBank, RealRead

SIDE = CONTEXT_BP // 2


def marked_reads(count: int, length: int, seed: int) -> list[RealRead]:
    """Reads whose every sample says which base of which read it belongs to: 1000 * read + base."""
    generator = np.random.default_rng(seed)
    reads = []
    for number in range(count):
        codes = generator.integers(0, 4, length).astype(np.uint8)
        dwell = generator.integers(0, 6, length)  # some bases without samples
        marks = (1000 * number + np.arange(length)).repeat(dwell)
        reads.append(RealRead(marks.astype(np.float32), codes, np.concatenate([[0], np.cumsum(dwell)])))
    return reads


@pytest.fixture(scope="module")
def reads() -> list[RealRead]:
    return marked_reads(40, 900, 1)


@pytest.fixture(scope="module")
def bank(reads: list[RealRead]) -> EventBank:
    return EventBank(reads)


def pieces(bank: EventBank, codes: np.ndarray, seed: int) -> list[np.ndarray]:
    signal, starts = bank.compose(codes, np.random.default_rng(seed))
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


def test_the_same_seed_gives_the_same_signal(bank) -> None:
    codes = np.random.default_rng(8).integers(0, 4, 300).astype(np.uint8)
    first, again = (bank.compose(codes, np.random.default_rng(9))[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, bank.compose(codes, np.random.default_rng(10))[0])
