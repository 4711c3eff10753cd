"""Files of raw subreads and CCS reads in, aligned subreads out: made from simulated and from real ones."""

from array import array
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import encode, reverse_complement
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.features.pileup import PileupConfig, pile_up
from lexome.features.pileup_windows import cut_windows
from lexome.io.bgzf import END
from lexome.io.subreads import read_zmws
from lexome.tasks.basecall.shard import Shard
from lexome.tasks.correct.align import AlignRequest, align_files
from lexome.tasks.correct.aligned_table import AlignRow, AlignSummary

Records = list[pysam.AlignedSegment]


def records_of(path: Path) -> Records:
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return list(file.fetch(until_eof=True))


def unalign(path: Path, output: Path, keep=lambda record: True) -> Path:
    """Writes aligned subreads as the instrument does: in the direction of sequencing, without a place."""
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        lines = [line for line in str(file.header).splitlines() if line and line[:3] != "@SQ"]
        with pysam.AlignmentFile(str(output), "wb", text="\n".join(lines) + "\n") as out:
            for record in file.fetch(until_eof=True):
                if not keep(record):
                    continue
                raw = pysam.AlignedSegment(out.header)
                sequence = record.query_sequence or ""
                raw.query_name, raw.flag = record.query_name, 4
                raw.query_sequence = reverse_complement(sequence) if record.is_reverse else sequence
                raw.query_qualities = array("B", [0] * len(sequence))
                tags = record.get_tags(with_value_type=True)
                raw.set_tags([tag if tag[2] != "B" else tag[:2] for tag in tags])
                out.write(raw)
    return output


@pytest.fixture(scope="module")
def raw(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unalign(simulated / "subreads_to_ccs.bam", tmp_path_factory.mktemp("raw") / "raw.bam")


def hole(record: pysam.AlignedSegment) -> str:
    return (record.query_name or "").split("/")[1]


def rows_in(path: Path) -> dict[str, dict[str, str]]:
    head, *lines = (line.split("\t") for line in path.read_text().splitlines())
    return {line[0]: dict(zip(head, line, strict=True)) for line in lines}


@pytest.mark.parametrize("threads", [1, 3])
def test_simulated_subreads_come_back_to_their_places(
    simulated: Path, raw: Path, tmp_path: Path, threads: int
) -> None:
    request = AlignRequest(raw, simulated / "ccs.bam", tmp_path / "o.bam", tmp_path / "t.tsv", threads)
    done: list[int] = []
    summary = align_files(request, done.append)
    before, after = records_of(simulated / "subreads_to_ccs.bam"), records_of(tmp_path / "o.bam")
    assert summary.aligned == summary.subreads == len(before) == len(after) == done[-1]
    assert summary.outcomes == {"aligned": 5}
    same = bases = 0
    for old, new in zip(before, after, strict=True):
        assert (old.query_name, old.flag, old.reference_name) == (
            new.query_name,
            new.flag,
            new.reference_name,
        )
        assert (old.query_sequence, old.mapping_quality) == (new.query_sequence, new.mapping_quality)
        assert old.get_tags(with_value_type=True) == new.get_tags(with_value_type=True)
        assert new.query_qualities is None
        pairs = {q: r for q, r in new.get_aligned_pairs() if q is not None and r is not None}
        wanted = [(q, r) for q, r in old.get_aligned_pairs() if q is not None and r is not None]
        same += sum(pairs.get(q) == r for q, r in wanted)
        bases += len(wanted)
    assert same / bases > 0.995
    rows = rows_in(tmp_path / "t.tsv")
    assert [row["outcome"] for row in rows.values()] == ["aligned"] * 5
    assert sum(int(row["subreads"]) for row in rows.values()) == len(before)
    assert not list(tmp_path.glob("*.partial"))


def test_cigars_and_bases_fit_each_other(simulated: Path, raw: Path, tmp_path: Path) -> None:
    align_files(AlignRequest(raw, simulated / "ccs.bam", tmp_path / "o.bam"))
    ccs = {one.query_name: one.query_sequence or "" for one in records_of(simulated / "ccs.bam")}
    for record in records_of(tmp_path / "o.bam"):
        query, reference = record.query_sequence or "", ccs[record.reference_name or ""]
        q, r = 0, record.reference_start
        for op, length in record.cigartuples or []:
            if op in (7, 8):
                same = [query[q + i] == reference[r + i] for i in range(length)]
                assert same == [op == 7] * length
            assert op in (1, 2, 4, 7, 8)
            q += length * (op != 2)
            r += length * (op in (2, 7, 8))
        assert q == len(query)
        assert r <= len(reference)


def test_bytes_depend_on_the_input_alone(simulated: Path, raw: Path, tmp_path: Path) -> None:
    for threads in (1, 4):
        align_files(AlignRequest(raw, simulated / "ccs.bam", tmp_path / f"{threads}.bam", threads=threads))
    assert (tmp_path / "1.bam").read_bytes() == (tmp_path / "4.bam").read_bytes()


def test_shards_are_parts_of_the_whole(simulated: Path, raw: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "o.sam", []
    align_files(AlignRequest(raw, simulated / "ccs.bam", whole))
    names: list[str] = []
    for index in (1, 2, 3):
        shard = Shard(index, 3)
        request = AlignRequest(
            raw, simulated / "ccs.bam", tmp_path / f"{index}.sam", tmp_path / f"{index}.tsv", shard=shard
        )
        align_files(request)
        parts += [record.to_string() for record in records_of(tmp_path / f"{index}.sam")]
        names += list(rows_in(tmp_path / f"{index}.tsv"))
    assert sorted(parts) == sorted(record.to_string() for record in records_of(whole))
    assert len(names) == len(set(names)) == 5


def test_every_zmw_has_a_line_with_its_reason(simulated: Path, raw: Path, tmp_path: Path) -> None:
    holes = list(dict.fromkeys(map(hole, records_of(raw))))
    some = tmp_path / "ccs.bam"
    with pysam.AlignmentFile(str(simulated / "ccs.bam"), check_sq=False) as file:
        with pysam.AlignmentFile(str(some), "wb", header=file.header) as out:
            kept = [one for one in file.fetch(until_eof=True) if hole(one) != holes[1]]
            for record in reversed(kept):  # any order will do
                out.write(record)
            out.write(kept[0])
    split = unalign(raw, tmp_path / "r.bam", lambda one: hole(one) != holes[2])
    again = unalign(raw, tmp_path / "s.bam", lambda one: hole(one) == holes[0])
    listed = tmp_path / "all.fofn"
    listed.write_text(f"{split}\n{again}\n")
    summary = align_files(AlignRequest(listed, some, tmp_path / "o.bam", tmp_path / "t.tsv"))
    assert summary.outcomes == {
        "aligned": 3, "no_ccs": 1, "no_subreads": 1, "duplicate_ccs": 1, "not_contiguous": 1,
    }  # fmt: skip
    lines = (tmp_path / "t.tsv").read_text().splitlines()
    outcomes = {(line.split("\t")[0].split("/")[1], line.split("\t")[1]) for line in lines[1:]}
    assert outcomes >= {(holes[1], "no_ccs"), (holes[2], "no_subreads"), (holes[0], "not_contiguous")}
    counted = summary.aligned + summary.left_out.total()
    assert counted == summary.subreads == len(records_of(split)) + len(records_of(again))


def test_what_cannot_be_done_is_said_before(simulated: Path, raw: Path, tmp_path: Path) -> None:
    ccs = simulated / "ccs.bam"
    with pytest.raises(UsageError, match=r"no\.bam: no such file"):
        align_files(AlignRequest(raw, tmp_path / "no.bam", tmp_path / "o.bam"))
    with pytest.raises(UsageError, match=r"\.bam or \.sam"):
        align_files(AlignRequest(raw, ccs, tmp_path / "o.fastq"))
    with pytest.raises(UsageError, match="is an input too"):
        align_files(AlignRequest(raw, ccs, raw))
    listed = raw.parent / "x.fofn"
    listed.write_text("raw.bam\n")
    with pytest.raises(UsageError, match="is an input too"):
        align_files(AlignRequest(listed, ccs, raw))
    assert len(records_of(raw)) > 5


def test_without_any_alignment_no_file_is_left(simulated: Path, raw: Path, tmp_path: Path) -> None:
    other = tmp_path / "x.bam"
    with pysam.AlignmentFile(str(other), "wb", text="@HD\tVN:1.6\n") as file:
        record = pysam.AlignedSegment(file.header)
        record.query_name, record.flag, record.query_sequence = "m/1/ccs", 4, "ACGT" * 50
        file.write(record)
    with pytest.raises(LexomeError, match=r"no subread could be aligned; 5 ZMWs are no_ccs"):
        align_files(AlignRequest(raw, other, tmp_path / "o.bam", tmp_path / "t.tsv"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.tsv.partial", "x.bam"]


def test_before_damage_everything_is_finished(simulated: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.bam"
    with pysam.AlignmentFile(str(simulated / "subreads_to_ccs.bam")) as file:
        with pysam.AlignmentFile(str(whole), "wb", header=file.header) as out:
            for record in list(file) * 12:
                out.write(record)
    cut = tmp_path / "cut.bam"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2] + END)
    summary = AlignSummary()
    request = AlignRequest(cut, simulated / "ccs.bam", tmp_path / "o.bam", tmp_path / "t.tsv", 2)
    with pytest.raises(BadInputError, match=r"cut\.bam"):
        align_files(request, summary=summary)
    assert summary.aligned == len(records_of(tmp_path / "o.bam.partial")) > 20
    assert not (tmp_path / "o.bam").exists()
    assert len((tmp_path / "t.tsv.partial").read_text().splitlines()) > 5


def test_ccs_reads_can_be_made_first(simulated: Path, raw: Path, tmp_path: Path) -> None:
    target = tmp_path / "made.bam"

    def make(report) -> None:
        target.write_bytes((simulated / "ccs.bam").read_bytes())
        report(AlignRow("m/0", "too_few_passes", "why"))

    summary = align_files(AlignRequest(raw, target, tmp_path / "o.bam", tmp_path / "t.tsv"), make_ccs=make)
    assert summary.outcomes == {"aligned": 5, "too_few_passes": 1}
    assert list(rows_in(tmp_path / "t.tsv"))[0] == "m/0"
    with pytest.raises(UsageError, match=r"written as \.bam"):
        align_files(AlignRequest(raw, tmp_path / "x.sam", tmp_path / "o.bam"), make_ccs=make)
    with pytest.raises(UsageError, match=r"something else"):
        align_files(AlignRequest(raw, tmp_path / "o.bam", tmp_path / "o.bam"), make_ccs=make)


def test_the_peers_own_example_gives_as_many_records(shared: Path, tmp_path: Path) -> None:
    """68 is what the test of actc itself expects of these files."""
    folder = shared / "data" / "pacbio" / "actc_tests"
    request = AlignRequest(folder / "tiny.clr.bam", folder / "tiny.ccs.bam", tmp_path / "o.bam", threads=2)
    summary = align_files(request)
    assert summary.aligned == len(records_of(tmp_path / "o.bam")) == 68
    assert summary.outcomes == {"aligned": 6, "no_ccs": 9}
    raw = {one.query_name: one for one in records_of(folder / "tiny.clr.bam")}
    for record in records_of(tmp_path / "o.bam"):
        kept = raw[record.query_name]
        assert record.get_tags(with_value_type=True) == kept.get_tags(with_value_type=True)
        turned = (
            reverse_complement(record.query_sequence or "") if record.is_reverse else record.query_sequence
        )
        assert turned == kept.query_sequence
    names = {zmw.name for zmw in read_zmws(tmp_path / "o.bam", folder / "tiny.ccs.bam", lambda one: None)}
    assert len(names) == 6


def test_kinetics_of_real_reverse_records_are_in_the_direction_of_sequencing(shared: Path) -> None:
    """Pulses of C are wider than those of A: so only if C and A are those that the polymerase read."""
    pulses: dict[tuple[bool, int], list[float]] = {}
    for record in records_of(shared / "data" / "pacbio" / "human_1m_dev" / "subreads_to_ccs.bam"):
        if not record.is_reverse or not record.has_tag("pw"):
            continue
        widths = np.asarray(record.get_tag("pw"))
        stored = record.query_sequence or ""
        for native, sequence in ((True, reverse_complement(stored)), (False, stored)):
            codes = encode(sequence)
            for base in (0, 1):
                pulses.setdefault((native, base), []).append(float(np.median(widths[codes == base])))
    wider = {
        native: np.mean(np.array(pulses[native, 1]) - np.array(pulses[native, 0])) for native in (True, False)
    }
    assert wider[True] > 2
    assert wider[False] < 1


@pytest.mark.slow
def test_windows_of_real_subreads_are_nearly_those_of_the_real_file(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    raw = unalign(folder / "subreads_to_ccs.bam", tmp_path / "raw.bam")
    align_files(AlignRequest(raw, folder / "ccs.bam", tmp_path / "o.bam", threads=2))
    old, new = (
        {zmw.name: zmw for zmw in read_zmws(path, folder / "ccs.bam", lambda one: None)}
        for path in (folder / "subreads_to_ccs.bam", tmp_path / "o.bam")
    )
    same = windows = 0
    for number in (4194375, 4194381, 4194383, 4194384):
        name = f"m54238_180901_011437/{number}/ccs"
        cut = [cut_windows(pile_up(zmws[name], PileupConfig())) for zmws in (old, new)]
        by_place = [{one.ccs_start_bp: one.rows_RL for one in ones} for ones in cut]
        assert abs(len(by_place[0]) - len(by_place[1])) <= 3
        old_rows, new_rows = pile_up(old[name], PileupConfig()), pile_up(new[name], PileupConfig())
        columns = [np.asarray(one.columns_C1) for one in (old_rows, new_rows)]
        # column by column of the CCS bases, whatever was inserted between them
        bases = [one.rows_RW[:20][:, c[:-1]] for one, c in zip((old_rows, new_rows), columns, strict=True)]
        same += int((bases[0] == bases[1]).all(0).sum())
        windows += bases[0].shape[1]
    assert same / windows > 0.95
