"""Small random ZMWs, and their columns found slowly: all reads walked side by side, column by column."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from lexome.core.zmw import Ccs, Subread, Truth, ZmwReads

M, I, D, N, S, H, EQUAL, X = 0, 1, 2, 3, 4, 5, 7, 8  # noqa: E741
SNR = np.array([5.5, 9.25, 4.0, 600.0], np.float32)
Element = tuple[bool, Any, int | None]  # is inserted, value (None: gap), base of the CCS read


def cigar(text: str) -> np.ndarray:
    """`3=1I` as an array."""
    letters = {"M": M, "I": I, "D": D, "N": N, "S": S, "H": H, "=": EQUAL, "X": X}
    rows, number = [], ""
    for letter in text:
        if letter.isdigit():
            number += letter
        else:
            rows.append((int(number), letters[letter]))
            number = ""
    return np.array(rows, np.int64).reshape(-1, 2)


def read_bp(cigar_O2: np.ndarray) -> int:
    return int(sum(length for length, operation in cigar_O2 if operation in (M, I, S, EQUAL, X)))


def subread(start: int, text: str, sequence: str, strand: int = 1, **changes: Any) -> Subread:
    """A subread whose pw are 1, 2, 3 ... and whose ip are 101, 102, 103 ..."""
    count = np.arange(1, len(sequence) + 1).astype(np.uint8)
    values = {"pw": count, "ip": count + np.uint8(100), "snr": SNR} | changes
    return Subread("m/1/0_9", sequence, strand=strand, ccs_start_bp=start, cigar=cigar(text), **values)


def zmw(sequence: str, *subreads: Subread, tags: tuple = ()) -> ZmwReads:
    qualities = np.arange(len(sequence)).astype(np.uint8) % 94
    return ZmwReads(Ccs("m/1/ccs", sequence, qualities, tags), subreads)


def truth(start: int, text: str, sequence: str) -> Truth:
    return Truth("m/1/truth", sequence, start, cigar(text), "tig1", 0, len(sequence), "train")


def draw_cigar(draw: Callable, num_ccs: int) -> tuple[int, np.ndarray]:
    """A start and operations that lie within so many CCS bases."""
    start = draw(st.integers(0, num_ccs - 1))
    left, rows = num_ccs - start, []
    wanted = st.tuples(st.sampled_from([M, I, D, N, EQUAL, X, I]), st.integers(1, 4))
    for operation, length in draw(st.lists(wanted, max_size=8)):
        taken = length if operation == I else min(length, left)
        if taken:
            rows.append((taken, operation))
            left -= 0 if operation == I else taken
    if draw(st.booleans()) and left:
        rows.append((left, M))
    if draw(st.booleans()):
        rows = [(draw(st.integers(1, 3)), S), *rows, (draw(st.integers(1, 3)), S)]
    if draw(st.booleans()):
        rows = [(4, H), *rows, (2, H)]
    if all(operation in (S, H, I) for _, operation in rows):
        rows = [(1, EQUAL)]
    return start, np.array(rows, np.int64).reshape(-1, 2)


def draw_sequence(draw: Callable, length: int) -> str:
    return draw(st.text("ACGT", min_size=length, max_size=length))


def draw_zmw(draw: Callable) -> ZmwReads:
    num_ccs = draw(st.integers(1, 25))
    reads = []
    for number in range(draw(st.integers(1, 5))):
        start, cigar_O2 = draw_cigar(draw, num_ccs)
        length = read_bp(cigar_O2)
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        pw, ip = rng.integers(0, 700, (2, length)).astype(np.uint16)
        strand = draw(st.sampled_from([1, -1]))
        bases = draw_sequence(draw, length)
        reads.append(Subread(f"m/1/{number}", bases, pw, ip, strand, start, cigar_O2, SNR))
    return zmw(draw_sequence(draw, num_ccs), *reads)


def draw_truth(draw: Callable, num_ccs: int) -> Truth:
    start, cigar_O2 = draw_cigar(draw, num_ccs)
    sequence = draw_sequence(draw, read_bp(cigar_O2))
    return Truth("m/1/truth", sequence, start, cigar_O2, "tig1", 0, len(sequence), "train")


def elements(start: int, cigar_O2: np.ndarray, values: list, max_insertion: int) -> list[Element]:
    """A read as the walk sees it: gaps before its start, then one element per column of its alignment."""
    found: list[Element] = [(False, None, None)] * start
    base, ccs = 0, start
    for length, operation in cigar_O2.tolist():
        for _ in range(length if operation != H else 0):
            if operation in (M, EQUAL, X):
                found.append((False, values[base], ccs))
            elif operation in (D, N):
                found.append((False, None, ccs))
            elif operation == I and (max_insertion == 0 or length <= max_insertion):
                found.append((True, values[base], None))
            base += operation in (M, I, S, EQUAL, X)
            ccs += operation in (M, D, N, EQUAL, X)
    return found


def walk(reads: list[list[Element]], label: list[Element] | None = None) -> list[list[Element | None]]:
    """The elements of each read by column (None: gap), the label's last; rows are not of one length.

    A column holds inserted bases if any read has one next, else the next element of every read. A label never
    opens a column: what is inserted in it is put down at once.
    """
    reads = [*reads, label] if label is not None else reads
    places = [0] * len(reads)
    rows: list[list[Element | None]] = [[] for _ in reads]
    labels = [False] * (len(reads) - 1) + [label is not None]
    while any(place < len(read) for place, read in zip(places, reads, strict=True)):
        for i, read in enumerate(reads):
            while labels[i] and places[i] < len(read) and read[places[i]][0]:
                rows[i].append(read[places[i]])
                places[i] += 1
        ahead = [
            read[place] if place < len(read) else None for place, read in zip(places, reads, strict=True)
        ]
        inserting = any(element is not None and element[0] for element in ahead)
        for i, element in enumerate(ahead):
            if element is not None and inserting and not element[0]:
                rows[i].append(None)
            elif element is not None:
                rows[i].append(element)
                places[i] += 1
    return rows
