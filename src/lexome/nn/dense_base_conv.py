"""A block that looks at a few steps at once and nowhere else. Shapes: N batch, T steps, D features."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.conv import ConvBlock, ConvConfig


@dataclass(frozen=True)
class DenseBaseConvBlockConfig:
    """One block: its features and the width of its convolution in steps, odd."""

    size: int
    kernel: int = 5

    def __post_init__(self) -> None:
        if self.size < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError("the size of a block must be positive, its kernel positive and odd")


class DenseBaseConvBlock(nn.Module):
    """Convolution, linear layer, sum, normalisation: (N, D, T) -> (N, D, T), T unchanged.

    y = batch norm(x + GELU(W GELU(convolution(x)) + b))

    Source: Ordonez Cardenas 2024, section 5.2 and figure 5.5 (the final block: one linear layer, kernel 5).
    The instance normalisation at the beginning of the text's first version is left out: the convolutions in
    front end with a batch normalisation of their own.
    """

    def __init__(self, config: DenseBaseConvBlockConfig) -> None:
        super().__init__()
        self.config = config
        self.conv = ConvBlock(config.size, ConvConfig(config.size, config.kernel, activation="gelu"))
        self.linear = nn.Linear(config.size, config.size)
        self.norm = nn.BatchNorm1d(config.size)

    def forward(self, x_NDT: Float[Tensor, "N D T"]) -> Float[Tensor, "N D T"]:
        """Applies the block."""
        y_NTD = nn.functional.gelu(self.linear(self.conv(x_NDT).transpose(1, 2)))
        return self.norm(x_NDT + y_NTD.transpose(1, 2))
