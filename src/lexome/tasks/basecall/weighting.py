"""How much a labelled chunk is trusted, by how badly the present network fits its label. Shapes: N chunks."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class WeightingConfig:
    """Weights of chunks in the training loss.

    A training store says nothing of the quality of single labels, so what stands out within its batch is
    trusted less. That also takes weight from chunks that are hard but right.

    Attributes:
        by_loss: whether chunks have weights at all.
        tolerance: up to so many times the batch's median loss a chunk counts in full; beyond, its weight
            falls so that weight times loss stays what it is there.
        min_weight: no weight is less.
    """

    by_loss: bool = False
    tolerance: float = 1.5
    min_weight: float = 0.1

    def __post_init__(self) -> None:
        if not self.tolerance >= 1:
            raise ValueError(f"tolerance must be at least 1, is {self.tolerance}")
        if not 0 <= self.min_weight <= 1:
            raise ValueError(f"min_weight must be from 0 to 1, is {self.min_weight}")


def chunk_weights(loss_N: Tensor, whole_N: Tensor, config: WeightingConfig) -> Tensor:
    """Weights of a batch's chunks.

    Args:
        loss_N: loss per base, without a graph; may be infinite.
        whole_N: that of the whole batch, of all processes.
        config: how.

    Returns:
        float[N], from `min_weight` to 1; nan where the loss is nan.
    """
    finite = whole_N[torch.isfinite(whole_N)]
    if not len(finite):
        return torch.ones_like(loss_N)
    limit = config.tolerance * finite.median().clamp(min=torch.finfo(loss_N.dtype).tiny)
    return (limit / loss_N).clamp(config.min_weight, 1.0)
