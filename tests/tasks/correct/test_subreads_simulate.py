"""Simulated subreads on disk: every file agrees with the others and with the reference."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import decode, encode, reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.core.zmw import Truth
from lexome.io.fastx import read_reference
from lexome.io.subreads import read_zmws
from lexome.io.truth import open_truths
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import SubreadConfig
from lexome.simulate.hifi_profile import bundled_subread_profile
from lexome.tasks.correct.simulate import (
    FILES,
    SimulatedSubreads,
    chromosomes_of,
    cut_blocks,
    simulate_to_folder,
    simulate_zmws,
)

CONFIG = SubreadConfig(2000.0, 300.0, 1000, 4, 6)
TAGS = {
    "RG": "Z",
    "cx": "i",
    "ip": "B",
    "np": "i",
    "pw": "B",
    "qe": "i",
    "qs": "i",
    "rq": "f",
    "sn": "B",
    "zm": "i",
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "r.fa"
    path.write_text(f">one\n{random_genome(9000, 1)}\n>two\n{random_genome(7000, 2)}\n")
    return path


@pytest.fixture(scope="module")
def made(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimulatedSubreads]:
    folder = tmp_path_factory.mktemp("simulated") / "set"
    return folder, simulate_to_folder(folder, CONFIG, 6, 3, reference=reference)


def records(path: Path) -> list[pysam.AlignedSegment]:
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return list(file)


def test_all_files_are_there_and_whole(made: tuple[Path, SimulatedSubreads]) -> None:
    folder, totals = made
    assert {p.name for p in folder.iterdir()} == set(FILES)
    assert totals.zmws == 6
    for name in ("subreads_to_ccs.bam", "truth_to_ccs.bam"):
        pysam.quickcheck(str(folder / name))
    pysam.quickcheck("-u", str(folder / "ccs.bam"))  # holds no contigs, as real ones
    assert len(records(folder / "subreads_to_ccs.bam")) == totals.subreads
    assert sum(r.query_length for r in records(folder / "ccs.bam")) == totals.draft_bases


def test_subreads_have_the_form_of_real_ones(made: tuple[Path, SimulatedSubreads]) -> None:
    folder, totals = made
    drafts = {r.query_name: r for r in records(folder / "ccs.bam")}
    by_zmw, order, bases = defaultdict(list), [], 0
    for read in records(folder / "subreads_to_ccs.bam"):
        tags = {name: kind if kind not in "CcSsIi" else "i" for name, _, kind in read.get_tags(True)}
        assert tags == TAGS
        movie, zmw, span = (read.query_name or "").split("/")
        draft = drafts[read.reference_name]
        assert (movie, read.reference_name) == ("lexome_simulated_3", f"lexome_simulated_3/{zmw}/ccs")
        assert span == f"{read.get_tag('qs')}_{read.get_tag('qe')}"
        assert read.query_length == read.get_tag("qe") - read.get_tag("qs") == len(read.get_tag("pw"))
        assert read.get_tag("sn") == draft.get_tag("sn")
        check_cigar(read, draft.query_sequence or "")
        by_zmw[zmw].append(read)
        order.append(int(zmw))
        bases += read.query_length
    assert order == sorted(order)
    assert bases == totals.bases
    for zmw, reads in by_zmw.items():
        starts = [r.get_tag("qs") for r in reads]
        assert starts == sorted(starts)
        whole = sum(r.get_tag("cx") == 3 for r in reads)
        assert drafts[f"lexome_simulated_3/{zmw}/ccs"].get_tag("np") == whole >= 4
    with pysam.AlignmentFile(str(folder / "subreads_to_ccs.bam")) as file:
        lengths = dict(zip(file.references, file.lengths, strict=True))
    assert lengths == {name: read.query_length for name, read in drafts.items()}


def check_cigar(read: pysam.AlignedSegment, draft: str) -> None:
    """= and X are what they say, and the CIGAR ends where the read ends."""
    i, j, query = 0, read.reference_start, read.query_sequence or ""
    for op, length in read.cigartuples or ():
        for _ in range(length):
            if op in (7, 8):
                assert (query[i] == draft[j]) == (op == 7)
            i += op != 2
            j += op != 1
    assert i == len(query)
    assert j <= len(draft)
    assert read.cigartuples is not None
    assert 2 not in (read.cigartuples[0][0], read.cigartuples[-1][0])


def test_the_truth_is_a_piece_of_the_reference(made: tuple[Path, SimulatedSubreads], reference: Path) -> None:
    folder, totals = made
    contigs, truths = read_reference(reference), read_reference(folder / "truth.fasta")
    aligned = {r.query_name: r for r in records(folder / "truth_to_ccs.bam")}
    drafts = {r.query_name: r.query_sequence or "" for r in records(folder / "ccs.bam")}
    rows = [line.split("\t") for line in (folder / "truth.bed").read_text().splitlines()]
    assert len(rows) == 6
    differences = 0
    for contig, start, end, name, rate, strand in rows:
        piece = contigs[contig][int(start) : int(end)]
        sequence = truths[name.replace("/ccs", "/truth")]
        assert sequence == (piece if strand == "+" else reverse_complement(piece))
        read = aligned[name.replace("/ccs", "/truth")]
        assert (read.query_sequence, read.reference_name) == (sequence, name)
        check_cigar(read, drafts[name])
        assert float(rate) == pytest.approx(1 - read.get_tag("mg") / 100, abs=1e-5)
        differences += round((1 - read.get_tag("mg") / 100) * max(len(sequence), len(drafts[name])))
    assert {row[5] for row in rows} == {"+", "-"}
    assert abs(differences - totals.draft_errors) <= 6
    split = dict(line.split("\t") for line in (folder / "truth_split.tsv").read_text().splitlines())
    assert split == {"one": "chr1", "two": "chr2"}


def test_kinetics_are_in_the_direction_of_reading(
    made: tuple[Path, SimulatedSubreads], reference: Path
) -> None:
    folder, _ = made
    by_name = {r.query_name: r for r in records(folder / "subreads_to_ccs.bam")}
    zmws = simulate_zmws(read_reference(reference), bundled_subread_profile(), CONFIG, 6, 3)
    reverse = 0
    for zmw in zmws:
        for one in zmw.molecule.passes:
            read = by_name[
                f"lexome_simulated_3/{zmw.number}/{one.query_start}_{one.query_start + len(one.codes)}"
            ]
            assert read.is_reverse == one.is_reverse
            assert read.get_forward_sequence() == decode(one.codes)
            np.testing.assert_array_equal(np.array(read.get_tag("pw")), one.pulse)
            np.testing.assert_array_equal(np.array(read.get_tag("ip")), one.gap)
            reverse += one.is_reverse
    assert reverse > 10


def test_the_same_seed_gives_the_same_bytes_and_parts_make_the_whole(
    made: tuple[Path, SimulatedSubreads], reference: Path, tmp_path: Path
) -> None:
    folder, _ = made
    simulate_to_folder(tmp_path / "again", CONFIG, 6, 3, reference=reference)
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name
    simulate_to_folder(tmp_path / "part", CONFIG, 2, 3, reference=reference, first=5)
    whole, part = (records(f / "subreads_to_ccs.bam") for f in (folder, tmp_path / "part"))
    assert [r.query_name for r in whole[-len(part) :]] == [r.query_name for r in part]
    assert [r.query_sequence for r in whole[-len(part) :]] == [r.query_sequence for r in part]
    assert [r.cigarstring for r in whole[-len(part) :]] == [r.cigarstring for r in part]
    other = simulate_to_folder(tmp_path / "other", CONFIG, 2, 4, reference=reference)
    assert other.bases != sum(r.query_length for r in part)


def test_a_random_genome_in_blocks(tmp_path: Path) -> None:
    simulate_to_folder(tmp_path / "set", CONFIG, 2, 3, genome_bp=120_000, block_bp=3000)
    split = dict(line.split("\t") for line in (tmp_path / "set" / "truth_split.tsv").read_text().splitlines())
    assert len(split) == 40
    assert {"chr20", "chr21", "chr1"} <= set(split.values())
    for line in (tmp_path / "set" / "truth.bed").read_text().splitlines():
        contig, start, end, *_ = line.split("\t")
        assert contig in split
        assert 0 <= int(start) < int(end) <= 3000


def test_blocks_and_chromosomes() -> None:
    assert cut_blocks({"c": "ACGTACGTAC"}, 4, 3) == {"c:0-4": "ACGT", "c:4-8": "ACGT"}
    with pytest.raises(UsageError, match="at least 5"):
        cut_blocks({"c": "ACGT"}, 4, 5)
    assert chromosomes_of(["chr7", "x"]) == {"chr7": "chr7", "x": "chr2"}
    assert [chromosomes_of([f"c{i}" for i in range(10)])[f"c{i}"] for i in (0, 8, 9)] == [
        "chr1",
        "chr20",
        "chr21",
    ]


def test_what_goes_wrong_leaves_nothing_behind(reference: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="already"):
        simulate_to_folder(tmp_path / "there", CONFIG, 1, 1, reference=reference)
    with pytest.raises(UsageError, match="does not exist"):
        simulate_to_folder(tmp_path / "no" / "where", CONFIG, 1, 1, reference=reference)
    with pytest.raises(UsageError, match="at least one"):
        simulate_to_folder(tmp_path / "x", CONFIG, 0, 1, reference=reference)
    with pytest.raises(UsageError, match="seed"):
        simulate_to_folder(tmp_path / "x", CONFIG, 1, -1)
    with pytest.raises(BadInputError, match="no such file"):
        simulate_to_folder(tmp_path / "x", CONFIG, 1, 1, reference=tmp_path / "none.fa")
    with pytest.raises(BadInputError, match="too short"):
        simulate_to_folder(tmp_path / "x", SubreadConfig(min_length_bp=9999), 1, 1, reference=reference)

    def stop(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_to_folder(tmp_path / "x", CONFIG, 3, 1, reference=reference, progress=stop)
    assert {p.name for p in tmp_path.iterdir()} == {"there"}


def test_encoded_molecules_are_those_of_the_reference(reference: Path) -> None:
    contigs = read_reference(reference)
    for zmw in simulate_zmws(contigs, bundled_subread_profile(), CONFIG, 3, 9):
        place = zmw.molecule.place
        piece = contigs[place.contig][place.start : place.end]
        wanted = piece if place.strand == "+" else reverse_complement(piece)
        np.testing.assert_array_equal(zmw.molecule.codes, encode(wanted))


def test_the_readers_of_read_correction_take_all_of_it(made: tuple[Path, SimulatedSubreads]) -> None:
    folder, totals = made
    reports: list = []
    zmws = list(read_zmws(folder / "subreads_to_ccs.bam", folder / "ccs.bam", reports.append))
    assert not reports
    assert len(zmws) == 6
    assert sum(len(zmw.subreads) for zmw in zmws) == totals.subreads
    paths = [folder / name for name in ("truth_to_ccs.bam", "truth.bed", "truth_split.tsv")]
    with open_truths(*paths) as truths:
        found = [truths.of(zmw.ccs.name) for zmw in zmws]
    assert all(isinstance(truth, Truth) and truth.split == "train" for truth in found)
