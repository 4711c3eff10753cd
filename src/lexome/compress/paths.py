"""Which options of a super-network's choices run: one path, two that are compared, or a mixture of all.

Source: ProxylessNAS (Cai et al. 2019), section 3.2: one path at a time while the weights are trained; for a
step of the architecture two are drawn, only one of which gives the output, and the gradient of the loss by
the two gates moves the two architecture parameters; all other options keep their probabilities. DARTS (Liu et
al. 2019): the mixture. What differs: a pair's gradient is weighed by how often the pair is drawn, so that the
mean over pairs is the gradient that all paths together would give (the paper's is of the same sign, and
depends on the number of options).

Shapes: O options.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lexome.compress.space import Slot

LEAST_PROBABILITY = 1e-6  # two options can always be drawn


@dataclass(frozen=True)
class Part:
    """An option that runs.

    Attributes:
        option: which one.
        gate: what its output is multiplied with; None: it is the only one.
    """

    option: int
    gate: Tensor | None = None


Parts = Mapping[str, Sequence[Part]]  # of every slot


class ArchitectureParameters(nn.Module):
    """A number for every option of every choice; the softmax of a choice's numbers are its probabilities.

    Slots of one option have none.
    """

    def __init__(self, slots: Sequence[Slot]) -> None:
        super().__init__()
        self.fixed = tuple(slot.name for slot in slots if len(slot.options) == 1)
        self.names = tuple(slot.name for slot in slots if len(slot.options) > 1)
        sizes = [len(slot.options) for slot in slots if len(slot.options) > 1]
        self.alphas = nn.ParameterList([nn.Parameter(torch.zeros(size)) for size in sizes])
        # the pair that a step moves, and the logarithm of what the two had before: see `settle`
        self.pair_S2: Tensor
        self.before_S: Tensor
        self.register_buffer("pair_S2", torch.full((len(sizes), 2), -1))
        self.register_buffer("before_S", torch.zeros(len(sizes)))

    def probabilities(self) -> dict[str, Tensor]:
        """Of the options of every choice, with gradients."""
        return {name: alpha.softmax(0) for name, alpha in zip(self.names, self.alphas, strict=True)}

    def shares(self) -> dict[str, Tensor]:
        """Of the options of every choice, settled, without gradients, at least `LEAST_PROBABILITY`."""
        self.settle()
        return {name: _safe(p.detach()) for name, p in self.probabilities().items()}

    def likeliest(self) -> dict[str, int]:
        """The most probable option of every choice, those of one option included."""
        self.settle()
        chosen = {n: int(alpha.argmax()) for n, alpha in zip(self.names, self.alphas, strict=True)}
        return {**dict.fromkeys(self.fixed, 0), **chosen}

    def only(self, choices: Mapping[str, int]) -> Parts:
        """One path."""
        return {name: (Part(option),) for name, option in choices.items()}

    def one_path(self) -> Parts:
        """A path drawn by its probability, with torch's global generator."""
        self.settle()
        drawn = {
            name: int(torch.multinomial(_safe(alpha.detach().softmax(0)), 1))
            for name, alpha in zip(self.names, self.alphas, strict=True)
        }
        return self.only({**dict.fromkeys(self.fixed, 0), **drawn})

    def mixture(self) -> tuple[Parts, dict[str, Tensor]]:
        """All options with their probabilities as gates, and these."""
        probabilities = self.probabilities()
        parts: dict[str, Sequence[Part]] = {name: (Part(0),) for name in self.fixed}
        for name, p_O in probabilities.items():
            parts[name] = tuple(Part(option, gate) for option, gate in enumerate(p_O.unbind()))
        return parts, probabilities

    def two_paths(self) -> tuple[Parts, dict[str, Tensor]]:
        """Two options of every choice, one with gate 1 and one with gate 0, drawn with the global generator.

        Returns:
            The parts, and the probabilities; in the values of both no architecture parameter is, in their
            gradients those of the pair, so that the mean gradient over pairs is that by all options.
        """
        self.settle()
        parts: dict[str, Sequence[Part]] = {name: (Part(0),) for name in self.fixed}
        probabilities = {}
        for n, (name, alpha_O) in enumerate(zip(self.names, self.alphas, strict=True)):
            p_O = _safe(alpha_O.detach().softmax(0))
            pair = torch.multinomial(p_O, 2)
            active = int(torch.multinomial(p_O[pair], 1))
            self.pair_S2[n], self.before_S[n] = pair, alpha_O.detach()[pair].logsumexp(0)
            a, b = pair.tolist()
            move = pair_move(alpha_O, p_O, a, b)
            gates = torch.eye(2, device=alpha_O.device)[active] + torch.stack([move, -move])
            parts[name] = (Part(a, gates[0]), Part(b, gates[1]))
            probabilities[name] = p_O.index_add(0, pair.to(p_O.device), torch.stack([move, -move]))
        return parts, probabilities

    @torch.no_grad()
    def settle(self) -> None:
        """After a step of the pairs: gives the two of each pair, together, the probability they had before.

        The optimiser scales the steps of the two by themselves; without this the others would lose or gain.
        """
        for n, alpha_O in enumerate(self.alphas):
            if int(self.pair_S2[n, 0]) >= 0:
                pair = self.pair_S2[n]
                alpha_O[pair] -= alpha_O[pair].logsumexp(0) - self.before_S[n]
        self.pair_S2.fill_(-1)


def pair_move(alpha_O: Tensor, p_O: Tensor, a: int, b: int) -> Tensor:
    """Zero, whose gradient moves a pair against each other.

    With d the derivative of a loss by the gates, the exact gradient of its mean by alpha i is the sum over j
    of p_i p_j (d_i - d_j). A pair is drawn with probability p_a p_b (1 / (1 - p_a) + 1 / (1 - p_b)); its
    share of the sum, divided by that, is (d_a - d_b) times the factor here.
    """
    left_a, left_b = 1 - p_O[a], 1 - p_O[b]
    difference = alpha_O[a] - alpha_O[b]
    return left_a * left_b / (left_a + left_b) * (difference - difference.detach())


def _safe(p_O: Tensor) -> Tensor:
    p_O = p_O.clamp_min(LEAST_PROBABILITY)
    return p_O / p_O.sum()
