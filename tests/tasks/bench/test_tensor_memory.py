"""Memory of tensors, against counting by hand."""

import torch
from torch import nn

from lexome.tasks.bench.tensor_memory import peak_tensor_bytes

COUNT = 1000
BYTES = 4 * COUNT


def test_what_is_alive_at_the_same_time() -> None:
    x = torch.zeros(COUNT)

    def run() -> None:
        y = x * 2
        z = y + 1
        del y
        w = z * 3
        del z, w

    assert peak_tensor_bytes(run) == 2 * BYTES
    assert peak_tensor_bytes(lambda: [x * i for i in range(5)]) == 5 * BYTES


def test_views_and_work_in_place_take_nothing() -> None:
    x = torch.zeros(COUNT)
    assert peak_tensor_bytes(lambda: x[:10].view(2, 5).add_(1)) == 0
    assert peak_tensor_bytes(lambda: (x + 1)[::2].reshape(5, 100)[0]) == BYTES


def test_what_waits_for_the_backward_pass_counts() -> None:
    x = torch.zeros(COUNT, requires_grad=True)

    def forward() -> None:
        x.exp().exp().exp()

    def both() -> None:
        x.grad = None
        x.exp().exp().exp().sum().backward()

    with torch.no_grad():
        assert peak_tensor_bytes(forward) == 2 * BYTES
    assert peak_tensor_bytes(forward) == 3 * BYTES
    # three results are kept; going back makes gradients, of which at most two live beside them
    assert 4 * BYTES <= peak_tensor_bytes(both) <= 5 * BYTES + 64


def test_a_recurrent_layer_in_training_needs_all_its_steps() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(8, 8, batch_first=True)

    def run(steps: int) -> int:
        x = torch.randn(2, steps, 8, requires_grad=True)
        return peak_tensor_bytes(lambda: layer(x)[0].sum().backward())

    outputs = 2 * 8 * 4  # bytes of a step; gates, cells and outputs are kept
    assert run(64) - run(32) > 6 * 32 * outputs
