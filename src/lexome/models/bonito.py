"""The encoder of ONT's CRF basecallers: strided convolutions, then recurrent layers of alternating direction.

Source: facts published with bonito and dorado (`bonito.crf` models of versions 3 and 4: fast, hac, sup). The
sequence of layers, their shapes and gate order are the same, so their weights can be used.

What differs: batch first, (N, T, D) out; weights start orthogonal with a forget bias of one instead of
truncated normals, and are to be scaled to data (`nn.initialise`); the recurrent bias is an ordinary parameter
(bonito freezes it at zero); the recurrent layers may also be GRUs or Elman layers, and convolutions may be
Kolmogorov-Arnold networks (`nn.kan`).

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.conv_stack import AnyConvConfig, conv_block, stack_is_causal
from lexome.nn.recurrent import RecurrentConfig, RecurrentLayer


@dataclass(frozen=True)
class LinearConfig:
    """A linear layer between the last recurrent layer and the scores, as in hac v4.2 and sup v4.0."""

    size: int
    bias: bool = True


@dataclass(frozen=True)
class BonitoConfig:
    """Convolutions, recurrent layers and optional linear layers, each listed from first to last.

    The recurrent layers are called `lstms` whatever their `kind`, so that one name serves all configurations
    and weights.
    """

    convs: tuple[AnyConvConfig, ...]
    lstms: tuple[RecurrentConfig, ...]
    linears: tuple[LinearConfig, ...] = ()
    in_channels: int = 1

    def __post_init__(self) -> None:
        if not self.convs or not self.lstms:
            raise ValueError("at least one convolution and one recurrent layer (lstms) are needed")
        if self.in_channels < 1:
            raise ValueError("in_channels must be positive")


class Bonito(nn.Module):
    """Convolutions and recurrent layers: signal (N, C, S) -> features (N, T, D).

    T = S / stride if the stride divides S.
    """

    skips: tuple[str, ...] = ()

    def __init__(self, config: BonitoConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = prod(conv.stride for conv in config.convs)
        self.causal = stack_is_causal(config.convs) and not any(layer.looks_ahead for layer in config.lstms)
        width = config.in_channels
        self.convs = nn.Sequential()
        for conv in config.convs:
            self.convs.append(conv_block(width, conv))
            width = conv.size
        self.lstms = nn.Sequential()
        for recurrent in config.lstms:
            self.lstms.append(RecurrentLayer(width, recurrent))
            width = recurrent.size
        self.linears = nn.Sequential()
        for linear in config.linears:
            self.linears.append(nn.Linear(width, linear.size, bias=linear.bias))
            width = linear.size
        self.num_features = width
        self.prunable = tuple(
            f"{kind}.{i}" for kind in ("convs", "lstms") for i in range(len(getattr(config, kind)))
        )

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        features_NTD = self.lstms(self.convs(signal_NCS).transpose(1, 2))
        return self.linears(features_NTD)
