"""The majority vote of the passes, against a slow one."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lexome.evaluate.majority import majority_vote


def slow_vote(rows_RL: np.ndarray, passes: int) -> list[int]:
    voters = [row for row in rows_RL[:passes].tolist() if any(row)]
    ccs = rows_RL[4 * passes].tolist()
    called = []
    for column, draft in enumerate(ccs):
        votes = Counter(row[column] for row in voters)
        most = max(votes.values(), default=0)
        best = {symbol for symbol, count in votes.items() if count == most} or {draft}
        called.append(draft if draft in best else min(best))
    return called


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 9))
def test_it_is_the_slow_one(seed: int, passes: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 5, (3, 4 * passes + 2, width)).astype(np.uint8)
    rows[:, :passes][rng.random((3, passes)) < 0.3] = 0
    called = majority_vote(rows, passes)
    assert called.dtype == np.uint8
    assert called.tolist() == [slow_vote(row, passes) for row in rows]


def test_ties_and_passes_without_a_base() -> None:
    rows = np.zeros((1, 4 * 4 + 1, 4), np.uint8)
    rows[0, :4] = [[1, 2, 0, 4], [1, 3, 0, 4], [0, 0, 0, 0], [2, 0, 1, 3]]
    rows[0, 16] = [3, 0, 4, 2]
    # three vote: 1 has two; of 2, 3 and 0 with one each the draft's; the gap has two, the draft's 4 none; 4
    assert majority_vote(rows, 4).tolist() == [[1, 0, 0, 4]]
    rows[0, 16, 1] = 1  # not among those with the most votes
    assert majority_vote(rows, 4)[0, 1] == 0
