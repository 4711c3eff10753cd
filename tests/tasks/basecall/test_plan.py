"""What is found out before any work: nothing of the user's is written over."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.io.pod5 import write_pod5
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.basecall.shard import Shard


@pytest.fixture
def pod5(tmp_path: Path, raw_read: Callable) -> Path:
    path = tmp_path / "reads.pod5"
    write_pod5(path, [raw_read(number, 1000) for number in range(1, 9)])
    return path


def leave_interrupted(output: Path) -> None:
    output.with_name(f"{output.name}.partial").write_text("@HD\n")
    output.with_name(f"{output.name}.partial.json").write_text(json.dumps({"lexome": "0"}))


def test_reads_of_an_interrupted_run_are_not_thrown_away_unasked(pod5: Path, tmp_path: Path) -> None:
    output = tmp_path / "calls.sam"
    leave_interrupted(output)
    with pytest.raises(UsageError, match=r"calls.sam.partial: holds .* --resume goes on .* --force begins"):
        plan_calls(CallRequest([pod5], output))
    plan_calls(CallRequest([pod5], output, resume=True))
    plan_calls(CallRequest([pod5], output, force=True))


def test_a_partial_file_of_something_else_does_not_matter(pod5: Path, tmp_path: Path) -> None:
    """Without its journal nothing can be resumed from it."""
    output = tmp_path / "calls.sam"
    leave_interrupted(output)
    output.with_name("calls.sam.partial.json").unlink()
    plan_calls(CallRequest([pod5], output))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"output": None, "min_qscore": 7}, "--min-qscore needs an output file"),
        ({"output": None, "sort": True, "reference": "ref.fa"}, "name a file with -o"),
        ({"sort": True}, "give a reference"),
        ({"output": "x.fastq", "reference": "ref.fa"}, "alignments need SAM, BAM or CRAM"),
        ({"reference": "missing.fa"}, "missing.fa: no such file"),
        ({"summary": "no/folder/s.tsv"}, "does not exist"),
        ({"summary": "x.bam"}, "x.bam"),
        ({"output": "reads.pod5.txt"}, "the ending decides"),
    ],
)
def test_wrong_use_is_said_before_any_work(pod5, tmp_path, monkeypatch, options, complaint) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ref.fa").write_text(">a\nACGT\n")
    values = {"output": "x.bam"} | options
    paths = {
        key: Path(value) if key in ("output", "reference", "summary") and value else value
        for key, value in values.items()
    }
    with pytest.raises(UsageError, match=complaint):
        plan_calls(CallRequest([pod5], **paths))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reads.pod5", "ref.fa"]


def test_what_is_wanted_is_estimated(pod5: Path, tmp_path: Path) -> None:
    def expected(**options) -> int:
        return plan_calls(CallRequest([pod5], None, **options)).expected_samples

    assert expected() == 8000
    assert expected(shard=Shard.parse("2/4")) == 2000
    assert expected(max_reads=2) == 2000
    (tmp_path / "ids.txt").write_text("a\n")
    assert expected(read_ids=tmp_path / "ids.txt") == 1000
