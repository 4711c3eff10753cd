"""Files in, files out: every ZMW is written or named with its reason, and nothing half-done looks whole."""

import csv
import dataclasses
import gzip
import shutil
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.io.bgzf import END
from lexome.tasks.basecall.shard import Shard
from lexome.tasks.correct.files import CorrectRequest, correct_files
from lexome.tasks.correct.model import Corrector, open_corrector
from lexome.tasks.correct.outcomes import CorrectSummary, Filters


@pytest.fixture
def request_of(simulated: Path, tmp_path: Path) -> CorrectRequest:
    return CorrectRequest(
        simulated / "subreads_to_ccs.bam", simulated / "ccs.bam", tmp_path / "o.bam", tmp_path / "bad.bam",
        tmp_path / "t.tsv",
    )  # fmt: skip


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def records(path: Path) -> list[pysam.AlignedSegment]:
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return list(file)


def rewrite_ccs(source: Path, path: Path, change) -> Path:
    """Copies CCS reads; `change(number, record)` says which are left out (False)."""
    with (
        pysam.AlignmentFile(str(source), check_sq=False) as old,
        pysam.AlignmentFile(str(path), "wb", template=old) as new,
    ):
        for number, record in enumerate(old):
            if change(number, record) is not False:
                new.write(record)
    return path


def test_a_copy_gives_back_the_ccs_reads(request_of: CorrectRequest, copying: Corrector) -> None:
    told: list[int] = []
    summary = correct_files(request_of, copying, told.append)
    before = records(request_of.ccs)
    after = records(request_of.output)
    assert [r.query_name for r in after] == [r.query_name for r in before]
    for new, old in zip(after, before, strict=True):
        assert (new.flag, new.query_sequence) == (4, old.query_sequence)
        assert list(new.query_qualities or []) == [93] * old.query_length
        assert new.get_tag("rq") == pytest.approx(1 - 10**-9.3)
        assert new.get_tag("oq") == old.get_tag("rq")
        for tag in ("RG", "np", "sn", "zm", "ec"):
            assert new.get_tag(tag) == old.get_tag(tag)
    assert told == np.cumsum([r.query_length for r in before]).tolist()
    assert (summary.outcomes, summary.changes) == ({"written": 5}, 0)
    assert summary.bases_in == summary.bases_out == sum(r.query_length for r in before)
    assert records(tmp := request_of.output.with_name("bad.bam")) == []
    assert sorted(p.name for p in tmp.parent.iterdir()) == ["bad.bam", "o.bam", "t.tsv"]


def test_the_table_says_what_became_of_every_zmw(
    request_of: CorrectRequest, random_corrector_model: Checkpoint, tmp_path: Path
) -> None:
    """One CCS read is missing, one has no subreads, one is there twice, one is too short, others are bad."""
    found = records(request_of.ccs)

    def change(number: int, record: pysam.AlignedSegment) -> bool:
        return number != 1

    ccs = rewrite_ccs(request_of.ccs, tmp_path / "c.bam", change)
    lonely = records(request_of.ccs)[3]
    lonely.query_name = "lexome_simulated_3/99/ccs"
    with (
        pysam.AlignmentFile(str(ccs), check_sq=False) as old,
        pysam.AlignmentFile(str(tmp_path / "d.bam"), "wb", template=old) as new,
    ):
        for record in [*old, lonely, found[0]]:
            new.write(record)
    longest = max(found[2].query_length, found[0].query_length, found[3].query_length, found[4].query_length)
    corrector = open_corrector(random_corrector_model, skip_above=0, calibration="0,0,25")
    filters = Filters(min_quality=25.0, min_length_bp=longest * 2)
    request = dataclasses.replace(request_of, ccs=tmp_path / "d.bam", filters=filters)
    summary = correct_files(request, corrector)
    table = rows(tmp_path / "t.tsv")
    outcomes = {(row["name"].split("/")[1], row["outcome"]) for row in table}
    assert ("2", "no_ccs") in outcomes
    assert ("1", "duplicate_ccs") in outcomes
    others = {outcome for name, outcome in outcomes if name in "1345"} - {"duplicate_ccs"}
    assert others == {"too_short"}
    assert [r.query_name for r in records(tmp_path / "bad.bam")] == [
        row["name"] for row in table if row["outcome"] == "too_short"
    ]
    assert not records(request.output)
    assert all(row["reason"] for row in table)
    assert sum(summary.outcomes.values()) == len(table)
    lengths = {r.query_name: r.query_length for r in records(tmp_path / "bad.bam")}
    for row in table:
        if row["outcome"] != "too_short":
            assert not row["windows"]
            continue
        assert int(row["windows"]) == int(row["corrected"]) > 0
        assert (row["skipped"], row["overflow"], row["mean_quality"]) == ("0", "0", "25.00000")
        assert int(row["bases_out"]) == lengths[row["name"]]
        assert int(row["changes"]) > 0


def test_kinetics_go_with_the_bases(
    request_of: CorrectRequest, copying: Corrector, random_corrector_model: Checkpoint, tmp_path: Path
) -> None:
    def add(number: int, record: pysam.AlignedSegment) -> None:
        record.set_tag("fi", np.ones(record.query_length, np.uint8).tobytes().decode(), "Z")
        record.set_tag("MM", "C+m;", "Z")

    ccs = rewrite_ccs(request_of.ccs, tmp_path / "k.bam", add)
    request = dataclasses.replace(request_of, ccs=ccs, filters=Filters(0.0))
    assert not correct_files(request, copying).dropped_tags
    assert all(r.has_tag("fi") and r.has_tag("MM") for r in records(request.output))
    summary = correct_files(request, open_corrector(random_corrector_model, skip_above=0))
    assert summary.dropped_tags == {"fi": 5, "MM": 5}
    assert not any(r.has_tag("fi") or r.has_tag("MM") for r in records(request.output))


def test_shards_make_up_the_whole(request_of: CorrectRequest, copying: Corrector, tmp_path: Path) -> None:
    ccs = rewrite_ccs(request_of.ccs, tmp_path / "c.bam", lambda number, _: number != 1)
    request = dataclasses.replace(request_of, ccs=ccs)
    correct_files(request, copying)
    whole = {(row["name"], row["outcome"]) for row in rows(tmp_path / "t.tsv")}
    parts: list[tuple[str, str]] = []
    for number in range(1, 5):
        correct_files(dataclasses.replace(request, shard=Shard(number, 4)), copying)
        part = [(row["name"], row["outcome"]) for row in rows(tmp_path / "t.tsv")]
        written = [r.query_name for r in records(request.output)]
        assert written == [name for name, outcome in part if outcome == "written"]
        parts += part
    assert len(parts) == len(whole) == 5
    assert set(parts) == whole
    assert {outcome for _, outcome in whole} == {"written", "no_ccs"}


def test_both_strands_of_a_molecule_are_in_one_shard(request_of: CorrectRequest) -> None:
    shards = [dataclasses.replace(request_of, shard=Shard(number, 7)) for number in range(1, 8)]
    for hole in range(30):
        names = [f"m84004_220919_222401_s1/{hole}/ccs{strand}" for strand in ("", "/fwd", "/rev")]
        wanting = [[shard.wants(name) for name in names] for shard in shards]
        assert sorted(wanting) == [[False] * 3] * 6 + [[True] * 3]


def test_threads_do_not_change_a_byte(
    request_of: CorrectRequest, random_corrector_model: Checkpoint, tmp_path: Path
) -> None:
    found = []
    for threads in (1, 3):
        request = dataclasses.replace(request_of, output=tmp_path / "o.fastq.gz", filters=Filters(0.0))
        correct_files(request, open_corrector(random_corrector_model, threads=threads))
        found.append([(tmp_path / name).read_bytes() for name in ("o.fastq.gz", "bad.bam", "t.tsv")])
    assert found[0] == found[1]
    assert gzip.decompress(found[0][0]).count(b"\n") == 20


def test_damaged_subreads_leave_what_came_before(shared: Path, copying: Corrector, tmp_path: Path) -> None:
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    content = (folder / "subreads_to_ccs.bam").read_bytes()
    (tmp_path / "s.bam").write_bytes(content[: len(content) // 2] + END)
    request = CorrectRequest(
        tmp_path / "s.bam", folder / "ccs.bam", tmp_path / "o.fastq", None, tmp_path / "t.tsv"
    )
    summary = CorrectSummary()
    with pytest.raises(BadInputError, match="s.bam"):
        correct_files(request, copying, summary=summary)
    assert not (tmp_path / "o.fastq").exists()
    assert not (tmp_path / "t.tsv").exists()
    assert summary.partial == tmp_path / "o.fastq.partial"
    assert summary.partial is not None
    names = [line[1:].split("\t")[0] for line in summary.partial.read_text().splitlines()[::4]]
    table = rows(tmp_path / "t.tsv.partial")
    assert names == [row["name"] for row in table if row["outcome"] == "written"]
    assert len(names) >= 4
    assert len(table) == len(records(folder / "ccs.bam"))
    assert {row["outcome"] for row in table} == {"written", "truncated"}


def test_a_cut_file_is_refused_and_nothing_left(request_of: CorrectRequest, copying: Corrector) -> None:
    cut = request_of.output.with_name("cut.bam")
    cut.write_bytes(request_of.subreads.read_bytes()[:3000])
    with pytest.raises(BadInputError, match=r"cut\.bam: cannot be read"):
        correct_files(dataclasses.replace(request_of, subreads=cut), copying)
    assert [p.name for p in cut.parent.iterdir()] == ["cut.bam"]


def test_if_nothing_can_be_corrected_no_reads_are_left(
    request_of: CorrectRequest, copying: Corrector, tmp_path: Path
) -> None:
    ccs = rewrite_ccs(request_of.ccs, tmp_path / "none.bam", lambda *_: False)
    request = dataclasses.replace(request_of, ccs=ccs)
    with pytest.raises(LexomeError, match="no ZMW could be corrected; 5 are no_ccs, the first: lexome_"):
        correct_files(request, copying)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["none.bam", "t.tsv.partial"]
    assert len(rows(tmp_path / "t.tsv.partial")) == 5


def test_what_cannot_work_is_refused_before_any_work(
    request_of: CorrectRequest, copying: Corrector, tmp_path: Path
) -> None:
    shutil.copy(request_of.ccs, tmp_path / "c.bam")
    wrong = [
        ({"subreads": tmp_path / "none"}, "none: no such file"),
        ({"ccs": tmp_path / "none"}, "none: no such file"),
        ({"output": tmp_path / "o.txt"}, "ending decides"),
        ({"failed_output": tmp_path / "x" / "o.bam"}, "does not exist"),
        ({"table": tmp_path / "x" / "t.tsv"}, "does not exist"),
        ({"ccs": tmp_path / "c.bam", "output": tmp_path / "c.bam"}, "is an input too"),
        ({"failed_output": tmp_path / "o.bam"}, "writes something else"),
        ({"table": tmp_path / "o.bam"}, "writes something else"),
    ]
    for changes, message in wrong:
        with pytest.raises(UsageError, match=message):
            correct_files(dataclasses.replace(request_of, **changes), copying)  # pyright: ignore[reportArgumentType]
    assert [p.name for p in tmp_path.iterdir()] == ["c.bam"]


def test_a_file_that_is_no_bam_is_named(
    request_of: CorrectRequest, copying: Corrector, tmp_path: Path
) -> None:
    for which in ("subreads", "ccs"):
        for content in (b"text", b"", END):
            (tmp_path / "x.bam").write_bytes(content)
            with pytest.raises(LexomeError, match=r"x\.bam|no ZMW could be corrected"):
                correct_files(dataclasses.replace(request_of, **{which: tmp_path / "x.bam"}), copying)
            assert not (tmp_path / "o.bam").exists()


def test_no_file_gets_its_name_if_one_does_not_fit(request_of: CorrectRequest, copying: Corrector) -> None:
    full, table = Path("/dev/full"), request_of.output.with_name("t.tsv")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    table.with_name("t.tsv.partial").symlink_to(full)
    with pytest.raises(LexomeError, match=r"t\.tsv\.partial: cannot be written"):
        correct_files(request_of, copying)
    assert not any(path.exists() for path in (request_of.output, table, table.with_name("bad.bam")))
    with pysam.AlignmentFile(f"{request_of.output}.partial", check_sq=False) as file:
        assert len(list(file)) == 5
