"""ParallelRNN: convolutions, then recurrences of a few iterations that run over all steps at once.

Source: Ordonez Cardenas 2024 (section 5.1.3): the convolutions of Bonito, then two layers instead of its
five LSTMs. What is chosen here where the text is silent: see `nn.parallel_rnn`; that the layers alternate in
direction, as Bonito's do (in the recipe; an option of each layer). The normalisation of a
layer's output spans its chunk, so far-away samples have a small say everywhere.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.conv import ConvConfig
from lexome.nn.conv_stack import check_one_width, conv_stack, stack_stride
from lexome.nn.parallel_rnn import ParallelRnnLayer, ParallelRnnLayerConfig


@dataclass(frozen=True)
class ParallelRnnConfig:
    """Convolutions and layers, from first to last; all layers have the last convolution's size."""

    convs: tuple[ConvConfig, ...]
    layers: tuple[ParallelRnnLayerConfig, ...]
    in_channels: int = 1

    def __post_init__(self) -> None:
        check_one_width(self.convs, self.layers, self.in_channels, "layer")


class ParallelRnn(nn.Module):
    """Convolutions and parallel recurrences: signal (N, C, S) -> features (N, T, D).

    T = S / stride if the stride divides S.
    """

    skips: tuple[str, ...] = ()
    causal = False

    def __init__(self, config: ParallelRnnConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = stack_stride(config.convs)
        self.num_features = config.convs[-1].size
        self.convs = conv_stack(config.in_channels, config.convs)
        self.layers = nn.Sequential(*(ParallelRnnLayer(layer) for layer in config.layers))
        # the width of the last convolution is that of all layers, so it cannot be cut in one place
        self.prunable = tuple(f"convs.{i}" for i in range(len(config.convs) - 1))

    def forward(self, signal_NCS: Float[Tensor, "N C S"]) -> Float[Tensor, "N T D"]:
        """Features of every step."""
        return self.layers(self.convs(signal_NCS).transpose(1, 2))
