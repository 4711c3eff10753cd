"""DenseBaseConv: a short stem, blocks that look at few steps, one recurrent layer.

Source: Ordonez Cardenas 2024 (section 5.2): convolutions of kernels 3 and 4, the second one of stride 3,
batch normalisation and LeakyReLU behind both, one block, one LSTM of Bonito.

What differs: 3 samples give 1 step exactly (2,000 samples: 666 there, here of 1,998, with padding 1 of the
second convolution); the widths of the stem, the direction of the LSTM and the slope of LeakyReLU (0.01) are
not said in the text, nor whether a third convolution stands behind the two that it describes: here none does,
for with Bonito's own, of stride 5, its sequence length would not come out.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.conv import ConvConfig
from lexome.nn.conv_stack import check_one_width, conv_stack, stack_stride
from lexome.nn.dense_base_conv import DenseBaseConvBlock, DenseBaseConvBlockConfig
from lexome.nn.recurrent import RecurrentConfig, RecurrentLayer


@dataclass(frozen=True)
class DenseBaseConvConfig:
    """Convolutions, blocks of the last convolution's size, and recurrent layers (may be none)."""

    convs: tuple[ConvConfig, ...]
    blocks: tuple[DenseBaseConvBlockConfig, ...]
    lstms: tuple[RecurrentConfig, ...] = ()
    in_channels: int = 1

    def __post_init__(self) -> None:
        check_one_width(self.convs, self.blocks, self.in_channels, "block")


class DenseBaseConv(nn.Module):
    """Convolutions, blocks, recurrent layers: signal (N, C, S) -> features (N, T, D).

    T = S / stride if the stride divides S and the padding of the convolutions allows.
    """

    causal = False

    def __init__(self, config: DenseBaseConvConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = stack_stride(config.convs)
        self.convs = conv_stack(config.in_channels, config.convs)
        self.blocks = nn.Sequential(*(DenseBaseConvBlock(block) for block in config.blocks))
        width = config.convs[-1].size
        self.lstms = nn.Sequential()
        for recurrent in config.lstms:
            self.lstms.append(RecurrentLayer(width, recurrent))
            width = recurrent.size
        self.num_features = width
        self.skips: tuple[str, ...] = ()
        # the width of the last convolution is that of all blocks, so it cannot be cut in one place
        self.prunable = (
            *(f"convs.{i}" for i in range(len(config.convs) - 1)),
            *(f"blocks.{i}.conv" for i in range(len(config.blocks))),
            *(f"lstms.{i}" for i in range(len(config.lstms))),
        )

    def forward(self, signal_NCS: Float[Tensor, "N C S"]) -> Float[Tensor, "N T D"]:
        """Features of every step."""
        return self.lstms(self.blocks(self.convs(signal_NCS)).transpose(1, 2))
