"""A moving average of a network's weights, often better than the weights of any one step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of all weights and buffers.

    After n updates it keeps min(decay, (1 + n) / (10 + n)) of itself at the next one, so the first weights,
    which mean nothing, are soon forgotten. Whole numbers (such as counts of batches) are taken as they are.

    Source: Polyak averaging in its exponential form; the start as in TensorFlow's moving averages.

    Attributes:
        tensors: the average, by name.
        updates: how many there were.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Takes in the present weights."""
        self.updates += 1
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, 1 - keep)
            else:
                self.tensors[name].copy_(tensor)

    @contextmanager
    def in_place_of(self, model: nn.Module) -> Iterator[None]:
        """Within the block the model has the average as its weights; afterwards its own, to the bit."""
        own = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        _set(model, self.tensors)
        try:
            yield
        finally:
            _set(model, own)

    def restore(self, tensors: Mapping[str, Tensor], updates: int) -> None:
        """Goes on from a saved average.

        Raises:
            KeyError: if a tensor is missing.
            RuntimeError: if one has another shape.
        """
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])
        self.updates = updates


@torch.no_grad()
def _set(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in model.state_dict().items():
        tensor.copy_(tensors[name])
