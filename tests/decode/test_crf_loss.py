"""The CRF's loss as a head's loss."""

import torch

from lexome.decode.crf_loss import crf_head_loss
from lexome.dp.crf import log_partition, target_log_sum


def test_it_is_the_negative_log_probability_of_each_target() -> None:
    scores = torch.randn(3, 20, 80, generator=torch.Generator().manual_seed(0), requires_grad=True)
    targets, lengths = torch.tensor([[1, 2, 3, 4], [4, 4, 1, 0], [2, 2, 0, 0]]), torch.tensor([4, 3, 2])
    loss = crf_head_loss(scores, targets, lengths)
    torch.testing.assert_close(loss, log_partition(scores) - target_log_sum(scores, targets, lengths))
    loss.sum().backward()
    assert scores.grad is not None
