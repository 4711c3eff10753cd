import pytest

from lexome.cli.skipped import LISTED, TOGETHER, echo_skipped
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


def test_many_of_one_reason_do_not_hide_another(capsys: pytest.CaptureFixture[str]) -> None:
    twice = [Skipped(f"read-{n}", "there again in b.pod5") for n in range(5000)]
    few = [Skipped(f"short-{n}", "it has no signal") for n in range(TOGETHER)]
    echo_skipped([*twice[:3000], *few, *twice[3000:], Skipped("c.pod5", "the file is empty")])
    assert capsys.readouterr().err.splitlines() == [
        f"lexome: {5000 + TOGETHER + 1} skipped:",
        "lexome:   read-0 and 4999 more: there again in b.pod5",
        *(f"lexome:   short-{n}: it has no signal" for n in range(TOGETHER)),
        "lexome:   c.pod5: the file is empty",
    ]


def test_what_is_not_listed_is_counted_read_by_read(capsys: pytest.CaptureFixture[str]) -> None:
    listed = [Skipped(f"read-{n}", f"reason {n}") for n in range(LISTED)]
    echo_skipped(listed + [Skipped(f"last-{n}", "the same") for n in range(50)])
    assert capsys.readouterr().err.splitlines()[-1] == "lexome:   and 50 more"
