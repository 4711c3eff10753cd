import os

import numpy as np
import pysam
import pytest

from lexome.core.errors import LexomeError
from lexome.io.output import open_output
from lexome.io.sorting import sort_and_index

INDEX_OF = {".bam": ".bai", ".cram": ".crai"}


@pytest.fixture
def unsorted(aligned, tmp_path):
    """Writes many records in no order, two copies of each so that places repeat."""

    def make(name: str):
        with open_output(tmp_path / name, aligned.header, emit_moves=True) as output:
            pairs = aligned.pairs()
            for number in np.random.default_rng(5).permutation(len(pairs) * 40):
                output.write(*pairs[number % len(pairs)])
        return tmp_path / name

    return make


def lines(path) -> list[str]:
    return pysam.view("--no-PG", str(path)).splitlines()


@pytest.mark.parametrize("ending", [".sam", ".bam", ".cram"])
class TestSorted:
    def test_by_position_and_nothing_lost(self, unsorted, aligned, ending):
        path = unsorted(f"calls{ending}")
        before = lines(path)
        sort_and_index(path)
        aligned.reference.unlink()
        after = lines(path)
        assert sorted(after) == sorted(before)
        assert after != before
        with pysam.AlignmentFile(str(path)) as file:
            assert str(file.header) == aligned.header.sam_text().replace("SO:unknown", "SO:coordinate")
            places = [(r.reference_id % 2**31, r.reference_start) for r in file.fetch(until_eof=True)]
        assert places == sorted(places)
        assert len(places) == 400
        present = {p.name for p in path.parent.iterdir() if p.name.startswith(("calls", "."))}
        assert present == {path.name, *([path.name + INDEX_OF[ending]] if ending != ".sam" else [])}

    def test_same_bytes_every_time_and_for_any_threads(self, unsorted, ending, tmp_path, monkeypatch):
        source = unsorted(f"calls{ending}").read_bytes()
        results = []
        for number, (threads, memory) in enumerate([(1, 256), (1, 256), (3, 256), (1, 1)]):
            monkeypatch.setattr("lexome.io.sorting.SORT_MEMORY_MIB", memory)
            folder = tmp_path / f"folder {number}"
            folder.mkdir()
            (folder / f"calls{ending}").write_bytes(source)
            sort_and_index(folder / f"calls{ending}", threads=threads)
            results.append([p.read_bytes() for p in sorted(folder.iterdir())])
        assert all(result == results[0] for result in results)

    def test_a_partial_becomes_the_output(self, unsorted, ending):
        path = unsorted(f"calls{ending}")
        count = len(lines(path))
        partial = path.rename(path.with_name(path.name + ".partial"))
        stale = path.with_name(path.name + ".csi")
        stale.write_text("index of an earlier output")
        sort_and_index(partial, path)
        assert not partial.exists()
        assert not stale.exists()
        assert len(lines(path)) == count


@pytest.mark.parametrize("ending", [".bam", ".cram"])
def test_any_part_can_be_fetched(unsorted, ending):
    path = unsorted(f"calls{ending}")
    sort_and_index(path)
    with pysam.AlignmentFile(str(path)) as file:
        everything = list(file.fetch(until_eof=True))
        for contig, start in (("one", 0), ("one", 1500), ("two", 4500)):
            expected = [
                (r.query_name, r.flag)
                for r in everything
                if r.reference_name == contig and r.reference_start < start + 300 and r.reference_end > start
            ]
            assert [(r.query_name, r.flag) for r in file.fetch(contig, start, start + 300)] == expected
        assert sum(r.is_unmapped for r in everything) == 80


@pytest.mark.parametrize(
    ("cut", "ending"),
    [("damaged", ".bam"), ("damaged", ".cram"), ("folder", ".sam"), ("folder", ".bam"), ("folder", ".cram")],
)
def test_a_failure_leaves_the_unsorted_file(unsorted, ending, cut, tmp_path, capfd):
    path = unsorted(f"calls{ending}")
    target = path
    if cut == "damaged":
        os.truncate(path, path.stat().st_size // 2)
    else:
        target = tmp_path / f"sorted{ending}"
        target.mkdir()
    before, names = path.read_bytes(), {p.name for p in tmp_path.iterdir()}
    said = r"cannot be sorted \(samtools sort: truncated file" if cut == "damaged" else "Is a directory"
    with pytest.raises(LexomeError, match=said) as error:
        sort_and_index(path, target)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == names
    assert capfd.readouterr() == ("", "")


def test_long_sequences_need_the_other_index(tmp_path, aligned):
    header = aligned.header.sam_text().replace("LN:8000", f"LN:{2**29 + 1}")
    path = tmp_path / "calls.bam"
    with pysam.AlignmentFile(str(path), "wb", text=header) as file:
        far = pysam.AlignedSegment(file.header)
        far.query_name, far.query_sequence, far.cigarstring = "far", "ACGT", "4M"
        far.flag, far.reference_id, far.reference_start = 0, 1, 2**29 - 10
        file.write(far)
    sort_and_index(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["calls.bam", "calls.bam.csi"]
    with pysam.AlignmentFile(str(path)) as file:
        assert [read.query_name for read in file.fetch("two", 2**29 - 20, 2**29)] == ["far"]


def test_more_than_the_memory_holds(tmp_path, aligned, monkeypatch):
    """Sorted in pieces on disk, which are gone afterwards."""
    monkeypatch.setattr("lexome.io.sorting.SORT_MEMORY_MIB", 1)
    path = tmp_path / "calls.bam"
    with open_output(path, aligned.header, emit_moves=True) as output:
        for _ in range(120):
            for pair in aligned.pairs():
                output.write(*pair)
    before = sorted(lines(path))
    sort_and_index(path)
    assert sorted(lines(path)) == before
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["calls.bam", "calls.bam.bai"]
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
