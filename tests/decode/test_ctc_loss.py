"""The CTC loss as a head's loss, and bonito's label smoothing."""

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.decode.ctc_loss import BONITO_SMOOTHING, ctc_head_loss

TARGETS = torch.tensor([[1, 2, 3, 4], [4, 4, 1, 0], [2, 0, 0, 0]])
LENGTHS = torch.tensor([4, 3, 1])


def scores() -> torch.Tensor:
    return 3 * torch.randn(3, 20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def torch_loss(scores_NTK: torch.Tensor, reduction: str = "none") -> torch.Tensor:
    log_probs = scores_NTK.log_softmax(-1).transpose(0, 1)
    steps = torch.full((3,), scores_NTK.shape[1])
    return torch.nn.functional.ctc_loss(log_probs, TARGETS, steps, LENGTHS, reduction=reduction)


def test_it_is_the_negative_log_probability_of_each_target_whatever_is_added_to_the_scores() -> None:
    for shift in (0.0, 50.0):
        torch.testing.assert_close(ctc_head_loss(scores() + shift, TARGETS, LENGTHS), torch_loss(scores()))


def test_smoothing_is_bonitos() -> None:
    own, bonitos = scores().requires_grad_(), scores().requires_grad_()
    loss = (ctc_head_loss(own, TARGETS, LENGTHS, label_smoothing=BONITO_SMOOTHING) / LENGTHS).mean()
    price = -(bonitos.log_softmax(-1) * torch.tensor([0.4, *[0.1 / 4] * 4])).mean()
    expected = torch_loss(bonitos, reduction="mean") + price
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(own.grad, bonitos.grad)


def test_a_target_that_does_not_fit_is_infinite_with_smoothing_too() -> None:
    leaf = scores()[:, :3].clone().requires_grad_()
    loss = ctc_head_loss(leaf, TARGETS, LENGTHS, BONITO_SMOOTHING)
    assert torch.isposinf(loss).tolist() == [True, True, False]
    torch.where(torch.isfinite(loss), loss, 0.0).sum().backward()
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize(
    "weights", [[0.1], [0.1] * 6, [], 0.1, "abcde", [None] * 5, [0.1, 0.1, 0.1, 0.1, -1]]
)
def test_weights_that_are_none_are_refused(weights) -> None:
    with pytest.raises(UsageError, match="label_smoothing needs 5 numbers"):
        ctc_head_loss(scores(), TARGETS, LENGTHS, weights)
