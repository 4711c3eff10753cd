"""Torch modules as cases of a measurement: what they cost to run, and to train."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lexome.nn.costs import counted
from lexome.tasks.bench.layer_speed import Case, Opened
from lexome.tasks.bench.tensor_memory import peak_tensor_bytes

Mode = Literal["inference", "training"]
SEED = 0


def module_case(
    build: Callable[[], nn.Module],
    shape: tuple[int, ...],
    device: str = "cpu",
    *,
    samples_per_item: int,
    mode: Mode = "inference",
    with_memory: bool = False,
    rearrange: Callable[[Tensor], Tensor] = lambda x: x,
) -> Case:
    """A module on random numbers, always the same.

    In inference it is in evaluation mode and nothing is kept for gradients. In training the sum of its
    outputs is taken back to its weights and its input, as in the middle of a network; no weight is changed.

    Args:
        build: makes the module; its weights are drawn from a fixed seed.
        shape: of one item of its input.
        device: "cpu" or "cuda:N".
        samples_per_item: what an item counts.
        mode: what is done.
        with_memory: also measure the memory of tensors.
        rearrange: changes the batch before it is given to the module; not timed.
    """

    def make_input(count: int) -> Tensor:
        x = torch.randn(count, *shape, generator=torch.Generator().manual_seed(SEED)).to(device)
        return rearrange(x).requires_grad_(mode == "training")

    def open_module() -> Opened:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            module = build().to(device)
        macs = counted(module, make_input(1).detach()).macs
        module.train(mode == "training")
        run = _learner(module) if mode == "training" else _reader(module)
        peak = (lambda x: peak_tensor_bytes(lambda: run(x))) if with_memory else None
        return Opened(run, macs, peak)

    return Case(open_module, make_input, samples_per_item)


def _reader(module: nn.Module) -> Callable[[Tensor], object]:
    def run(x: Tensor) -> object:
        with torch.inference_mode():
            return module(x)

    return run


def _learner(module: nn.Module) -> Callable[[Tensor], object]:
    def run(x: Tensor) -> object:
        x.grad = None
        module.zero_grad(set_to_none=True)
        first(module(x)).sum().backward()
        return None

    return run


def first(output: Any) -> Tensor:
    """The output of a module that may give a state beside it."""
    return output[0] if isinstance(output, tuple) else output
