"""Chains against all subsets; extension against a table filled by the definition."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp.kernels.chain import GAP_EXTEND, GAP_OPEN, MATCH, MISMATCH, best_chain, extend

places = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8, unique=True)
codes = st.lists(st.integers(0, 2), max_size=9)


def score_of(chain: list[tuple[int, int]], size: int, max_gap: int) -> float | None:
    """The score of a chain by its definition; None if its matches do not follow each other."""
    total = float(size) if chain else 0.0
    for (q0, r0), (q1, r1) in zip(chain, chain[1:], strict=False):
        q, r = q1 - q0, r1 - r0
        if not (0 < q <= max_gap and 0 < r <= max_gap):
            return None
        total += min(size, q, r) - (1 + abs(q - r) / 16 if q != r else 0)
    return total


@given(places, st.integers(1, 12), st.integers(3, 50))
def test_the_best_chain_of_all(matches: list[tuple[int, int]], size: int, max_gap: int) -> None:
    matches = sorted(matches)
    arrays = np.array(matches, np.int64).reshape(-1, 2)
    chain, score = best_chain(
        np.ascontiguousarray(arrays[:, 0]), np.ascontiguousarray(arrays[:, 1]), size, 99, max_gap
    )
    every = [
        found
        for count in range(len(matches) + 1)
        for subset in combinations(matches, count)
        if (found := score_of(list(subset), size, max_gap)) is not None
    ]
    assert np.isclose(score, max(every))
    picked = score_of([matches[i] for i in chain.tolist()], size, max_gap)
    assert picked is not None
    assert np.isclose(picked, score)


def all_scores(query: list[int], reference: list[int]) -> dict[tuple[int, int], int]:
    """The best score of every pair of beginnings: every gap, of every length, ends at every cell."""
    table = {(0, 0): 0}
    for i in range(len(query) + 1):
        for j in range(len(reference) + 1):
            options = [table[i - k, j] + GAP_OPEN + k * GAP_EXTEND for k in range(1, i + 1)]
            options += [table[i, j - k] + GAP_OPEN + k * GAP_EXTEND for k in range(1, j + 1)]
            if i and j:
                same = query[i - 1] == reference[j - 1]
                options.append(table[i - 1, j - 1] + (MATCH if same else MISMATCH))
            if options:
                table[i, j] = max(options)
    return table


@settings(max_examples=60)
@given(codes, codes)
def test_extension_finds_the_best_ends(query: list[int], reference: list[int]) -> None:
    top, top_q, top_r, full, full_r = extend(
        np.array(query, np.uint8), np.array(reference, np.uint8), 99, 10_000
    )
    table = all_scores(query, reference)
    assert top == max(table.values()) == table[top_q, top_r]
    assert full == max(table[len(query), j] for j in range(len(reference) + 1)) == table[len(query), full_r]


def test_extension_stops_where_nothing_is_alike() -> None:
    rng = np.random.default_rng(1)
    query, reference = (rng.integers(0, 4, 3000).astype(np.uint8) for _ in range(2))
    reference[:200] = query[:200]
    top, top_q, top_r, full, _ = extend(query, reference, 64, 100)
    assert abs(top_q - 200) < 20
    assert abs(top_r - top_q) < 5
    assert top >= 400
    assert full < -(1 << 20)  # never reached


def test_the_ends_of_equal_sequences() -> None:
    same = np.array([0, 1, 2, 3, 0], np.uint8)
    assert extend(same, same, 8, 50) == (10, 5, 5, 10, 5)
    assert extend(same, same[:3], 8, 50)[:3] == (6, 3, 3)
    assert extend(same[:0], same, 8, 50) == (0, 0, 0, 0, 0)
