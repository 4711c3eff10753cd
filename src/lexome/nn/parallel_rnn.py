"""A recurrence of a few iterations that runs over all steps at once.

Shapes: N batch, T steps, D features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class ParallelRnnLayerConfig:
    """One layer.

    Attributes:
        size: features D, in and out.
        reverse: whether each step runs towards the beginning instead of towards the end.
        iterations: steps of the recurrence, and so input steps that an iteration's own input comes from.
        mixer: width of the mixer convolution, odd.
        mixer_groups: groups of the mixer convolution; 1: dense, `size`: depthwise.
        norm_groups: groups of features that are normalised together.
    """

    size: int
    reverse: bool = False
    iterations: int = 3
    mixer: int = 5
    mixer_groups: int = 1
    norm_groups: int = 1

    def __post_init__(self) -> None:
        if min(self.size, self.iterations, self.mixer, self.mixer_groups, self.norm_groups) < 1:
            raise ValueError("sizes, iterations and groups of a parallel RNN must be positive")
        if self.mixer % 2 == 0:
            raise ValueError(f"the mixer needs an odd width, not {self.mixer}")
        if self.size % self.mixer_groups or self.size % self.norm_groups:
            raise ValueError(f"size {self.size} must divide into mixer_groups and into norm_groups")


class ParallelRnnLayer(nn.Module):
    """Every step runs its own short recurrence, all of them at once: (N, T, D) -> (N, T, D).

    With u = W x + b, a learned initial state h_0 that is the same at every step, and for n = 0, 1, ...:

        h_{n+1}[t] = tanh(u[t + n] + U (mixer * h_n)[t]),    u behind the end = 0

    then a group normalisation. So a step takes in as many inputs as there are iterations; the mixer
    convolution, over the states of the iteration before, adds those around.

    Source: Ordonez Cardenas 2024, section 5.1.3 and figure 5.3: a GRU without its gates (only the candidate
    is left, see `nn.gru_ablations`), run like algorithm 1 of the same text. Not said there, so chosen here:
    tanh (the text: "through trial and error"), one group of the normalisation, which follows the last
    iteration, a dense mixer, an initial state of 0, and that the first iteration takes the input of its own
    step.
    """

    def __init__(self, config: ParallelRnnLayerConfig) -> None:
        super().__init__()
        self.config = config
        size = config.size
        self.input = nn.Linear(size, size)
        self.initial_D = nn.Parameter(torch.zeros(size))
        self.mixer = nn.Conv1d(
            size, size, config.mixer, padding=config.mixer // 2, groups=config.mixer_groups, bias=False
        )
        # pointwise convolutions: these are not to be scaled to data, the first state does not vary
        self.state = nn.Conv1d(size, size, 1, bias=False)
        self.norm = nn.GroupNorm(config.norm_groups, size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights: orthogonal, but for a mixer that begins near the state of its own step."""
        nn.init.orthogonal_(self.input.weight)
        nn.init.zeros_(self.input.bias)
        nn.init.zeros_(self.initial_D)
        nn.init.orthogonal_(self.state.weight)
        groups, width = self.config.mixer_groups, self.config.mixer
        inputs = self.config.size // groups
        nn.init.normal_(self.mixer.weight, std=0.5 / (inputs * width) ** 0.5)
        with torch.no_grad():
            output_D = torch.arange(self.config.size)
            self.mixer.weight[output_D, output_D % inputs, width // 2] += 0.5
        self.norm.reset_parameters()

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the layer."""
        if self.config.reverse:
            x_NTD = x_NTD.flip(1)
        input_NDT = self.input(x_NTD).transpose(1, 2)
        state_NDT = self.initial_D[:, None].expand_as(input_NDT)
        for n in range(self.config.iterations):
            ahead_NDT = input_NDT if n == 0 else nn.functional.pad(input_NDT, (0, n))[..., n:]
            state_NDT = torch.tanh(ahead_NDT + self.state(self.mixer(state_NDT)))
        y_NTD = self.norm(state_NDT).transpose(1, 2)
        return y_NTD.flip(1) if self.config.reverse else y_NTD
