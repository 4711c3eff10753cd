"""Convolutions, then layers of Mamba or Mamba-2.

Source: Gu and Dao 2023, Dao and Gu 2024; tried for basecalling in Ordonez Cardenas 2024 (section 4.2.3),
which tells nothing of the network around them. Chosen here: Bonito's convolutions in front, the authors'
residual blocks with a normalisation in front of each layer and behind the last, and the direction of Bonito's
layers (in the recipes: alternating). A chain of thought between the steps (section 4.2.2) is an option.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.dp.selective_scan import can_loop, selective_scan
from lexome.nn.chain_of_thought import Interleaved
from lexome.nn.conv import ConvConfig
from lexome.nn.conv_stack import check_one_width, conv_stack, stack_is_causal, stack_stride
from lexome.nn.mamba import Mamba, MambaLayerConfig, by_scans
from lexome.nn.mamba2 import Mamba2
from lexome.nn.transformer import RmsNorm


@dataclass(frozen=True)
class MambaConfig:
    """Convolutions and layers from first to last; all layers have the last convolution's size.

    With `thoughts_every` above 0 every layer also passes a learned vector behind each so many steps
    (`nn.chain_of_thought.Interleaved`).
    """

    convs: tuple[ConvConfig, ...]
    layers: tuple[MambaLayerConfig, ...]
    in_channels: int = 1
    thoughts_every: int = 0

    def __post_init__(self) -> None:
        check_one_width(self.convs, self.layers, self.in_channels, "layer")
        if self.thoughts_every < 0:
            raise ValueError("thoughts_every must be positive, or 0")


def state_space(
    step_NTE: Tensor, added_NTE: Tensor, log_a_ES: Tensor, b_NTS: Tensor, c_NTS: Tensor
) -> Tensor:
    """`nn.mamba.by_scans`; on a CPU by a compiled loop."""
    if not can_loop(step_NTE):
        return by_scans(step_NTE, added_NTE, log_a_ES, b_NTS, c_NTS)
    return selective_scan(step_NTE, added_NTE, torch.exp(log_a_ES).t(), b_NTS, c_NTS)


class MambaBlock(nn.Module):
    """x + layer(normalised x), in the direction of the layer: (N, T, D) -> (N, T, D)."""

    def __init__(self, config: MambaLayerConfig, thoughts_every: int = 0) -> None:
        super().__init__()
        self.config = config
        self.norm = RmsNorm(config.size)
        mixer = Mamba(config, state_space) if config.version == 1 else Mamba2(config)
        self.mixer = Interleaved(mixer, config.size, thoughts_every) if thoughts_every else mixer

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the block."""
        inner = self.norm(x_NTD)
        if self.config.reverse:
            return x_NTD + self.mixer(inner.flip(1)).flip(1)
        return x_NTD + self.mixer(inner)


class MambaEncoder(nn.Module):
    """Convolutions and state spaces: signal (N, C, S) -> features (N, T, D).

    T = S / stride if the stride divides S.
    """

    # Every sum needs its unchanged part: without it the layer behind it is not the same kind of layer.
    skips: tuple[str, ...] = ()

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = stack_stride(config.convs)
        self.causal = stack_is_causal(config.convs) and not any(layer.reverse for layer in config.layers)
        self.num_features = config.convs[-1].size
        self.convs = conv_stack(config.in_channels, config.convs)
        self.layers = nn.Sequential(*(MambaBlock(layer, config.thoughts_every) for layer in config.layers))
        self.norm = RmsNorm(self.num_features)
        # the width of the last convolution runs through all sums, so it cannot be cut in one place
        self.prunable = tuple(f"convs.{i}" for i in range(len(config.convs) - 1))

    def forward(self, signal_NCS: Float[Tensor, "N C S"]) -> Float[Tensor, "N T D"]:
        """Features of every step."""
        return self.norm(self.layers(self.convs(signal_NCS).transpose(1, 2)))
