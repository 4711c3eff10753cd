"""Span corruption: nothing is lost, the counts are those of the length, sentinels never run out."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.features.span_corruption import SpanConfig, corrupted, hidden_spans

END = 1
SENTINELS = range(259, 384)
SPECIAL = (0, 1, 2, *SENTINELS)


def restored(shown: np.ndarray, answer: np.ndarray) -> list[int]:
    """The text, by reading the answer from left to right."""
    spans: dict[int, list[int]] = {}
    assert answer[-1] == END
    current: list[int] = []
    for token in answer[:-1].tolist():
        if token in SENTINELS:
            assert token not in spans
            current = spans[token] = []
        else:
            current.append(token)
    assert all(spans.values())
    text: list[int] = []
    for token in shown.tolist():
        text += spans.pop(token) if token in spans else [token]
    assert not spans
    return text


def text(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([68, 70, 74, 87], length).astype(np.int32)


def hide(ids: np.ndarray, config: SpanConfig, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return corrupted(ids, config, SENTINELS, SPECIAL, END, np.random.default_rng(seed))


@settings(max_examples=200, deadline=None)
@given(
    length=st.integers(2, 700), seed=st.integers(0, 99), share=st.floats(0.01, 0.95),
    mean_span=st.floats(1, 40), descends=st.booleans(), has_end=st.booleans(),
)  # fmt: skip
def test_input_and_answer_give_the_text_back_and_the_counts_are_those_of_the_length(
    length: int, seed: int, share: float, mean_span: float, descends: bool, has_end: bool
) -> None:
    config = SpanConfig(share, mean_span, "descending" if descends else "ascending")
    ids = text(length, seed)
    ids = np.append(ids, END) if has_end else ids
    shown, answer = hide(ids, config, seed)
    assert restored(shown, answer) == ids.tolist()
    used = [token for token in answer.tolist() if token in SENTINELS]
    assert used == [token for token in shown.tolist() if token in SENTINELS]
    first = 383 if descends else 259
    assert used == [first + (-i if descends else i) for i in range(len(used))]
    hidden = min(max(round(length * share), 1), length - 1)
    assert len(answer) - len(used) - 1 == hidden
    assert len(used) == min(max(round(hidden / mean_span), 1), hidden, length - hidden, 125)
    assert shown[0] == ids[0]  # a text begins with what is kept


def test_the_published_setting() -> None:
    shown, answer = hide(text(512), SpanConfig())
    assert (len(shown), len(answer)) == (512 - 77 + 4, 77 + 4 + 1)  # 15% are 76.8; 77 / 20 are 4 spans
    assert SpanConfig().counts(16384) == (2458, 123)  # within the 125 sentinels
    assert SpanConfig(mean_span=3.0).counts(16384) == (2458, 819)


def test_sentinels_never_run_out() -> None:
    ids, config = text(2000), SpanConfig(0.3, 2.0)
    assert config.counts(2000) == (600, 300)
    shown, answer = hide(ids, config)
    assert restored(shown, answer) == ids.tolist()
    assert len(answer) == 600 + 125 + 1
    with pytest.raises(ValueError, match=r"call for 300 spans.*125 sentinels"):
        hide(ids, SpanConfig(0.3, 2.0, too_few_sentinels="error"))
    assert hide(ids, SpanConfig(0.1, 2.0, too_few_sentinels="error"))[1].max() == 259 + 99


@settings(max_examples=100, deadline=None)
@given(length=st.integers(4, 60), seed=st.integers(0, 99), special=st.lists(st.integers(0, 59), max_size=20))
def test_special_tokens_are_neither_hidden_nor_inside_a_span(
    length: int, seed: int, special: list[int]
) -> None:
    ids = text(length, seed)
    ids[[at for at in special if 2 <= at < length]] = 2
    config = SpanConfig(0.5, 3.0)
    is_hidden = hidden_spans(ids, config, 125, SPECIAL, np.random.default_rng(seed))
    assert not is_hidden[ids == 2].any()
    assert is_hidden.sum() == config.counts(int((ids != 2).sum()))[0]
    shown, answer = hide(ids, config, seed)
    assert restored(shown, answer) == ids.tolist()
    assert 2 not in answer


def test_special_tokens_leave_too_few_sentinels() -> None:
    ids = np.tile([68, 2], 126)
    with pytest.raises(ValueError, match="divide them at 125 places"):
        hide(ids, SpanConfig(0.5, 3.0))
    assert restored(*hide(ids[2:], SpanConfig(0.5, 3.0))) == ids[2:].tolist()


def test_every_way_to_divide_is_equally_likely() -> None:
    config, ids = SpanConfig(0.5, 2.0), text(8)
    rng = np.random.default_rng(1)
    drawn = Counter(tuple(hidden_spans(ids, config, 125, SPECIAL, rng).tolist()) for _ in range(4500))
    assert len(drawn) == 9  # 4 hidden and 4 kept tokens, in two pieces each: 3 * 3
    assert min(drawn.values()) > 400
    assert max(drawn.values()) < 600


@pytest.mark.parametrize(
    "changes", [{"share": 0.0}, {"share": 1.0}, {"mean_span": 0.5}, {"mean_span": np.nan}]
)
def test_settings_that_make_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        SpanConfig(**changes)


def test_too_short_a_text() -> None:
    with pytest.raises(ValueError, match="of a text of 1 tokens none can be hidden"):
        hide(np.array([68, 1]), SpanConfig())
