"""The estimate of a correction, by a clock that stands still between ZMWs."""

import dataclasses
from itertools import count
from pathlib import Path

import pysam
import pytest

from lexome.core.errors import LexomeError
from lexome.tasks.basecall.shard import Shard
from lexome.tasks.correct.estimate import estimate_corrections
from lexome.tasks.correct.files import CorrectRequest, correct_files
from lexome.tasks.correct.model import Corrector
from lexome.tasks.correct.outcomes import Filters


@pytest.fixture
def request_of(simulated: Path, tmp_path: Path) -> CorrectRequest:
    return CorrectRequest(simulated / "subreads_to_ccs.bam", simulated / "ccs.bam", tmp_path / "o.fastq")


def lengths(request: CorrectRequest) -> list[int]:
    with pysam.AlignmentFile(str(request.ccs), check_sq=False) as file:
        return [record.query_length for record in file if request.wants(record.query_name or "")]


def test_the_rest_follows_from_the_part(request_of: CorrectRequest, copying: Corrector) -> None:
    """The clock goes on by a second whenever it is asked: at the beginning, after each ZMW, at the end."""
    clock = map(float, count())
    found = estimate_corrections(request_of, copying, seconds=3.0, clock=lambda: next(clock))
    part, whole = sum(lengths(request_of)[:3]), sum(lengths(request_of))
    assert (found.reads, found.written, found.bases, found.seconds) == (3, 3, part, 4.0)
    assert (found.wanted_reads, found.wanted_bases) == (5, whole)
    assert found.total_seconds == pytest.approx(4.0 * whole / part)
    assert found.memory_bytes > 1e6
    assert not list(request_of.output.parent.iterdir())
    lines = found.lines()
    assert lines[:3] == [
        f"corrected 3 reads, {part} bases, in 4.0 s",
        "3 of these reads passed the filters",
        f"to correct: 5 reads, {whole} bases",
    ]
    assert not any("warning" in line for line in lines)
    full = dataclasses.replace(found, free_bytes=10)
    assert full.lines()[-1] == "warning: the output will not fit on its disk"


def test_an_estimate_from_all_reads_has_the_size_of_the_output(
    request_of: CorrectRequest, copying: Corrector
) -> None:
    found = estimate_corrections(request_of, copying)
    correct_files(request_of, copying)
    assert found.reads == 5
    assert found.total_bytes == found.output_bytes == request_of.output.stat().st_size
    filtered = dataclasses.replace(request_of, filters=Filters(min_length_bp=10**6))
    assert estimate_corrections(filtered, copying).written == 0
    assert estimate_corrections(filtered, copying).total_bytes == 0


def test_a_shard_is_less(request_of: CorrectRequest, copying: Corrector) -> None:
    estimates = []
    for number in range(1, 4):
        request = dataclasses.replace(request_of, shard=Shard(number, 3))
        if lengths(request):
            estimates.append(estimate_corrections(request, copying))
            assert estimates[-1].wanted_bases == estimates[-1].bases == sum(lengths(request))
    assert len(estimates) > 1
    assert sum(one.wanted_reads for one in estimates) == 5


def test_nothing_can_be_said_of_nothing(
    request_of: CorrectRequest, copying: Corrector, tmp_path: Path
) -> None:
    with (
        pysam.AlignmentFile(str(request_of.ccs), check_sq=False) as old,
        pysam.AlignmentFile(str(tmp_path / "none.bam"), "wb", template=old),
    ):
        pass
    with pytest.raises(LexomeError, match="nothing can be estimated"):
        estimate_corrections(dataclasses.replace(request_of, ccs=tmp_path / "none.bam"), copying)
