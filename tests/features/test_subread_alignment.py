"""Placing subreads on their consensus: made ones with known places, real ones against the real file."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import NO_BASE, encode, reverse_complement
from lexome.dp.kernels.guided_align import DELETION, INSERTION
from lexome.features.subread_alignment import Consensus, SubreadAlignment, align_subread, reverse_codes
from lexome.io.alignment_files import open_alignments


def noisy(codes: np.ndarray, rng: np.random.Generator, rate: float = 0.1) -> np.ndarray:
    kept = codes[rng.random(len(codes)) > rate / 3]
    swapped = np.where(rng.random(len(kept)) < rate / 3, (kept + 1) % 4, kept)
    at = np.flatnonzero(rng.random(len(swapped)) < rate / 3)
    return np.insert(swapped, at, rng.integers(0, 4, len(at))).astype(np.uint8)


@pytest.fixture(scope="module")
def molecule() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 4, 4000).astype(np.uint8)


def check(one: SubreadAlignment, query: np.ndarray, target: np.ndarray) -> None:
    """The columns use up just the parts that the alignment names."""
    assert (one.ops_C != DELETION).sum() == one.query_end - one.query_start
    assert (one.ops_C != INSERTION).sum() == one.end_bp - one.start_bp
    assert DELETION not in (one.ops_C[0], one.ops_C[-1])
    assert 0 <= one.start_bp <= one.end_bp <= len(target)
    assert 0 <= one.query_start <= one.query_end <= len(query)


@pytest.mark.parametrize("strand", [1, -1])
@pytest.mark.parametrize(("start", "end"), [(0, 4000), (1200, 4000), (0, 500), (3000, 3400)])
def test_parts_of_both_strands(molecule: np.ndarray, strand: int, start: int, end: int) -> None:
    part = noisy(molecule[start:end], np.random.default_rng(start))
    one = align_subread(part if strand > 0 else reverse_codes(part), Consensus(molecule))
    assert one is not None
    check(one, part, molecule)
    assert one.is_reverse == (strand < 0)
    assert abs(one.start_bp - start) <= 3
    assert abs(one.end_bp - end) <= 3
    assert (one.query_start, one.query_end) == (0, len(part))
    assert one.identity > 0.87
    assert align_subread(part, Consensus(molecule), strands=(1,)) is not None
    wrong = align_subread(reverse_codes(part), Consensus(molecule), strands=(1,))
    assert wrong is None or wrong.identity < 0.7


def test_a_pass_over_both_strands_is_aligned_once(molecule: np.ndarray) -> None:
    query = np.concatenate([noisy(molecule, np.random.default_rng(1)), reverse_codes(molecule)])
    one = align_subread(query, Consensus(molecule))
    assert one is not None
    check(one, query, molecule)
    assert one.end_bp - one.start_bp > 3990
    assert len(query) - one.query_end > 3900 or one.query_start > 3900


def test_long_gaps_are_columns_of_one_alignment(molecule: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    extra = rng.integers(0, 4, 300).astype(np.uint8)
    query = np.concatenate([molecule[:1000], extra, molecule[1000:2500], molecule[2900:]])
    one = align_subread(query, Consensus(molecule))
    assert one is not None
    check(one, query, molecule)
    assert one.matches >= 3580
    assert len(one.ops_C) == pytest.approx(4300, abs=40)
    assert (one.start_bp, one.end_bp) == (0, 4000)


def test_ragged_ends_stay_in_the_alignment(molecule: np.ndarray) -> None:
    """As in files of actc: a few wrong bases at the end are inserted, hundreds are left out."""
    junk = np.random.default_rng(3).integers(0, 4, 900).astype(np.uint8)
    few = align_subread(np.concatenate([junk[:12], molecule]), Consensus(molecule))
    many = align_subread(np.concatenate([molecule, junk]), Consensus(molecule))
    assert few is not None
    assert many is not None
    assert few.query_start == 0
    assert few.end_bp == 4000
    assert 3990 <= many.query_end <= 4020


def test_what_has_nothing_in_common_is_not_aligned(molecule: np.ndarray) -> None:
    other = np.random.default_rng(99).integers(0, 4, 3000).astype(np.uint8)
    found = align_subread(other, Consensus(molecule))
    assert found is None or found.identity < 0.6
    assert align_subread(molecule[:5], Consensus(molecule)) is None
    assert align_subread(molecule[:0], Consensus(molecule)) is None
    assert align_subread(molecule, Consensus(molecule[:4])) is None
    unknown = np.full(500, NO_BASE, np.uint8)
    assert align_subread(unknown, Consensus(molecule)) is None
    assert align_subread(molecule, Consensus(unknown)) is None


def test_unknown_bases_are_stepped_over(molecule: np.ndarray) -> None:
    query = molecule.copy()
    query[1000:1010] = NO_BASE
    one = align_subread(query, Consensus(molecule))
    assert one is not None
    assert one.matches == 3990
    assert len(one.ops_C) == 4000
    assert reverse_codes(np.array([0, NO_BASE, 3], np.uint8)).tolist() == [0, NO_BASE, 3]


def columns(record: pysam.AlignedSegment) -> dict[int, int]:
    return {q: r for q, r in record.get_aligned_pairs() if q is not None and r is not None}


@pytest.mark.slow
def test_real_subreads_stand_where_the_real_file_has_them(shared: Path) -> None:
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    with open_alignments(folder / "ccs.bam") as file:
        ccs = {one.query_name: Consensus(encode(one.query_sequence or "")) for one in file}
    same = bases = 0
    good = {f"m54238_180901_011437/{n}/ccs" for n in (4194375, 4194381, 4194382, 4194383, 4194384)}
    with pysam.AlignmentFile(str(folder / "subreads_to_ccs.bam")) as file:
        records = [record for record in file if record.reference_name in good]
    for record in records:
        sequence = record.query_sequence or ""
        raw = reverse_complement(sequence) if record.is_reverse else sequence
        one = align_subread(encode(raw), ccs[record.reference_name])
        assert one is not None
        assert one.is_reverse == record.is_reverse
        on_query, on_ccs = one.ops_C != DELETION, one.ops_C != INSERTION
        pairs = on_query & on_ccs
        query = one.query_start + (np.cumsum(on_query) - 1)[pairs]
        at = one.start_bp + (np.cumsum(on_ccs) - 1)[pairs]
        found = dict(zip(query.tolist(), at.tolist(), strict=True))
        wanted = columns(record)
        same += sum(found.get(place) == base for place, base in wanted.items())
        bases += len(wanted)
    assert len(records) == 73
    assert same / bases > 0.996
