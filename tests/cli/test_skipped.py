import pytest

from lexome.cli.skipped import LISTED, echo_skipped
from lexome.core.records import Skipped


@pytest.mark.parametrize("number", [1, LISTED, LISTED + 7])
def test_the_first_are_listed_and_all_are_counted(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    echo_skipped([Skipped(f"read-{n}", f"reason {n}") for n in range(number)])
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0] == f"lexome: {number} skipped:"
    assert lines[1 : LISTED + 1] == [f"lexome:   read-{n}: reason {n}" for n in range(min(number, LISTED))]
    assert lines[LISTED + 1 :] == (["lexome:   and 7 more"] if number > LISTED else [])


def test_nothing_skipped_is_not_worth_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    echo_skipped([])
    assert capsys.readouterr() == ("", "")
