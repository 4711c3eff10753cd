"""Several feed-forward blocks of which each step uses a few: a mixture of experts, and the fast feed-forward.

Legend: N batch, T steps, P = N * T places, D features, H hidden features, X experts, K chosen ones.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot


@dataclass(frozen=True)
class ExpertsConfig:
    """A mixture of experts.

    Attributes:
        hidden: hidden features of each expert.
        experts: how many there are.
        chosen: how many each step uses; two at least, or the choice could not be learned.
        grouped: places are gathered by expert and each expert runs on its own ones only; otherwise all run on
            all places. The numbers are the same.
    """

    hidden: int
    experts: int
    chosen: int = 2
    grouped: bool = False

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError("hidden features of a feed-forward block must be positive")
        if not 2 <= self.chosen <= self.experts:
            raise ValueError(f"of {self.experts} experts, from 2 to all can be chosen, not {self.chosen}")


@dataclass(frozen=True)
class FastConfig:
    """A fast feed-forward: `leaf` hidden features in each of 2 ** `depth` blocks, of which one is used."""

    leaf: int
    depth: int

    def __post_init__(self) -> None:
        if self.leaf < 1 or not 1 <= self.depth <= 10:
            raise ValueError("leaf must be positive and depth from 1 to 10")


class ExpertWeights(nn.Module):
    """X blocks of linear, ReLU, linear, with biases."""

    def __init__(self, size: int, hidden: int, experts: int) -> None:
        super().__init__()
        self.into_XDH = nn.Parameter(torch.empty(experts, size, hidden))
        self.into_bias_XH = nn.Parameter(torch.empty(experts, hidden))
        self.out_XHD = nn.Parameter(torch.empty(experts, hidden, size))
        self.out_bias_XD = nn.Parameter(torch.empty(experts, size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for weights in (self.into_XDH, self.out_XHD):
            for weight in weights.data:
                nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.into_bias_XH)
        nn.init.zeros_(self.out_bias_XD)

    def all(self, x_PD: Float[Tensor, "P D"]) -> Float[Tensor, "X P D"]:
        """What every expert makes of every place."""
        hidden_XPH = (x_PD @ self.into_XDH + self.into_bias_XH[:, None]).relu()
        return hidden_XPH @ self.out_XHD + self.out_bias_XD[:, None]

    def one(self, x_PD: Float[Tensor, "P D"], expert: int) -> Float[Tensor, "P D"]:
        """What one expert makes of every place."""
        hidden_PH = (x_PD @ self.into_XDH[expert] + self.into_bias_XH[expert]).relu()
        return hidden_PH @ self.out_XHD[expert] + self.out_bias_XD[expert]

    def together(self, x_PD: Float[Tensor, "P D"], share_PX: Float[Tensor, "P X"]) -> Float[Tensor, "P D"]:
        """All experts on all places, summed by their shares."""
        return (self.all(x_PD) * share_PX.T[..., None]).sum(0)

    def by_group(
        self, x_PD: Float[Tensor, "P D"], chosen_PK: Int[Tensor, "P K"], share_PK: Float[Tensor, "P K"]
    ) -> Float[Tensor, "P D"]:
        """Every expert on the places that chose it, summed by their shares."""
        y_PD = torch.zeros_like(x_PD)
        for expert in range(len(self.into_XDH)):
            place, rank = (chosen_PK == expert).nonzero(as_tuple=True)
            y_PD = y_PD.index_add(0, place, self.one(x_PD[place], expert) * share_PK[place, rank, None])
        return y_PD


class Experts(nn.Module):
    """The chosen experts' outputs, weighted by a softmax over their gates: (N, T, D) -> (N, T, D).

    Source: the sparsely gated mixture of Shazeer 2017. Differs: no noise and no loss that balances the
    experts; an exported graph runs all of them.
    """

    def __init__(self, size: int, config: ExpertsConfig) -> None:
        super().__init__()
        self.config = config
        self.gate = nn.Linear(size, config.experts, bias=False)
        self.weights = ExpertWeights(size, config.hidden, config.experts)

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the block."""
        x_PD = x_NTD.reshape(-1, x_NTD.shape[-1])
        gate_PX = self.gate(x_PD)
        gate_PK, chosen_PK = gate_PX.topk(self.config.chosen, dim=-1)
        share_PK = gate_PK.softmax(-1)
        if self.config.grouped and not torch.jit.is_tracing():
            y_PD = self.weights.by_group(x_PD, chosen_PK, share_PK)
        else:
            share_PX = torch.zeros_like(gate_PX).scatter(1, chosen_PK, share_PK)
            y_PD = self.weights.together(x_PD, share_PX)
        return y_PD.reshape(x_NTD.shape)


class FastFeedForward(nn.Module):
    """A binary tree of questions that leads to one small block: (N, T, D) -> (N, T, D).

    In training every leaf answers, weighted by the probability of its path; otherwise each place follows the
    more probable branches to one leaf.

    Source: fast feed-forward networks (Belcak and Wattenhofer 2023).
    """

    def __init__(self, size: int, config: FastConfig) -> None:
        super().__init__()
        self.config = config
        self.nodes = nn.Linear(size, 2**config.depth - 1)
        self.leaves = ExpertWeights(size, config.leaf, 2**config.depth)

    def path_shares(self, right_PQ: Float[Tensor, "P Q"]) -> Float[Tensor, "P X"]:
        """Probabilities of the leaves from those of going right at the nodes, level by level."""
        share = torch.ones_like(right_PQ[:, :1])
        for level in range(self.config.depth):
            right = right_PQ[:, 2**level - 1 : 2 ** (level + 1) - 1]
            share = torch.stack([share * (1 - right), share * right], dim=-1).flatten(1)
        return share

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the block."""
        x_PD = x_NTD.reshape(-1, x_NTD.shape[-1])
        right_PQ = self.nodes(x_PD).sigmoid()
        if self.training:
            y_PD = self.leaves.together(x_PD, self.path_shares(right_PQ))
        else:
            leaf_P = self.path_shares((right_PQ > 0.5).to(x_PD.dtype)).argmax(-1)
            if torch.jit.is_tracing():
                y_PD = self.leaves.together(x_PD, one_hot(leaf_P, 2**self.config.depth).to(x_PD.dtype))
            else:
                y_PD = self.leaves.by_group(x_PD, leaf_P[:, None], torch.ones_like(x_PD[:, :1]))
        return y_PD.reshape(x_NTD.shape)
