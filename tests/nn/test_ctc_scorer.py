"""The scores of the CTC head."""

import pytest
import torch

from lexome.nn.ctc_scorer import CtcScorer, CtcScorerConfig


@pytest.mark.parametrize("bias", [True, False])
def test_scores_are_the_linear_layers_and_no_log_probabilities(bias: bool) -> None:
    scorer = CtcScorer(6, CtcScorerConfig(bias=bias))
    assert len(list(scorer.parameters())) == 1 + bias
    for parameter in scorer.parameters():
        parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    x = torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(2))
    scores = scorer(x)
    assert scores.shape == (2, 7, scorer.num_outputs) == (2, 7, 5)
    by_hand = torch.einsum("ntd,kd->ntk", x, scorer.linear.weight)
    torch.testing.assert_close(scores, by_hand + scorer.linear.bias if bias else by_hand)
    assert (scores.exp().sum(-1) - 1).abs().min() > 1e-3


def test_new_weights_have_no_bias_for_any_symbol() -> None:
    scorer = CtcScorer(64, CtcScorerConfig())
    assert not scorer.linear.bias.any()
    first = scorer.linear.weight.clone()
    scorer.reset_parameters()
    assert not torch.equal(first, scorer.linear.weight)
