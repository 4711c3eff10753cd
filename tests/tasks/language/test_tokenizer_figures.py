"""What is measured of tokenizers, on cases counted by hand."""

from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.features.tokens import bpe_tokenizer, kmer_tokenizer, load_tokenizer
from lexome.features.tokens_train import BpeTrainConfig, train_bpe
from lexome.simulate.genome import random_genome
from lexome.tasks.language.tokenizer_figures import (
    changed_tokens,
    sweep_figures,
    tokenizer_figures,
    training_flops,
)

WINDOWS = [random_genome(300, seed) for seed in range(12)]


def test_compression_and_lengths() -> None:
    figures = tokenizer_figures("t", kmer_tokenizer(3, overlapping=False), ["ACGTACGN", "AC"])
    assert (figures["bases"], figures["tokens"], figures["unknown_tokens"]) == (10, 6, 0)
    assert figures["token_length_counts"] == [0, 4, 0, 2]  # ACG TAC G N A C
    assert figures["bases_per_token"] == pytest.approx(10 / 6)
    assert figures["orders"] is None
    unknown = tokenizer_figures("t", bpe_tokenizer(np.array([[0, 1]], np.int32)), ["ACNAC"])
    assert (unknown["unknown_tokens"], unknown["unknown_rate"]) == (1, pytest.approx(1 / 3))


def test_edits_do_what_the_slides_draw() -> None:
    figures = {
        name: tokenizer_figures(name, load_tokenizer(name), WINDOWS)
        for name in ("nucleotide", "6mer-overlapping", "6mer-nonoverlapping")
    }
    changed = {
        name: {k: e["changed_tokens"] for k, e in one["edits"].items()} for name, one in figures.items()
    }
    assert {kind: spread["max"] for kind, spread in changed["nucleotide"].items()} == dict.fromkeys(
        changed["nucleotide"], 1
    )
    assert changed["6mer-overlapping"]["substitution"]["max"] == 6
    assert changed["6mer-nonoverlapping"]["substitution"]["max"] == 1
    assert changed["6mer-nonoverlapping"]["insertion"]["mean"] > 10  # half of 50 on average
    leaks = {name: one["leak"] for name, one in figures.items()}
    assert leaks["6mer-nonoverlapping"]["seen_bases_rate"] == leaks["nucleotide"]["fully_seen_rate"] == 0
    assert leaks["6mer-overlapping"]["seen_bases_rate"] > 0.99
    masked = leaks["nucleotide"]["masked_tokens"]
    assert masked == pytest.approx(0.15 * 3600, rel=0.15)


def test_the_leak_of_overlapping_kmers_is_what_is_expected() -> None:
    """A base inside is under two 2-mers; its other one is unmasked 85 times in a hundred."""
    leak = tokenizer_figures("t", kmer_tokenizer(2, overlapping=True), [random_genome(40_000, 3)])["leak"]
    assert leak["seen_bases_rate"] == pytest.approx(0.85, abs=0.01)
    assert leak["fully_seen_rate"] == pytest.approx(0.85**2, abs=0.02)


def test_orders_that_differ_are_counted() -> None:
    tokenizer = bpe_tokenizer(np.array([[2, 3], [1, 4], [0, 1], [6, 2], [7, 3]], np.int32))
    orders = tokenizer_figures("t", tokenizer, ["ACGT", "AA"])["orders"]
    assert orders["windows_different"] == 1
    assert orders["tokens_different_rate"] == 0.5  # A, CGT against ACGT; A, A in both
    assert orders["bases_per_token_longest"] == 2


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_changed_tokens_lie_between_equal_ends(before: list[int], after: list[int]) -> None:
    changed = changed_tokens(np.array(before, np.int32), np.array(after, np.int32))
    assert (changed == 0) == (before == after)
    longer = max(len(before), len(after))
    best = max(
        first + last
        for first in range(min(len(before), len(after)) + 1)
        for last in range(min(len(before), len(after)) - first + 1)
        if before[:first] == after[:first] and before[len(before) - last :] == after[len(after) - last :]
    )
    assert changed == longer - best
    assert changed >= longer - sum(
        b.size for b in SequenceMatcher(None, before, after, False).get_matching_blocks()
    )


def test_a_sweep_is_one_training() -> None:
    training = train_bpe(WINDOWS, BpeTrainConfig(120))
    rows = sweep_figures(training, WINDOWS, [16, 32, 64, 4096])
    assert [row["vocab_size"] for row in rows] == [16, 32, 64]
    assert rows[0]["relative_flops"] == 1
    assert rows[0]["bases_per_token"] < rows[1]["bases_per_token"] < rows[2]["bases_per_token"]
    small = train_bpe(WINDOWS, BpeTrainConfig(32 - 9))
    assert rows[1]["bases_per_token"] == pytest.approx(small.letters / small.tokens)
    assert rows[1]["rarest_merge"] == small.counts[-1]


def test_flops_by_hand() -> None:
    """102 tokens of 4096: 12 layers of 18.87 MFLOP a token and attention; 15% predicted."""
    layer = 2 * (4 * 768 * 768 + 3 * 768 * 3072) + 4 * 768 * 102
    head = 0.15 * 2 * (768 * 768 + 768 * 4096)
    assert training_flops(102, 4096) == pytest.approx(3 * 102 * (12 * layer + head))
