"""Reads against their truth: the number of edits is edlib's, the counts are those of a slow walk."""

from pathlib import Path

import edlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.alphabet import NO_BASE, decode, encode
from lexome.dp.kernels.guided_align import guided_align
from lexome.evaluate import truth_alignment
from lexome.evaluate.cigar import DELETION, INSERTION, MATCH, MISMATCH
from lexome.evaluate.true_reads import TrueRead, open_true_reads
from lexome.evaluate.truth_alignment import TooUnlikeError, align_to_truth, judge
from lexome.io.calls import read_calls

codes = st.lists(st.integers(0, 3), max_size=60)


def mutated(rng: np.random.Generator, truth: np.ndarray, rate: float) -> np.ndarray:
    read: list[int] = []
    for base in truth.tolist():
        kind = rng.random() / rate if rate else 9.0
        if kind < 0.3:
            continue
        if kind < 0.6:
            read.append(int(rng.integers(4)))
        read.append((base + 1) % 4 if 0.6 <= kind < 1 else base)
    return np.array(read, np.uint8)


@given(codes, codes)
def test_edits_are_the_fewest_for_anything(read: list[int], truth: list[int]) -> None:
    columns = align_to_truth(np.array(read, np.uint8), np.array(truth, np.uint8))
    words = decode(np.array(read, np.uint8)), decode(np.array(truth, np.uint8))
    fewest = max(map(len, words)) if "" in words else edlib.align(*words, task="distance")["editDistance"]
    assert int((columns.kind != MATCH).sum()) == fewest
    assert int((columns.kind != DELETION).sum()) == len(read)
    assert int((columns.kind != INSERTION).sum()) == len(truth)


@pytest.mark.parametrize(
    ("rate", "moved"), [(0.0, 0), (0.002, 0), (0.02, 0), (0.1, 0), (0.01, 150), (0.3, 40)]
)
def test_the_band_never_shows(rate: float, moved: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a block of bases is lost at one place and others are added far away (a large detour)."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 4, 2500).astype(np.uint8)
    read = mutated(rng, truth, rate)
    if moved:
        extra = rng.integers(0, 4, moved + 7).astype(np.uint8)
        read = np.concatenate([read[:300], read[300 + moved : 1900], extra, read[1900:]])
    guide = np.zeros(len(read) + 1, np.int64)
    whole = guided_align(read, truth, guide, len(truth) + 1, 1, 0, 1)
    monkeypatch.setattr(truth_alignment, "_FIRST_MARGIN", 2)
    assert truth_alignment._operations(read, truth).tolist() == whole.tolist()
    monkeypatch.undo()
    assert truth_alignment._operations(read, truth).tolist() == whole.tolist()


@pytest.mark.parametrize("moved", [3, 12, 17, 22, 27, 31, 32, 33, 34, 45])
def test_detours_are_taken_also_at_the_edge_of_the_band(moved: int) -> None:
    """Bases lost at one place and as many added a little later: straight on costs about as much as around."""
    rng = np.random.default_rng(moved)
    for between in range(moved, 5 * moved, 3):
        truth = rng.integers(0, 4, 400).astype(np.uint8)
        extra = rng.integers(0, 4, moved).astype(np.uint8)
        end = 100 + moved + between
        read = np.concatenate([truth[:100], truth[100 + moved : end], extra, truth[end:]])
        guide = np.zeros(len(read) + 1, np.int64)
        for one, other in ((read, truth), (truth, read)):
            whole = guided_align(one, other, guide, len(other) + 1, 1, 0, 1)
            assert truth_alignment._operations(one, other).tolist() == whole.tolist()


def test_what_needs_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    read, truth = (rng.integers(0, 4, 3000).astype(np.uint8) for _ in range(2))
    monkeypatch.setattr(truth_alignment, "MAX_CELLS", 1_000_000)
    assert (align_to_truth(truth, truth).kind == MATCH).all()
    with pytest.raises(TooUnlikeError, match="3000 bases hardly look like the 3000"):
        align_to_truth(read, truth)


def test_kinds_and_homopolymers() -> None:
    #        run of 4   run of 3
    truth = encode("GCAAAAGCTTTGACCATG")
    #  an A too many; T run loses one; a mismatch in neither; C before the last G is inserted
    read = encode("GCAAAAAGCTTGATCATCG")
    judged = judge(read, None, TrueRead(truth))
    counts = judged.counts
    assert (counts.hp_insertions, counts.non_hp_insertions) == (1, 1)
    assert (counts.hp_deletions, counts.non_hp_deletions) == (1, 0)
    assert (counts.hp_mismatches, counts.non_hp_mismatches) == (0, 1)
    assert (counts.truth_bases, counts.truth_hp_bases) == (18, 7)
    assert (counts.matches, counts.edits, counts.columns) == (16, 4, 20)
    assert counts.identity == 16 / 20
    assert judged.quality_counts is None
    run = judge(encode("GCAAACAAG"), None, TrueRead(encode("GCAAATAAG"))).counts
    assert (run.hp_mismatches, run.non_hp_mismatches) == (0, 1)
    run = judge(encode("GCAATAAG"), None, TrueRead(encode("GCAAAAAG"))).counts
    assert (run.hp_mismatches, run.non_hp_mismatches) == (1, 0)


def test_edits_belong_to_windows_of_the_truth() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 4, 350).astype(np.uint8)
    read = truth.copy()
    read[[5, 99, 100, 349]] = (read[[5, 99, 100, 349]] + 1) % 4
    read = np.append(read, [(read[-1] + 1) % 4, (read[-1] + 2) % 4]).astype(np.uint8)
    judged = judge(read, None, TrueRead(truth))
    assert judged.window_edits.tolist() == [2, 1, 0, judged.counts.edits - 3]
    assert judge(read, None, TrueRead(truth[:0])).window_edits.tolist() == [352]
    assert judge(read[:0], None, TrueRead(truth)).window_edits.tolist() == [100, 100, 100, 50]


@given(st.integers(0, 10**6), st.floats(0, 0.3))
def test_bases_by_quality_are_those_of_a_slow_walk(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, 40).astype(np.uint8)
    read = mutated(rng, truth, rate)
    qualities = rng.integers(0, 94, len(read)).astype(np.uint8)
    columns = align_to_truth(read, truth)
    expected = np.zeros((94, 3), int)
    kinds, at = columns.kind.tolist(), columns.query_at.tolist()
    for i in range(len(read)):
        (column,) = [
            k for k, (kind, q) in enumerate(zip(kinds, at, strict=True)) if q == i and kind != DELETION
        ]
        lost = [q for kind, q in zip(kinds, at, strict=True) if kind == DELETION]
        lost = [min(q, len(read) - 1) for q in lost]
        kind = 1 if kinds[column] in (MISMATCH, INSERTION) else 2 if i in lost else 0
        expected[qualities[i], kind] += 1
    counted = truth_alignment.quality_counts(columns, qualities)
    assert counted.tolist() == expected.tolist()
    assert counted.sum() == len(read)


def test_what_lies_beside_a_known_truth_is_not_judged() -> None:
    rng = np.random.default_rng(7)
    molecule = rng.integers(0, 4, 900).astype(np.uint8)
    read = molecule.copy()
    read[[100, 500, 850]] = (read[[100, 500, 850]] + 1) % 4  # only the second has a truth
    known = judge(read, np.full(900, 30, np.uint8), TrueRead(molecule[200:800], 200, 100))
    assert (known.counts.edits, known.counts.truth_bases) == (1, 600)
    assert known.window_edits.tolist() == [0, 0, 0, 1, 0, 0]
    assert known.quality_counts is not None
    assert known.quality_counts[30].tolist() == [599, 1, 0]
    # some bases more or fewer there change nothing
    more_before, more_after = np.concatenate([read[:7], read]), np.concatenate([read, read[-3:]])
    for other in (np.concatenate([read[:50], read[60:]]), more_before, more_after):
        assert judge(other, None, TrueRead(molecule[200:800], 200, 100)).counts == known.counts


def test_unknown_true_bases_are_no_columns() -> None:
    truth = encode("ACGNNTACG")
    counts = judge(encode("ACGTTTACG"), None, TrueRead(truth)).counts
    assert (counts.matches, counts.edits, counts.truth_bases) == (7, 0, 7)
    assert int((truth == NO_BASE).sum()) == 2


def test_real_molecules_have_their_known_errors(shared: Path) -> None:
    """Mismatches, insertions, deletions of CCS reads as edlib has them (facts on read correction)."""
    known = {
        4194375: (1, 36, 21),
        4194381: (1, 2, 10),
        4194382: (0, 55, 1),
        4194383: (0, 1, 2),
        4194384: (1, 3, 5),
    }
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    found = {}
    with open_true_reads(folder / "truth_to_ccs.bam") as truths:
        for read in read_calls(folder / "ccs.bam"):
            hole = int(read.read_id.split("/")[1])
            if hole in known:
                truth = truths.of(truths.number_of(read.read_id))
                counts = judge(encode(read.sequence), read.qualities, truth).counts
                insertions = counts.hp_insertions + counts.non_hp_insertions
                deletions = counts.hp_deletions + counts.non_hp_deletions
                mismatches = counts.hp_mismatches + counts.non_hp_mismatches
                found[hole] = (mismatches, insertions, deletions)
                distance = edlib.align(read.sequence, decode(truth.codes), task="distance")
                assert counts.edits == distance["editDistance"]
    assert found == known
