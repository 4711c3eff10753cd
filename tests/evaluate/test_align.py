"""Alignments in the read's own orientation, whatever the strand; order kept by any number of threads."""

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import BASES, NO_BASE, decode, encode, reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.evaluate.align import ReadAligner, map_in_order
from lexome.evaluate.cigar import expand

GENOME = "".join(np.random.default_rng(1).choice(list(BASES), 6000))


@pytest.fixture(scope="module")
def aligner(tmp_path_factory: pytest.TempPathFactory) -> ReadAligner:
    path = tmp_path_factory.mktemp("reference") / "genome.fa"
    path.write_text(f">other\n{'ACGTTGCA' * 20}\n>genome\n{GENOME}\n")
    return ReadAligner(path)


@pytest.mark.parametrize("strand", [1, -1])
def test_a_read_is_aligned_in_its_own_orientation(aligner: ReadAligner, strand: int) -> None:
    truth = GENOME[2000:3500]
    called = truth[:400] + "T" + truth[400:900] + truth[903:]  # one base too many, three too few
    found = aligner.align(called if strand == 1 else reverse_complement(called))
    assert found is not None
    assert (found.contig, found.strand) == ("genome", strand)
    assert (found.reference_start_bp, found.reference_end_bp) == (2000, 3500)
    assert (found.query_start, found.query_end) == (0, len(called))
    around = GENOME[1998:2000], GENOME[3500:3502]
    if strand == -1:
        truth, around = reverse_complement(truth), tuple(reverse_complement(piece) for piece in around[::-1])
        called = reverse_complement(called)
    assert decode(found.reference) == truth
    assert tuple(decode(piece) for piece in found.flanks) == around
    columns = expand(found.cigar, encode(called), found.reference)
    assert np.bincount(columns.kind, minlength=4).tolist() == [1497, 0, 1, 3]
    assert int(columns.query_at[columns.kind == 2][0]) == pytest.approx(400 if strand == 1 else 1097, abs=8)


def test_flanks_beyond_the_contig_are_no_bases(aligner: ReadAligner) -> None:
    found = aligner.align(GENOME)
    assert found is not None
    assert [piece.tolist() for piece in found.flanks] == [[NO_BASE, NO_BASE]] * 2


def test_what_comes_from_elsewhere_does_not_map(aligner: ReadAligner) -> None:
    other = "".join(np.random.default_rng(2).choice(list(BASES), 2000))
    assert aligner.align(other) is None
    assert aligner.align("") is None
    assert aligner.align("ACGT") is None


def test_the_reference_may_be_packed_and_hold_other_letters(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(f">g\n{GENOME[:1000].lower()}NNR{GENOME[1003:]}\n".encode()))
    found = ReadAligner(path).align(GENOME[500:1500])
    assert found is not None
    assert np.flatnonzero(found.reference == NO_BASE).tolist() == [500, 501, 502]
    assert decode(found.reference[:500]) == GENOME[500:1000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no sequence"),
        ("this is a text\n", "neither FASTA nor FASTQ"),
        ("@read\nACGT\n+\nIIII\n", "must be FASTA"),
        (">empty\n", "is empty"),
        (">a\nACGT\n>a\nACGT\n", "there twice"),
    ],
)
def test_a_reference_that_is_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "reference.fa"
    path.write_text(content)
    with pytest.raises(BadInputError, match=message) as error:
        ReadAligner(path)
    assert str(path) in str(error.value)


def test_a_missing_reference_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        ReadAligner(tmp_path / "none.fa")


@pytest.mark.parametrize("threads", [1, 4])
def test_results_come_in_the_order_of_the_items_and_few_are_held(threads: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for i in range(500):
            taken = i
            yield i

    barrier = threading.Barrier(threads)

    def work(item: int) -> int:
        if item < threads:  # the first ones wait for each other: a later one is ready sooner
            barrier.wait(timeout=20)
        return item * item

    results = []
    for result in map_in_order(work, items(), threads):
        results.append(result)
        assert taken - len(results) <= 16 * threads
    assert results == [i * i for i in range(500)]


def test_an_error_in_a_thread_comes_out() -> None:
    def work(item: int) -> float:
        return 1 / (item - 40)

    with pytest.raises(ZeroDivisionError):
        list(map_in_order(work, range(100), 2))
