"""Stretches of a reference: written, read, and whether they overlap."""

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.basecall.intervals import Interval, intervals_in, parse_interval


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("chr1:0-5", Interval("chr1", 0, 5)),
        ("chr1:20,000-26,000", Interval("chr1", 20_000, 26_000)),
        ("HLA:A*01:7-9", Interval("HLA:A*01", 7, 9)),
    ],
)
def test_intervals(text: str, interval: Interval) -> None:
    assert parse_interval(text) == interval


@pytest.mark.parametrize(
    "text", ["", "chr1", "chr1:5", "chr1:5-5", "chr1:9-5", ":1-2", "chr1:-1-5", "chr1:a-b"]
)
def test_no_intervals(text: str) -> None:
    with pytest.raises(UsageError, match="CONTIG:START-END"):
        parse_interval(text)


def test_an_interval_is_written_as_it_is_read() -> None:
    for interval in (Interval("chr1", 0, 5), Interval("HLA:A*01", 7, 9)):
        assert parse_interval(str(interval)) == interval


def test_what_meta_lists() -> None:
    assert intervals_in([{"contig": "c", "start_bp": 1, "end_bp": 2}]) == [Interval("c", 1, 2)]


@pytest.mark.parametrize(
    ("other", "overlap"),
    [
        (Interval("c", 0, 10), False),
        (Interval("c", 0, 11), True),
        (Interval("c", 19, 30), True),
        (Interval("c", 20, 30), False),
        (Interval("c", 12, 13), True),
        (Interval("c", 0, 99), True),
        (Interval("d", 12, 13), False),
    ],
)
def test_overlaps(other: Interval, overlap: bool) -> None:
    here = Interval("c", 10, 20)
    assert here.overlaps(other) == other.overlaps(here) == overlap
