"""Noticing that a network does not learn, and looking into it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

BLOCKS = 5
LEAST_FALL = 0.03  # of the mean loss, from the first to the last block, in nats: less is no progress


class PlateauWatch:
    """Watches the loss of every step and says, once, that it stays where nothing has been learnt.

    It does when over the last `steps` steps the mean of every fifth of them lies between the bounds, and the
    last is hardly lower than the first.

    Args:
        low: lower bound of the plateau.
        high: upper bound.
        steps: how long the loss must stay; 0 never says anything.
    """

    def __init__(self, low: float, high: float, steps: int) -> None:
        self.low, self.high = low, high
        self._block_steps = -(-steps // BLOCKS)
        self._sum, self._count = 0.0, 0
        self._means: list[float] = []
        self._is_said = steps == 0

    def add(self, loss: float) -> float | None:
        """Takes in the loss of a step; the mean loss of the plateau if it is time to speak of it."""
        if self._is_said:
            return None
        self._sum, self._count = self._sum + loss, self._count + 1
        if self._count < self._block_steps:
            return None
        self._means = [*self._means[-(BLOCKS - 1) :], self._sum / self._count]
        self._sum, self._count = 0.0, 0
        is_inside = all(self.low <= mean <= self.high for mean in self._means)
        if len(self._means) < BLOCKS or not is_inside or self._means[0] - self._means[-1] > LEAST_FALL:
            return None
        self._is_said = True
        return sum(self._means) / BLOCKS

    @property
    def state(self) -> dict[str, Any]:
        """What is to be saved with the training."""
        return {"sum": self._sum, "count": self._count, "means": self._means, "is_said": self._is_said}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._sum, self._count = float(state["sum"]), int(state["count"])
        self._means, self._is_said = list(state["means"]), bool(state["is_said"])


def activation_spreads(model: nn.Module, run: Callable[[], Any]) -> dict[str, float]:
    """Standard deviation of what every layer with weights gives out, by module name, in order of use.

    Args:
        model: the network; unchanged.
        run: runs it on some data.
    """
    spreads: dict[str, float] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            value = output[0] if isinstance(output, tuple) else output
            if isinstance(value, Tensor) and value.is_floating_point():
                spreads[name] = float(value.detach().float().std())

        return hook

    layers = {n: m for n, m in model.named_modules() if any(True for _ in m.parameters(recurse=False))}
    handles = [module.register_forward_hook(keep(name)) for name, module in layers.items()]
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            run()
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    return spreads
