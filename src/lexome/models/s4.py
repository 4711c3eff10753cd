"""Convolutions, then blocks of structured state spaces (S4).

Source: Ordonez Cardenas 2024 (section 4.2.3), see `nn.s4`; the convolutions are those of Bonito.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.conv import ConvConfig
from lexome.nn.conv_stack import check_one_width, conv_stack, stack_stride
from lexome.nn.s4 import S4Block, S4BlockConfig


@dataclass(frozen=True)
class S4Config:
    """Convolutions and blocks from first to last; all blocks have the last convolution's size."""

    convs: tuple[ConvConfig, ...]
    blocks: tuple[S4BlockConfig, ...]
    in_channels: int = 1

    def __post_init__(self) -> None:
        check_one_width(self.convs, self.blocks, self.in_channels, "block")


class S4(nn.Module):
    """Convolutions and state spaces: signal (N, C, S) -> features (N, T, D).

    T = S / stride if the stride divides S.
    """

    skips: tuple[str, ...] = ()
    causal = False

    def __init__(self, config: S4Config) -> None:
        super().__init__()
        self.config = config
        self.stride = stack_stride(config.convs)
        self.num_features = config.convs[-1].size
        self.convs = conv_stack(config.in_channels, config.convs)
        self.blocks = nn.Sequential(*(S4Block(block) for block in config.blocks))
        # the width of the last convolution is that of all blocks, so it cannot be cut in one place
        self.prunable = tuple(f"convs.{i}" for i in range(len(config.convs) - 1))

    def forward(self, signal_NCS: Float[Tensor, "N C S"]) -> Float[Tensor, "N T D"]:
        """Features of every step."""
        return self.blocks(self.convs(signal_NCS).transpose(1, 2))
