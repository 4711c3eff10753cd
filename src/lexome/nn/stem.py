"""How signal enters a transformer. Shapes: N batch, C channels, S samples, T steps, D features."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.banded_attention import sinusoids
from lexome.nn.conv_stack import AnyConvConfig, conv_stack, stack_stride


def check_frame(
    convs: Sequence[AnyConvConfig], num_layers: int, num_heads: int, dropout: float, in_channels: int
) -> None:
    """Refuses what no transformer behind a stem can be made of.

    Raises:
        ValueError: without convolutions, layers or channels, if the features of the last convolution do not
            divide into heads of even size, or for a dropout outside [0, 1).
    """
    if not convs or num_layers < 1 or in_channels < 1:
        raise ValueError("at least one convolution, one layer and one channel are needed")
    if num_heads < 1 or convs[-1].size % (2 * num_heads):
        raise ValueError(f"the {convs[-1].size} features do not divide into {num_heads} heads of even size")
    if not 0 <= dropout < 1:
        raise ValueError("dropout must be at least 0 and below 1")


class ConvStem(nn.Module):
    """Convolutions, positions added to what they give, dropout: signal (N, C, S) -> (N, T, D).

    Differs from Vaswani 2017: the sines stand before the cosines instead of between them.

    Args:
        in_channels: C.
        convs: convolutions from first to last; the last one gives D, an even number.
        dropout: part of the features dropped in training.
        positions: whether positions are added.
    """

    def __init__(
        self,
        in_channels: int,
        convs: Sequence[AnyConvConfig],
        dropout: float = 0.0,
        *,
        positions: bool = True,
    ) -> None:
        super().__init__()
        self.positions = positions
        self.stride = stack_stride(convs)
        self.size = convs[-1].size
        self.convs = conv_stack(in_channels, convs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step, with its position."""
        x_NTD = self.convs(signal_NCS).transpose(1, 2)
        if self.positions:
            x_NTD = x_NTD + sinusoids(x_NTD.shape[1], self.size, x_NTD.device)
        return self.dropout(x_NTD)
