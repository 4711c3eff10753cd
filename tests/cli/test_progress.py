"""Progress: plain lines now and then when stderr is no terminal, a bar when it is one; nothing on stdout."""

import io
import sys

import pytest

from lexome.cli import progress as module
from lexome.cli.progress import progress


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_every_ten_seconds_with_rate_and_time_left(clock, capsys) -> None:
    with progress("calling", "samples", 40_000_000) as show:
        for _ in range(30):
            clock.now += 1
            show((clock.now - 1000) * 1e6)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "lexome: calling: 10.0 M of 40.0 M samples, 1.0 M/s, 30 s left",
        "lexome: calling: 20.0 M of 40.0 M samples, 1.0 M/s, 20 s left",
        "lexome: calling: 30.0 M of 40.0 M samples, 1.0 M/s, 10 s left",
    ]


def test_without_a_total_there_is_no_time_left(clock, capsys) -> None:
    with progress("evaluating", "reads") as show:
        clock.now += 20
        show(500)
    assert capsys.readouterr().err == "lexome: evaluating: 500 reads, 25/s\n"


def test_nothing_done_yet_divides_by_nothing(clock, capsys) -> None:
    with progress("calling", "samples", 100) as show:
        clock.now += 60
        show(0)
    assert capsys.readouterr().err == ""


def test_more_than_expected_is_not_negative_time(clock, capsys) -> None:
    with progress("calling", "samples", 100) as show:
        clock.now += 10
        show(150)
    assert capsys.readouterr().err == "lexome: calling: 150 of 100 samples, 15/s, 0 s left\n"


def test_a_short_piece_of_work_says_nothing(capsys) -> None:
    with progress("calling", "samples", 100) as show:
        show(100)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("total", [2_000_000, None])
def test_a_bar_in_a_terminal(monkeypatch, capsys, total) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("calling", "samples", total) as show:
        show(1_500_000)
    text = terminal.getvalue()
    assert "calling" in text
    assert ("1.5 M of 2.0 M samples" if total else "1.5 M samples") in text
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (9_999, "9999"), (10_000, "10.0 k"), (1_234_567, "1.2 M"), (5e9, "5.0 G"), (12.4, "12")],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert module._short(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (121, "2 min"), (7100, "118 min"), (12_345, "3 h 26 min")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert module._duration(seconds) == text
