"""Byte pair encoding against what its words say, done slowly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.features.tokens import bpe_tokenizer
from lexome.features.tokens_bpe import Bpe
from lexome.features.tokens_train import BpeTrainConfig, train_bpe


def trained(seed: int, letters: str, merges: int) -> Bpe:
    rng = np.random.default_rng(seed)
    text = "".join(rng.choice(list(letters), 3000))
    learned = train_bpe([text], BpeTrainConfig(merges, min_frequency=1), line_bp=50)
    model = bpe_tokenizer(learned.merges).model
    assert isinstance(model, Bpe)
    return model


VOCABULARIES = [trained(1, "ACGT", 60), trained(2, "AAAAC", 80), trained(3, "AT", 200), trained(4, "ACCG", 0)]


def by_rank(model: Bpe, word: str) -> list[str]:
    """Applies the lowest rank anywhere, leftmost first, until none is left."""
    rank = {(model.tokens[a], model.tokens[b]): r for r, (a, b) in enumerate(model.merges.tolist())}
    parts = list(word)
    while True:
        found = [
            (rank[pair], i) for i, pair in enumerate(zip(parts, parts[1:], strict=False)) if pair in rank
        ]
        if not found:
            return parts
        _, at = min(found)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


def longest_first(model: Bpe, word: str) -> list[str]:
    """Takes the longest token anywhere, of one length the one merged earlier, of one token the leftmost."""
    made = [model.tokens[a] + model.tokens[b] for a, b in model.merges.tolist()]
    order = sorted(
        ["A", "C", "G", "T", *made], key=lambda token: (-len(token), [*"ACGT", *made].index(token))
    )
    owner = [-1] * len(word)
    parts = {}
    for token in order:
        for at in range(len(word) - len(token) + 1):
            if word.startswith(token, at) and not any(
                o >= 0 for o in map(owner.__getitem__, range(at, at + len(token)))
            ):
                owner[at : at + len(token)] = [at] * len(token)
                parts[at] = token
    return [parts[at] for at in sorted(parts)]


def tokens(model: Bpe, word: str) -> list[str]:
    return [model.tokens[i] for i in model.segment(word).ids.tolist()]


@pytest.mark.parametrize("model", VOCABULARIES)
@settings(max_examples=40)
@given(word=st.text("ACGT", max_size=60) | st.text("AC", max_size=60) | st.text("AT", max_size=60))
def test_both_orders_do_what_they_say(model: Bpe, word: str) -> None:
    assert tokens(model, word) == by_rank(model, word)
    assert tokens(bpe_like(model, "longest"), word) == longest_first(model, word)


def bpe_like(model: Bpe, order: str) -> Bpe:
    return Bpe(model.tokens, model.merges, model.special_ids, model.unknown_id, order)  # pyright: ignore


def test_the_orders_differ_where_they_should() -> None:
    """AA, AAC by rank; C + GT never meets CG + T."""
    model = bpe_tokenizer(
        np.array([[2, 3], [1, 4], [0, 1], [6, 2], [7, 3]], np.int32)
    ).model  # GT CGT AC ACG ACGT
    assert isinstance(model, Bpe)
    assert tokens(model, "ACGT") == ["A", "CGT"]
    assert tokens(bpe_like(model, "longest"), "ACGT") == ["ACGT"]


def test_unknown_letters_and_blanks_divide() -> None:
    model = bpe_tokenizer(np.array([[0, 0]], np.int32)).model
    segments = model.segment("AA AANAx")
    assert segments.ids.tolist() == [9, 9, 0, 5, 0]
    assert segments.starts.tolist() == [0, 3, 5, 6, 7]
    assert segments.ends.tolist() == [2, 5, 6, 7, 8]
    assert model.text_of(segments.ids) == "AAAANAN"
