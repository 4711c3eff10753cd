"""Any encoder behind another representation of the signal.

Source: section 4.3 of the thesis "Towards faster sequence-to-sequence models for basecalling" (2024), which
put Fourier and Taylor inputs before Bonito; see `nn.inputs` for what differs.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import nn

from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.models.registry import build_encoder
from lexome.nn.inputs import InputConfig, WindowedInput


@dataclass(frozen=True)
class WithInputsConfig:
    """The representation, and the encoder that takes it.

    Attributes:
        inputs: Taylor coefficients (`degree`, `window`) or frequencies (`parts`, `window`).
        architecture: {name, config} of an encoder with the key `in_channels`, which is set here.
    """

    inputs: InputConfig
    architecture: dict[str, Any]


class WithInputs(nn.Module):
    """Features of the window around every sample, then another encoder: (N, 1, S) -> (N, T, D)."""

    def __init__(self, config: WithInputsConfig) -> None:
        super().__init__()
        self.config = config
        name, inner = config.architecture.get("name"), config.architecture.get("config")
        if set(config.architecture) != {"name", "config"} or not isinstance(inner, Mapping):
            raise UsageError("[architecture], with_inputs: architecture takes the keys 'name' and 'config'")
        if "in_channels" in inner:
            raise UsageError("[architecture], with_inputs: in_channels follows from the inputs; leave it out")
        self.inputs = WindowedInput(config.inputs)
        self.encoder = build_encoder(str(name), {**inner, "in_channels": config.inputs.kinds})
        self.stride = int(self.encoder.stride)  # type: ignore[arg-type]
        self.chunk_multiple = int(getattr(self.encoder, "chunk_multiple", self.stride))
        self.num_features = int(self.encoder.num_features)  # type: ignore[arg-type]
        self.skips = tuple(f"encoder.{part}" for part in self.encoder.skips)  # type: ignore[union-attr]
        self.prunable = tuple(f"encoder.{part}" for part in self.encoder.prunable)  # type: ignore[union-attr]

    def config_without(self, skips: Collection[str]) -> WithInputsConfig:
        """The configuration with some of `skips` taken out."""
        within = [name.removeprefix("encoder.") for name in skips]
        inner = to_dict(self.encoder.config_without(within))  # type: ignore[operator]
        del inner["in_channels"]
        return replace(self.config, architecture={**self.config.architecture, "config": inner})

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        return self.encoder(self.inputs(signal_NCS))
