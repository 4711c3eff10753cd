"""Tags of corrected reads: what still holds is kept, the quality is the new one."""

from array import array

import pysam

from lexome.io.corrected_tags import corrected_tags, tags_as_text

TAGS = (
    ("RG", "a b", "Z"),
    ("fi", array("B", [1, 2, 3, 4]), "B"),
    ("fn", 3, "i"),
    ("MM", "C+m,0;", "Z"),
    ("ML", array("B", [9]), "B"),
    ("zm", 77, "I"),
    ("rq", 0.5, "f"),
    ("oq", 0.1, "f"),
    ("sn", array("f", [5.0, 6.0, 7.0, 8.5]), "B"),
    ("dq", "!!!!", "Z"),
    ("NM", 3, "i"),
    ("np", 5, "C"),
    ("ec", 5.25, "f"),
    ("wl", array("i", [4]), "B"),
)


def test_an_unchanged_read_keeps_all() -> None:
    tags, dropped = corrected_tags(TAGS, "ACGT", "ACGT", 0.875)
    assert [tag[0] for tag in tags] == "RG fi fn MM ML zm sn dq np ec wl rq oq".split()
    assert tags[:2] == TAGS[:2]
    assert tags[-2:] == (("rq", 0.875, "f"), ("oq", 0.5, "f"))
    assert dropped == ()


def test_what_says_something_of_bases_goes_with_a_change() -> None:
    """`sn` stays, though it has as many numbers as this read has bases."""
    tags, dropped = corrected_tags(TAGS, "ACGT", "ACGA", 0.875)
    assert [tag[0] for tag in tags] == "RG zm sn np ec rq oq".split()
    assert dropped == ("fi", "fn", "MM", "ML", "dq", "wl")
    tags, dropped = corrected_tags(TAGS, "ACGTA", "ACGT", 0.875)
    assert "dq" in [tag[0] for tag in tags]  # nothing says that it is about single bases
    assert dropped == ("fi", "fn", "MM", "ML", "wl")


def test_a_read_without_quality_gets_one() -> None:
    assert corrected_tags([("np", 5, "C")], "A", "A", 0.5)[0] == (("np", 5, "C"), ("rq", 0.5, "f"))


def test_large_numbers_stay_what_they_are() -> None:
    """Through a record and back, as pysam reads it."""
    record = pysam.AlignedSegment(pysam.AlignmentHeader.from_text("@HD\tVN:1.5\n"))
    record.set_tags([("zm", 3_000_000_000, "I"), ("we", 7, "I")])
    tags, _ = corrected_tags(record.get_tags(with_value_type=True), "A", "A", 0.5)  # pyright: ignore[reportArgumentType]
    assert tags[:2] == (("zm", 3_000_000_000, "I"), ("we", 7, "I"))


def test_fastq_holds_the_tags_of_the_whole_read() -> None:
    tags, _ = corrected_tags(TAGS, "ACGT", "ACGT", 0.99998765)
    text = "RG:Z:a b\tzm:i:77\tnp:i:5\tec:f:5.25\trq:f:0.99998765\toq:f:0.5"
    assert tags_as_text(tags) == text
    assert tags_as_text([("fn", 3, "i")]) == ""
