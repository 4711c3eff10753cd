"""Torch modules as cases: modes, products, memory, the same numbers every time."""

import torch
from torch import Tensor, nn

from lexome.tasks.bench.module_cases import first, module_case


class Spy(nn.Linear):
    """A linear layer that remembers how it was run."""

    seen: list[tuple[bool, bool, bool]]

    def __init__(self) -> None:
        super().__init__(4, 6)
        self.seen = []

    def forward(self, input: Tensor) -> Tensor:
        self.seen.append((self.training, torch.is_inference_mode_enabled(), torch.is_grad_enabled()))
        return super().forward(input)


def test_inference() -> None:
    spies: list[Spy] = []
    case = module_case(lambda: spies.append(Spy()) or spies[-1], (5, 4), samples_per_item=5)
    opened = case.open()
    assert opened.macs_per_item == 5 * 4 * 6
    assert opened.peak_bytes is None
    x = case.make_input(3)
    assert x.shape == (3, 5, 4)
    assert not x.requires_grad
    assert torch.equal(x, case.make_input(3))
    opened.run(x)
    assert spies[0].seen[-1] == (False, True, False)


def test_training_goes_back_to_weights_and_input() -> None:
    spies: list[Spy] = []
    case = module_case(
        lambda: spies.append(Spy()) or spies[-1],
        (5, 4),
        samples_per_item=5,
        mode="training",
        with_memory=True,
    )
    opened, x = case.open(), case.make_input(3)
    before = spies[0].weight.detach().clone() if spies else None
    for _ in range(2):  # gradients of the run before are not added to
        opened.run(x)
    assert spies[0].seen[-1] == (True, False, True)
    assert before is not None
    assert torch.equal(spies[0].weight, before)
    assert spies[0].bias.grad is not None
    assert torch.equal(spies[0].bias.grad, torch.full((6,), 15.0))
    assert x.grad is not None
    torch.testing.assert_close(x.grad, spies[0].weight.detach().sum(0).expand(3, 5, 4))
    assert opened.peak_bytes is not None
    output = 4 * 3 * 5 * 6  # bytes; it is gone when the gradients, which are smaller, come
    assert output <= opened.peak_bytes(x) < 1.2 * output


def test_weights_are_the_same_every_time_and_leave_the_generator_alone() -> None:
    built: list[nn.Linear] = []
    case = module_case(lambda: built.append(nn.Linear(3, 3)) or built[-1], (3,), samples_per_item=1)
    torch.manual_seed(11)
    expected = torch.rand(2)
    torch.manual_seed(11)
    case.open()
    case.open()
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(built[0].weight, built[1].weight)


def test_inputs_are_rearranged_outside_of_the_run() -> None:
    case = module_case(nn.Identity, (6, 2), samples_per_item=6, rearrange=lambda x: x.reshape(-1, 3, 2))
    assert case.make_input(4).shape == (8, 3, 2)


def test_first_of_what_a_layer_gives() -> None:
    x = torch.zeros(1)
    assert first((x, None)) is x
    assert first(x) is x
