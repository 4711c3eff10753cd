"""The script that assembles and calls variants: differences between haplotypes, and how they are scored."""

import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.simulate.genome import random_genome

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "downstream.py"


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(SCRIPT))


def applied(reference: str, variants: list[tuple[int, str, str]]) -> str:
    for position, old, new in sorted(variants, reverse=True):
        assert reference[position : position + len(old)] == old
        reference = reference[:position] + new + reference[position + len(old) :]
    return reference


@pytest.mark.parametrize("seed", range(4))
def test_the_differences_make_the_second_haplotype(script: dict, seed: int) -> None:
    first = random_genome(20_000, seed)
    second, variants = script["second_haplotype"](first, 0.01, 0.005, seed)
    assert first != second
    assert applied(first, variants) == second
    kinds = {(len(old) == len(new)) for _, old, new in variants}
    assert kinds == {True, False}


@given(st.text("AC", min_size=8, max_size=14), st.data())
def test_the_same_difference_is_written_in_one_way(script: dict, text: str, data: st.DataObject) -> None:
    """Whatever place an insertion or deletion is written at, if the result is the same, so is the record."""
    start = data.draw(st.integers(1, len(text) - 2))
    size = data.draw(st.integers(1, 2))
    ways = []
    changed = text[: start + 1] + text[start + 1 + size :]
    for position in range(len(text)):
        old, new = text[position : position + 1 + size], text[position : position + 1]
        if len(old) == 1 + size and applied(text, [(position, old, new)]) == changed:
            ways.append(script["leftmost"](text, (position, old, new)))
    assert len(set(ways)) <= 1
    assert all(applied(text, [way]) == changed for way in ways)


def test_scores_count_exact_differences(script: dict) -> None:
    true = [(1, "A", "C"), (5, "G", "T"), (9, "A", "AC")]
    found = [(1, "A", "C"), (5, "G", "A"), (9, "A", "AC"), (12, "AC", "A")]
    figures = script["f1"](true, found)
    assert (figures["snp_true"], figures["snp_wrong"], figures["snp_missed"]) == (2, 1, 1)
    assert figures["snp_f1"] == pytest.approx(0.5)
    assert (figures["indel_wrong"], figures["indel_missed"]) == (1, 0)
    assert figures["indel_f1"] == pytest.approx(2 / 3)
    assert script["simple"]("AAAA", 1, "AAA", "ATC") == [(2, "A", "T"), (3, "A", "C")]
