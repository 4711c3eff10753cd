"""Hidden tokens: how many, which, what becomes of them."""

import numpy as np
import pytest

from lexome.features.masking import NOT_ASKED, MaskingConfig, Vocabulary, mask_tokens

VOCABULARY = Vocabulary(np.arange(5, 30), 4)
TOKENS = np.random.default_rng(0).integers(5, 30, (200, 100))


def masked(config: MaskingConfig, maskable: np.ndarray | None = None, seed: int = 1):
    everything = np.ones(TOKENS.shape, bool)
    rng = np.random.default_rng(seed)
    return mask_tokens(TOKENS, everything if maskable is None else maskable, config, VOCABULARY, rng)


@pytest.mark.parametrize("span", [1, 3, 8])
def test_the_share_is_that_of_the_config_whatever_the_span(span: int) -> None:
    shown, asked = masked(MaskingConfig(span=span))
    hidden = asked != NOT_ASKED
    # the first tokens of a row are covered by fewer spans
    assert hidden[:, span:].mean() == pytest.approx(0.15, abs=0.015)
    assert (shown[hidden] == 4).all()
    assert np.array_equal(shown[~hidden], TOKENS[~hidden])
    assert np.array_equal(asked[hidden], TOKENS[hidden])


def test_spans_hide_neighbours_together() -> None:
    _, asked = masked(MaskingConfig(span=6))
    hidden = np.pad(asked != NOT_ASKED, ((0, 0), (1, 1)))
    steps = np.diff(hidden.astype(int), axis=1)
    lengths = np.flatnonzero(steps.ravel() == -1) - np.flatnonzero(steps.ravel() == 1)
    ends_at_border = (asked[:, -1] != NOT_ASKED).sum()
    assert (lengths < 6).sum() <= ends_at_border  # only the border of a row cuts a span


def test_eighty_ten_ten() -> None:
    shown, asked = masked(MaskingConfig(random_share=0.1, keep_share=0.1))
    hidden = asked != NOT_ASKED
    assert (shown[hidden] == 4).mean() == pytest.approx(0.8, abs=0.03)
    # one random token in 25 is the old one
    assert (shown[hidden] == TOKENS[hidden]).mean() == pytest.approx(0.1 + 0.1 / 25, abs=0.025)
    assert set(shown[hidden]) <= {4, *range(5, 30)}
    assert np.array_equal(shown[~hidden], TOKENS[~hidden])


def test_what_must_stay_visible_stays() -> None:
    maskable = np.ones(TOKENS.shape, bool)
    maskable[:, [0, -1]] = False
    maskable[7:] = False
    shown, asked = masked(MaskingConfig(share=0.9, span=4, random_share=0.5), maskable)
    assert (asked[~maskable] == NOT_ASKED).all()
    assert np.array_equal(shown[~maskable], TOKENS[~maskable])


def test_one_token_is_asked_for_at_least() -> None:
    maskable = np.zeros(TOKENS.shape, bool)
    maskable[3, 5] = True
    _, asked = masked(MaskingConfig(share=1e-9), maskable)
    assert np.flatnonzero(asked != NOT_ASKED).tolist() == [305]
    shown, asked = masked(MaskingConfig(), np.zeros(TOKENS.shape, bool))
    assert (asked == NOT_ASKED).all()
    assert np.array_equal(shown, TOKENS)


def test_the_same_seed_hides_the_same() -> None:
    first, again, other = (masked(MaskingConfig(), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0.0},
        {"share": 1.0},
        {"span": 0},
        {"random_share": -0.1},
        {"keep_share": 0.6, "random_share": 0.6},
    ],
)
def test_wrong_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|above"):
        MaskingConfig(**wrong)  # type: ignore[arg-type]
