"""What became of ZMWs: the number of each outcome, and the first with their reasons."""

import pytest

from lexome.cli.outcomes import echo_outcomes


def test_the_first_are_named_and_all_counted(capsys: pytest.CaptureFixture[str]) -> None:
    examples = {"no_ccs": [("m/1", "none"), ("m/2", "gone")], "empty": [("m/9", "no bases")]}
    echo_outcomes(examples, {"no_ccs": 5, "empty": 1, "aligned": 7}, lambda name, n: f"{n} {name}:")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "lexome: 5 no_ccs:", "lexome:   m/1: none", "lexome:   m/2: gone", "lexome:   and 3 more",
        "lexome: 1 empty:", "lexome:   m/9: no bases",
    ]  # fmt: skip
