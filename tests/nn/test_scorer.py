"""The layout of CRF scores, entry by entry."""

from typing import Any

import numpy as np
import pytest
import torch

from lexome.nn.scorer import CrfScorer, CrfScorerConfig


def filled(config: CrfScorerConfig, seed: int = 0) -> CrfScorer:
    generator = torch.Generator().manual_seed(seed)
    scorer = CrfScorer(6, config)
    for parameter in scorer.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return scorer


def by_hand(scorer: CrfScorer, x_D: np.ndarray) -> np.ndarray:
    """Scores (S, 5) of one step, from the rows of the linear layer."""
    config = scorer.config
    rows = scorer.linear.weight.detach().numpy().astype(np.float64) @ x_D
    if scorer.linear.bias is not None:
        rows += scorer.linear.bias.detach().numpy()
    rows = (np.tanh(rows) if config.activation == "tanh" else rows) * config.scale
    scores = np.empty((4**config.state_len, 5))
    for state in range(len(scores)):
        for entry in range(5):
            if config.blank_score is None:
                scores[state, entry] = rows[state * 5 + entry]
            else:
                scores[state, entry] = config.blank_score if entry == 0 else rows[state * 4 + entry - 1]
    return scores if config.clamp is None else np.clip(scores, *config.clamp)


CONFIGS = [
    CrfScorerConfig(2),
    CrfScorerConfig(1, bias=False, activation="none", scale=1.0, clamp=(-1.0, 1.5)),
    CrfScorerConfig(2, blank_score=None, scale=3.0),
    CrfScorerConfig(1, blank_score=-3.0, activation="none", scale=2.0, clamp=(-1.0, 1.0)),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_every_score_stands_where_the_layout_says(config: CrfScorerConfig) -> None:
    scorer = filled(config)
    x = np.random.default_rng(1).standard_normal((2, 3, 6)).astype(np.float32)
    scores = scorer(torch.from_numpy(x)).detach().numpy()
    assert scores.shape == (2, 3, scorer.num_outputs) == (2, 3, 4**config.state_len * 5)
    for n in range(2):
        for t in range(3):
            expected = by_hand(scorer, x[n, t]).reshape(-1)
            np.testing.assert_allclose(scores[n, t], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS)
def test_the_short_form_is_the_long_one_without_fixed_stays(config: CrfScorerConfig) -> None:
    scorer = filled(config)
    x = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(2))
    long = scorer(x).unflatten(-1, (-1, 5))
    scorer.expand_blanks = False
    short = scorer(x)
    assert short.shape[-1] == scorer.num_outputs
    if config.stay_score is None:
        assert torch.equal(short, long.flatten(-2))
    else:
        assert torch.equal(short, long[..., 1:].flatten(-2))
        assert (long[..., 0] == config.stay_score).all()


@pytest.mark.parametrize(
    ("wrong", "complaint"), [({"state_len": 0}, "state_len"), ({"clamp": (2.0, 1.0)}, "lower bound")]
)
def test_senseless_configs_are_refused(wrong: dict[str, Any], complaint: str) -> None:
    right: dict[str, Any] = {"state_len": 3}
    with pytest.raises(ValueError, match=complaint):
        CrfScorerConfig(**(right | wrong))
