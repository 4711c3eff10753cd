"""From probabilities to bases and qualities."""

import subprocess
import sys

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.decode.consensus import (
    NO_SYMBOL,
    Calibration,
    call_columns,
    encode_symbols,
    left_shift,
    parse_calibration,
    probabilities,
    spell,
)


def test_symbols_and_qualities_of_known_probabilities() -> None:
    probs = np.array([[[0.001, 0.999, 0, 0, 0], [0.6, 0.1, 0.1, 0.1, 0.1], [0, 0, 0, 0, 1.0]]])
    symbols, qualities = call_columns(probs, None)
    assert symbols.tolist() == [[1, 0, 4]]
    assert qualities.tolist() == [[30, 4, 93]]
    sequence, kept = spell(symbols[0], qualities[0])
    assert (sequence, kept.tolist()) == ("AG", [30, 93])


def test_qualities_go_beyond_what_single_precision_can_tell_from_certain() -> None:
    scores = np.array([[[0, 20.0, 0, 0, 0]]], np.float32)  # error 4 exp(-20): Q 80.8
    _, qualities = call_columns(probabilities(scores), None)
    assert qualities.tolist() == [[81]]


def test_probabilities_are_the_softmax() -> None:
    scores = np.log(np.array([[[0.1, 0.2, 0.3, 0.15, 0.25]]])) + 1000
    np.testing.assert_allclose(probabilities(scores), [[[0.1, 0.2, 0.3, 0.15, 0.25]]], rtol=1e-9)


def test_calibration_acts_above_its_threshold_and_before_rounding_and_cap() -> None:
    probs = np.array([[[0.01, 0.99, 0, 0, 0], [0.0001, 0.9999, 0, 0, 0]]])  # Q 20 and 40
    published = parse_calibration("0,1.197654,-0.99781")
    assert published == Calibration(0.0, 1.197654, -0.99781)
    assert call_columns(probs, published)[1].tolist() == [[23, 47]]
    assert call_columns(probs, parse_calibration("25,1.5,2.4"))[1].tolist() == [[20, 62]]
    assert call_columns(probs, parse_calibration("20,1.5,0"))[1].tolist() == [[20, 60]]
    assert call_columns(probs, Calibration(0.0, 1.0, -35.0), 5)[1].tolist() == [[0, 5]]
    assert parse_calibration("skip") is None


@pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "a,b,c", "0,nan,1", "-1,1,0"])
def test_other_calibrations_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write threshold,w,b"):
        parse_calibration(text)


def test_impossible_requests_are_refused() -> None:
    probs = np.full((1, 1, 5), 0.2)
    with pytest.raises(UsageError, match="0 to 93, not 94"):
        call_columns(probs, None, 94)
    with pytest.raises(ValueError, match="not a finite number"):
        call_columns(probs * np.nan, None)


def test_symbols_of_a_sequence() -> None:
    assert encode_symbols("A TCgN").tolist() == [1, 0, 2, 3, 4, NO_SYMBOL]


def test_bases_move_to_the_beginning_in_their_order() -> None:
    shifted, lengths = left_shift(np.array([[0, 3, 0, 1], [0, 0, 0, 0], [4, 0, 0, 2]]))
    assert shifted.tolist() == [[3, 1, 0, 0], [0, 0, 0, 0], [4, 2, 0, 0]]
    assert lengths.tolist() == [2, 0, 2]
    window = np.random.default_rng(0).integers(0, 5, 100)  # long enough for a sort that mixes equal ones
    bases = [symbol for symbol in window.tolist() if symbol]
    assert left_shift(window[None])[0][0].tolist() == bases + [0] * (100 - len(bases))


def test_it_needs_no_torch() -> None:
    code = "import sys, lexome.decode.consensus; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
