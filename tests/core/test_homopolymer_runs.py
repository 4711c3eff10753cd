"""Homopolymers against a plain walk over the sequence."""

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.homopolymer_runs import runs_of


@given(st.lists(st.sampled_from([0, 1, 2, 3, 255]), min_size=1, max_size=40))
def test_runs_are_those_of_a_walk(codes: list[int]) -> None:
    runs = runs_of(np.array(codes, np.uint8))
    walked = [(base, len(list(group))) for base, group in groupby(codes)]
    assert list(zip(runs.base.tolist(), runs.length_bp.tolist(), strict=True)) == walked
    assert runs.start.tolist() == np.cumsum([0, *(length for _, length in walked)])[:-1].tolist()
    assert runs.of_base.tolist() == [n for n, (_, length) in enumerate(walked) for _ in range(length)]
