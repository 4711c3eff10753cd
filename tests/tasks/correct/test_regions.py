"""Stretches of a genome, and where molecules come from."""

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.correct.regions import Region


def test_regions_are_written_as_for_samtools() -> None:
    assert Region.parse("chr20") == Region("chr20", 0, None)
    assert Region.parse("chr20:1-100") == Region("chr20", 0, 100)
    assert Region.parse("a.b:7-7") == Region("a.b", 6, 7)
    for text in ("", "chr20:", "chr20:0-5", "chr20:9-5", "chr20:x-y", "chr20:5"):
        with pytest.raises(UsageError, match="write CONTIG or CONTIG:START-END"):
            Region.parse(text)


def test_molecules_must_lie_in_one_from_end_to_end() -> None:
    region = Region.parse("c:11-20")
    assert region.holds(("c", 10, 20))
    assert not region.holds(("c", 9, 20))
    assert not region.holds(("c", 10, 21))
    assert not region.holds(("d", 10, 20))
    assert Region.parse("c").holds(("c", 0, 10**9))
