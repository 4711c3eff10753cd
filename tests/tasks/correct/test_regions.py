"""Stretches of a genome, and where molecules come from."""

from pathlib import Path

import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.correct.regions import Region, read_places


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


def test_places_are_those_of_a_bed_file(tmp_path: Path) -> None:
    path = tmp_path / "t.bed"
    path.write_text("# contig start end name\nc\t5\t9\tm/1/ccs\t0.1\t+\n\nd 1 2 m/2/ccs\n")
    assert read_places(path) == {"m/1/ccs": ("c", 5, 9), "m/2/ccs": ("d", 1, 2)}
    for text, line in (("c\t5\t9\n", 1), ("c\t1\t2\tn\nc\tx\t9\tm\n", 2)):
        path.write_text(text)
        with pytest.raises(BadInputError, match=f"line {line}: not a line of contig"):
            read_places(path)
    with pytest.raises(BadInputError, match="cannot be read"):
        read_places(tmp_path)
