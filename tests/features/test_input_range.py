"""Kinetics and signal of a ZMW against those of training."""

import dataclasses

import numpy as np
import pytest

from lexome.core.zmw import Ccs, Subread, ZmwReads
from lexome.features.input_range import MARGIN, MEASURES, input_means, joined, outside, ranges_of


def zmw(pw: list[list[int]], ip: list[list[int]], snr: float = 8.0) -> ZmwReads:
    cigar_O2 = np.array([[2, 7]])
    snr_4 = np.full(4, snr, np.float32)
    subreads = tuple(
        Subread("s", "AC", np.array(p, np.uint8), np.array(i, np.uint8), 1, 0, cigar_O2, snr_4)
        for p, i in zip(pw, ip, strict=True)
    )
    return ZmwReads(Ccs("m/1/ccs", "AC", None), subreads)


def test_means_are_over_all_bases() -> None:
    one = zmw([[1, 2], [250, 251]], [[0, 0], [4, 4]])
    assert input_means(one) == {"pulse_width": 126.0, "interpulse": 2.0, "signal_to_noise": 8.0}


def test_ranges_hold_what_was_seen() -> None:
    seen = [input_means(zmw([[n, n]], [[2 * n, 2 * n]], n)) for n in (3, 9, 5)]
    ranges = ranges_of(seen)
    assert ranges == {"pulse_width": (3, 9), "interpulse": (6, 18), "signal_to_noise": (3, 9)}
    other = dict.fromkeys(MEASURES, (4.0, 20.0))
    assert joined([ranges, other]) == {
        "pulse_width": (3, 20), "interpulse": (4, 20), "signal_to_noise": (3, 20),
    }  # fmt: skip
    assert all(outside(means, ranges) == [] for means in seen)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(("end", "sign"), [(0, -1), (1, 1)])
def test_what_lies_outside_is_named(measure: str, end: int, sign: int) -> None:
    ranges = dict.fromkeys(MEASURES, (10.0, 20.0))
    border = ranges[measure][end] * (1 + sign * MARGIN)
    middle = dict.fromkeys(MEASURES, 15.0)
    assert outside(middle | {measure: border}, ranges) == []
    assert outside(middle | {measure: border + 0.01 * sign}, ranges) == [measure]
    assert outside(middle | {measure: float("nan")}, ranges) == [measure]


def test_frames_in_place_of_codes_are_seen() -> None:
    one = zmw([[1, 2]], [[5, 5]])
    wide = dataclasses.replace(one.subreads[0], pw=np.array([900, 1200], np.uint16))
    changed = dataclasses.replace(one, subreads=(wide,))
    assert outside(input_means(changed), ranges_of([input_means(one)])) == ["pulse_width"]
