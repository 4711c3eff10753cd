"""First weights of T5's layers."""

import torch
from torch import nn

from lexome.nn.relative_bias import RelativeBias


@torch.no_grad()
def draw_t5_weights(module: nn.Module, size: int) -> None:
    """Draws new weights as T5 does: by the square root of what a layer adds up, queries a root of E less.

    Args:
        module: an encoder or decoder.
        size: its features D.
    """
    for name, part in module.named_modules():
        if isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=1.0)
        elif isinstance(part, RelativeBias):
            nn.init.normal_(part.table_BH, std=size**-0.5)
        elif isinstance(part, nn.Linear):
            std = part.in_features**-0.5
            above, _, own = name.rpartition(".")
            if own == "q":
                attention = module.get_submodule(above)
                std *= float(attention.head_size) ** -0.5  # pyright: ignore[reportArgumentType]
            nn.init.normal_(part.weight, std=std)
        elif isinstance(part, nn.RMSNorm):
            nn.init.ones_(part.weight)
