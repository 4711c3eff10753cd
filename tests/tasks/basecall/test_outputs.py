"""All files of one run together: two files by quality, a summary, and what is kept of an interrupted run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.io.calls import read_calls
from lexome.io.pod5 import write_pod5
from lexome.tasks.basecall import outputs as outputs_module
from lexome.tasks.basecall.files import CallSummary, call_files
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.outputs import failed_path
from lexome.tasks.basecall.plan import CallRequest, plan_calls

NUM_READS = 12


@pytest.fixture(scope="module")
def model(small_model: Path) -> BasecallModel:
    return open_model(small_model, device="cpu", threads=1, batch_size=2)


@pytest.fixture(scope="module")
def pod5(tmp_path_factory: pytest.TempPathFactory, raw_read: Callable) -> Path:
    path = tmp_path_factory.mktemp("reads") / "reads.pod5"
    write_pod5(path, [raw_read(number, 900 + 40 * number) for number in range(1, NUM_READS + 1)])
    return path


def call(model: BasecallModel, pod5: Path, output: Path, **options) -> CallSummary:
    request = CallRequest([pod5], output, **options)
    return call_files(request, plan_calls(request), model)


@pytest.fixture(scope="module")
def limit(model: BasecallModel, pod5: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """A quality that about half of the reads reach."""
    path = tmp_path_factory.mktemp("limit") / "calls.sam"
    call(model, pod5, path)
    return sorted(read.tags["qs"] for read in read_calls(path))[NUM_READS // 2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.bam", "a_fail.bam"), ("a.b.fastq.gz", "a.b_fail.fastq.gz"), ("A.SAM", "A_fail.SAM")],
)
def test_failed_reads_have_a_name_of_their_own(tmp_path: Path, name: str, expected: str) -> None:
    assert failed_path(tmp_path / name) == tmp_path / expected


@pytest.mark.parametrize("ending", [".bam", ".sam", ".fastq", ".fastq.gz"])
def test_reads_are_divided_by_their_quality_and_none_is_lost(model, pod5, limit, tmp_path, ending) -> None:
    whole, divided = tmp_path / f"whole{ending}", tmp_path / f"divided{ending}"
    call(model, pod5, whole)
    summary = call(model, pod5, divided, min_qscore=limit)
    everything = {read.read_id: read for read in read_calls(whole)}
    good, bad = list(read_calls(divided)), list(read_calls(failed_path(divided)))
    assert summary.reads == len(everything) == len(good) + len(bad)
    assert summary.failed_reads == len(bad) > 0
    assert all(read.tags["qs"] >= limit - 1e-3 for read in good)
    assert all(read.tags["qs"] < limit for read in bad)
    for read in good + bad:
        assert read.sequence == everything[read.read_id].sequence


def test_a_limit_without_a_file_is_wrong_use(pod5) -> None:
    with pytest.raises(UsageError, match="--min-qscore needs an output file"):
        plan_calls(CallRequest([pod5], None, min_qscore=10))


class _StopError(Exception):
    pass


def stop_after(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Lets a run fail when it has written so many reads."""
    write = outputs_module.CallOutputs.write
    left = iter(range(number))

    def limited(self, call, alignments):
        if next(left, None) is None:
            raise _StopError
        return write(self, call, alignments)

    monkeypatch.setattr(outputs_module.CallOutputs, "write", limited)


@pytest.mark.parametrize("ending", [".bam", ".sam", ".fastq", ".fasta.gz"])
@pytest.mark.parametrize("stopped_after", [1, 5, NUM_READS - 1])
def test_resumed_all_files_are_as_if_nothing_had_happened(
    model, pod5, limit, tmp_path, monkeypatch, ending, stopped_after
) -> None:
    options = {"min_qscore": limit, "command_line": "same"}

    def run(folder: str, **more) -> CallSummary:
        (tmp_path / folder).mkdir(exist_ok=True)
        output = tmp_path / folder / f"calls{ending}"
        return call(model, pod5, output, summary=tmp_path / folder / "summary.tsv", **options, **more)

    run("whole")
    with monkeypatch.context() as patch:
        stop_after(patch, stopped_after)
        with pytest.raises(_StopError):
            run("resumed")
    summary = run("resumed", resume=True)
    assert summary.reads == NUM_READS
    assert 0 <= summary.kept_reads <= stopped_after
    if stopped_after > 5:
        assert summary.kept_reads > 3
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "resumed").iterdir())
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes(), name


def test_reads_without_a_row_of_the_summary_are_called_again(
    model, pod5, limit, tmp_path, monkeypatch
) -> None:
    """The files are written one after the other: a process that dies in between leaves one behind."""
    output, table = tmp_path / "calls.fastq", tmp_path / "summary.tsv"
    options = {"min_qscore": limit, "summary": table, "command_line": "same"}
    with monkeypatch.context() as patch:
        stop_after(patch, 9)
        with pytest.raises(_StopError):
            call(model, pod5, output, **options)
    partial = table.with_name("summary.tsv.partial")
    lines = partial.read_bytes().splitlines(keepends=True)
    partial.write_bytes(b"".join(lines[:4]) + lines[4][:20])
    summary = call(model, pod5, output, resume=True, **options)
    assert summary.kept_reads <= 3
    ids = [read.read_id for path in (output, failed_path(output)) for read in read_calls(path)]
    assert len(ids) == len(set(ids)) == NUM_READS
    assert len(table.read_text().splitlines()) == NUM_READS + 1


def test_killed_while_resuming_the_longer_summary_counts(model, pod5, tmp_path, monkeypatch) -> None:
    output, table = tmp_path / "calls.sam", tmp_path / "summary.tsv"
    options = {"summary": table, "command_line": "same"}
    with monkeypatch.context() as patch:
        stop_after(patch, 9)
        with pytest.raises(_StopError):
            call(model, pod5, output, **options)
    # as if killed just after the new files were begun: the old ones stand beside them under another name
    for path in (output, table):
        shutil.copy(f"{path}.partial", f"{path}.resumed")
        head = Path(f"{path}.partial").read_bytes()[:300]
        Path(f"{path}.partial").write_bytes(head)
    assert call(model, pod5, output, resume=True, **options).kept_reads == 8
    assert not list(tmp_path.glob("*.resumed"))


def test_without_its_summary_a_run_cannot_be_resumed_with_one(model, pod5, tmp_path, monkeypatch) -> None:
    """FASTQ does not hold what a summary says."""
    output = tmp_path / "calls.fastq"
    with monkeypatch.context() as patch:
        stop_after(patch, 9)
        with pytest.raises(_StopError):
            call(model, pod5, output, command_line="same")
    with pytest.raises(UsageError, match=r"left no summary.tsv.partial"):
        call(model, pod5, output, resume=True, summary=tmp_path / "summary.tsv", command_line="same")
    assert call(model, pod5, output, resume=True, command_line="same").kept_reads == 8


@pytest.mark.parametrize("ending", [".bam", ".sam"])
def test_a_summary_asked_for_on_resuming_has_all_reads(
    model, pod5, tmp_path, monkeypatch, ending: str
) -> None:
    output, table = tmp_path / f"calls{ending}", tmp_path / "summary.tsv"
    call(model, pod5, tmp_path / f"whole{ending}", summary=tmp_path / "whole.tsv", command_line="same")
    with monkeypatch.context() as patch:
        stop_after(patch, 9)
        with pytest.raises(_StopError):
            call(model, pod5, output, command_line="same")
    assert call(model, pod5, output, resume=True, summary=table, command_line="same").kept_reads == 8
    assert table.read_bytes() == (tmp_path / "whole.tsv").read_bytes()


def test_stopped_before_the_first_read_nothing_stays(model, pod5, limit, tmp_path, monkeypatch) -> None:
    stop_after(monkeypatch, 0)
    with pytest.raises(_StopError):
        call(model, pod5, tmp_path / "a.bam", min_qscore=limit, summary=tmp_path / "s.tsv")
    assert list(tmp_path.iterdir()) == []
