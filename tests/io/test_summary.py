import os
from pathlib import Path

import pysam
import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.io.hts import OutputHeader
from lexome.io.output import open_output
from lexome.io.summary import SummaryWriter, check_summary, read_rows
from lexome.io.summary_rows import columns_of, record_qscore


@pytest.fixture
def header(make_run) -> OutputHeader:
    return OutputHeader([make_run("run-a")], "fast@v1", 6, "1", "lexome")


@pytest.fixture
def summary(tmp_path, aligned) -> Path:
    path = tmp_path / "summary.tsv"
    with SummaryWriter(path, aligned.header) as writer:
        for number, (call, alignments) in enumerate(aligned.pairs()):
            writer.write(call, alignments, number % 3 > 0)
    return path


def test_text(tmp_path, header, make_call):
    path = tmp_path / "summary.tsv"
    calls = [make_call(1), make_call(2, bases=0)]
    with SummaryWriter(path, header) as writer:
        assert writer.partial_path == tmp_path / "summary.tsv.partial"
        assert not path.exists()
        for call in calls:
            writer.write(call, (), True)
    assert [p.name for p in tmp_path.iterdir()] == ["summary.tsv"]
    lines = path.read_bytes().decode().split("\n")
    assert lines[0].split("\t") == list(columns_of(header))
    first = lines[1].split("\t")
    assert first[:10] == [
        "reads.pod5", "0", calls[0].read_id, calls[0].read_id, "run-a", "101", "2", "1001", "24.691000",
        "0.482000",
    ]  # fmt: skip
    assert lines[2].split("\t")[14:16] == ["0", "0.000000"]
    assert lines[3:] == [""]


@pytest.mark.parametrize("ending", [".sam", ".bam", ".cram"])
def test_rows_from_records_are_the_same_to_the_byte(tmp_path, aligned, summary, ending):
    path = tmp_path / f"calls{ending}"
    with open_output(path, aligned.header) as output:
        for call, alignments in aligned.pairs():
            output.write(call, alignments)
    with pysam.AlignmentFile(str(path)) as file:
        segments = list(file.fetch(until_eof=True))
    with SummaryWriter(tmp_path / "again.tsv", aligned.header) as writer:
        for number, call in enumerate(aligned.calls.values()):
            own = [segment for segment in segments if segment.query_name == call.read_id]
            assert record_qscore(own[0]) >= 0
            writer.write_kept(own, number % 3 > 0)
    assert (tmp_path / "again.tsv").read_bytes() == summary.read_bytes()


def test_rows_read_back_and_kept(tmp_path, aligned, summary):
    rows = list(read_rows(summary, aligned.header))
    assert [row.read_id for row in rows] == [call.read_id for call in aligned.calls.values()]
    assert [row.passes for row in rows] == [number % 3 > 0 for number in range(8)]
    with SummaryWriter(tmp_path / "again.tsv", aligned.header) as writer:
        for row in rows[:5]:
            writer.keep_row(row)
        for number, (call, alignments) in list(enumerate(aligned.pairs()))[5:]:
            writer.write(call, alignments, number % 3 > 0)
    assert (tmp_path / "again.tsv").read_bytes() == summary.read_bytes()


def test_a_summary_that_is_cut_off_gives_its_whole_rows(tmp_path, aligned, summary):
    whole = summary.read_bytes()
    ends = [place + 1 for place in range(len(whole)) if whole[place : place + 1] == b"\n"]
    cut = tmp_path / "cut.tsv.partial"
    for keep in range(0, len(whole) + 1, 23):
        for tail in (b"", bytes(50), b"\0\n"):
            cut.write_bytes(whole[:keep] + tail)
            expected = sum(end <= keep for end in ends[1:])
            if keep < ends[0] and tail.endswith(b"\n"):
                continue  # a whole first line, with other columns: refused, see below
            assert len(list(read_rows(cut, aligned.header))) == expected


def test_a_line_that_is_no_row_ends_the_rows(tmp_path, aligned, summary):
    lines = summary.read_text().splitlines(keepends=True)
    path = tmp_path / "damaged.tsv"
    path.write_text("".join([*lines[:4], "a line\tof something\n", *lines[4:]]))
    assert len(list(read_rows(path, aligned.header))) == 3


def test_other_columns(tmp_path, header, summary):
    with pytest.raises(BadInputError, match="not a summary with the columns"):
        list(read_rows(summary, header))
    with pytest.raises(BadInputError, match="No such file"):
        list(read_rows(tmp_path / "none.tsv", header))


@pytest.mark.parametrize("failure", [RuntimeError("no memory"), KeyboardInterrupt()])
def test_a_failure_keeps_the_rows(tmp_path, header, make_call, failure):
    path = tmp_path / "summary.tsv"
    path.write_text("of an earlier run")
    with pytest.raises(type(failure)), SummaryWriter(path, header) as writer:  # noqa: PT012
        writer.write(make_call(1), (), True)
        raise failure
    assert path.read_text() == "of an earlier run"
    assert [row.read_id for row in read_rows(writer.partial_path, header)] == [make_call(1).read_id]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_full_disk(tmp_path, header, make_call):
    os.symlink("/dev/full", tmp_path / "summary.tsv.partial")
    with (
        pytest.raises(LexomeError, match=r"summary\.tsv\.partial: cannot be written"),
        SummaryWriter(tmp_path / "summary.tsv", header) as writer,
    ):
        writer.write(make_call(1), (), True)
    assert not (tmp_path / "summary.tsv").exists()


def test_refusals(tmp_path, header):
    (tmp_path / "folder").mkdir()
    check_summary(tmp_path / "summary.tsv", tmp_path / "calls.bam")
    for path, message in (
        (tmp_path / "folder", "is a folder"),
        (tmp_path / "none" / "summary.tsv", "does not exist"),
    ):
        with pytest.raises(UsageError, match=message):
            check_summary(path)
        with pytest.raises(UsageError, match=message):
            SummaryWriter(path, header)
    with pytest.raises(UsageError, match="is the output of the calls too"):
        check_summary(tmp_path / "calls.bam", tmp_path / "calls.bam")
