"""The line of a program in a SAM header."""

import pytest

from lexome.io.program_line import free_name, own_program, program_line, programs_in


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("", ["ID:lexome-filter", "PN:lexome", "VN:1", "CL:a b"]),
        ("@PG\tID:x", ["ID:lexome-filter", "PN:lexome", "PP:x", "VN:1", "CL:a b"]),
        ("@PG\tID:y\tPP:x\n@PG\tID:x", ["ID:lexome-filter", "PN:lexome", "PP:y", "VN:1", "CL:a b"]),
        (
            "@PG\tID:lexome-filter\n@PG\tID:lexome-filter.1\tPP:lexome-filter",
            ["ID:lexome-filter.2", "PN:lexome", "PP:lexome-filter.1", "VN:1", "CL:a b"],
        ),
    ],
)
def test_the_line_of_the_program_follows_the_last_one(header: str, fields: list[str]) -> None:
    own = own_program("lexome-filter", programs_in(header), "1", "a b")
    assert program_line(own) == "\t".join(["@PG", *fields])


def test_what_was_typed_stays_in_its_field() -> None:
    own = own_program("x", [], "1", "a\tb", "c\nd")
    assert program_line(own) == "@PG\tID:x\tPN:lexome\tVN:1\tCL:a_b\tDS:c_d"


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert free_name("a", []) == "a"
    assert free_name("a", ["a", "a.2"]) == "a.1"
    assert free_name("a", ["a", "a.1"]) == "a.2"
