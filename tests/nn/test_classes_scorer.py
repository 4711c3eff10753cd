"""The head of classes at every step."""

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.models.registry import build_scorer
from lexome.nn.classes_scorer import ClassesScorer, ClassesScorerConfig


def test_every_step_has_the_linear_layer_of_its_features() -> None:
    torch.manual_seed(0)
    scorer = ClassesScorer(3, ClassesScorerConfig(4))
    x = torch.randn(2, 5, 3)
    expected = torch.einsum("ntd,kd->ntk", x, scorer.linear.weight) + scorer.linear.bias
    torch.testing.assert_close(scorer(x), expected)
    assert scorer.num_outputs == 4


def test_it_is_registered_and_needs_two_classes() -> None:
    assert build_scorer("classes", 3, {"classes": 2}).num_outputs == 2
    with pytest.raises(UsageError, match="at least 2"):
        build_scorer("classes", 3, {"classes": 1})
