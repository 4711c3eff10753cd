"""Vectors to reason with beside the steps of a sequence: the thesis' chain of thought.

Legend: N batch, T steps, R reasoning vectors, L all of them with separators, D features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from lexome.nn.banded_attention import sinusoids
from lexome.nn.encoder_layer import DecoderLayer

INITIAL_STD = 0.02


@dataclass(frozen=True)
class ThoughtConfig:
    """How a layer reasons before it looks at its steps; `VERSIONS` has the five of the thesis.

    Attributes:
        steps: reasoning vectors R; the thesis holds log2(T), about 8, for enough.
        separators: learned vectors between the steps and the reasoning, and at the end.
        stepwise: the reasoning vectors are made one after the other, each from the steps and those before it.
        iterations: how often all of them are made anew; from the second time on they are read too.
        learned_start: they start as learned vectors instead of zeros.
        residual: what comes into the layer is added to what it gives.
        context: the last iteration reads what the encoder makes of steps and reasoning, not the steps.
    """

    steps: int = 8
    separators: bool = False
    stepwise: bool = False
    iterations: int = 1
    learned_start: bool = False
    residual: bool = False
    context: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1 or self.iterations < 1:
            raise ValueError("steps and iterations of a chain of thought must be positive")


# SequenceNetCoTTwostep V1 to V5; that V3 and V4 keep the separators of V2 is not said, but each builds on the
# one before it
VERSIONS = {
    1: ThoughtConfig(),
    2: ThoughtConfig(separators=True),
    3: ThoughtConfig(separators=True, stepwise=True),
    4: ThoughtConfig(separators=True, iterations=3, learned_start=True),
    5: ThoughtConfig(separators=True, iterations=3, learned_start=True, residual=True, context=True),
}


class ThoughtLayer(nn.Module):
    """Two steps: reasoning from the sequence, then an encoder over both: (N, T, D) -> (N, T, D).

    The reasoning vectors, with positions, read the sequence in a decoder layer; the encoder layer sees
    [sequence, reasoning] and its outputs for the sequence are kept. It stands where an encoder layer stood.

    Source: section 4.2.2 of the thesis "Towards faster sequence-to-sequence models for basecalling" (2024).
    Differs, where it leaves a choice: D must be even (positions); with iterations the whole reasoning is read
    again instead of its vectors one by one; both are options here and go together.

    Args:
        size: features D.
        reader: what the reasoning reads with.
        encoder: a layer (N, L, D) -> (N, L, D) over everything.
        config: how it reasons.
    """

    def __init__(self, size: int, reader: DecoderLayer, encoder: nn.Module, config: ThoughtConfig) -> None:
        super().__init__()
        self.config = config
        self.size = size
        self.reader = reader
        self.encoder = encoder
        self.start = nn.Parameter(torch.empty(config.steps, size)) if config.learned_start else None
        self.between = nn.Parameter(torch.empty(1, size)) if config.separators else None
        self.end = nn.Parameter(torch.empty(1, size)) if config.separators else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new start and separators; reader and encoder draw theirs themselves."""
        for vectors in (self.start, self.between, self.end):
            if vectors is not None:
                nn.init.normal_(vectors, std=INITIAL_STD)

    def _joined(self, x_NTD: Tensor, reasoning_NRD: Tensor | None, *, closed: bool = False) -> Tensor:
        """[steps, separator, reasoning, end]; without reasoning the steps alone, the end only if closed."""
        if reasoning_NRD is None:
            return x_NTD
        batch = x_NTD.shape[0]
        parts = [x_NTD]
        if self.between is not None:
            parts.append(self.between.expand(batch, -1, -1))
        parts.append(reasoning_NRD)
        if closed and self.end is not None:
            parts.append(self.end.expand(batch, -1, -1))
        return torch.cat(parts, dim=1)

    def _reasoning(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N R D"]:
        """What the layer has thought about the sequence."""
        config = self.config
        start_RD = sinusoids(config.steps, self.size, x_NTD.device).to(x_NTD.dtype)
        if self.start is not None:
            start_RD = start_RD + self.start
        thought_NRD = start_RD.expand(x_NTD.shape[0], -1, -1)
        for iteration in range(config.iterations):
            read = x_NTD
            if config.context and iteration == config.iterations - 1:
                read = self.encoder(self._joined(x_NTD, thought_NRD, closed=True))[:, : x_NTD.shape[1]]
            known = thought_NRD if iteration else None
            if not config.stepwise:
                thought_NRD = self.reader(thought_NRD, self._joined(read, known))
                continue
            made: list[Tensor] = []
            for r in range(config.steps):
                before = [] if known is None else [known]
                accumulated = torch.cat([*before, *made], dim=1) if before or made else None
                made.append(self.reader(thought_NRD[:, r : r + 1], self._joined(read, accumulated)))
            thought_NRD = torch.cat(made, dim=1)
        return thought_NRD

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the layer."""
        joined_NLD = self._joined(x_NTD, self._reasoning(x_NTD), closed=True)
        y_NTD = self.encoder(joined_NLD)[:, : x_NTD.shape[1]]
        return x_NTD + y_NTD if self.config.residual else y_NTD


class Interleaved(nn.Module):
    """A learned vector behind every few steps while `inner` runs over them: (N, T, D) -> (N, T, D).

    For layers that see the sequence through a state instead of directly (Mamba), which get the reasoning
    vectors between the steps; outputs at the vectors are dropped.

    Source: section 4.2.2 of the thesis (chain of thought for Mamba).

    Args:
        inner: a layer (N, L, D) -> (N, L, D).
        size: features D.
        every: steps from one vector to the next; zeros fill the last ones.
    """

    def __init__(self, inner: nn.Module, size: int, every: int) -> None:
        super().__init__()
        if every < 1:
            raise ValueError("every must be positive")
        self.inner = inner
        self.every = every
        self.thought = nn.Parameter(torch.empty(size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws a new vector."""
        nn.init.normal_(self.thought, std=INITIAL_STD)

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies `inner`."""
        batch, num_steps, size = x_NTD.shape
        groups = (num_steps + self.every - 1) // self.every
        whole = pad(x_NTD, (0, 0, 0, self.every))[:, : groups * self.every]
        steps = whole.reshape(batch, groups, self.every, size)
        joined = torch.cat([steps, self.thought.expand(batch, groups, 1, size)], dim=2)
        y = self.inner(joined.reshape(batch, groups * (self.every + 1), size))
        y = y.reshape(batch, groups, self.every + 1, size)[:, :, : self.every]
        return y.reshape(batch, groups * self.every, size)[:, :num_steps]
