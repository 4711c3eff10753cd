"""Unfreezing an encoder gradually: first the head learns alone, then one more layer at a time, from the top.

Which layers learn is a number in the network's state, so a training that was stopped goes on with the same
ones. The optimiser knows all parameters from the beginning and skips those without a gradient: what has
learnt for a while keeps its means when a layer joins.

Source: ENBED (2.4.2), which does not say when a layer joins; ULMFiT (Howard 2018) adds one per epoch.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from lexome.core.errors import UsageError
from lexome.nn.language import LanguageNetwork
from lexome.tasks.language.infer import LayeredEncoder

NAME = "thaw"  # of the part of the network that counts


class Thaw(nn.Module):
    """Counts the parts of an encoder that learn, from the top.

    Each layer is a part; the pooler belongs to the highest one. The last part is all that is in no layer: the
    vectors of the tokens, and what layers share.

    Raises:
        UsageError: if the encoder does not show its layers.
    """

    unfrozen: Tensor

    def __init__(self, network: LanguageNetwork) -> None:
        super().__init__()
        encoder = network.encoder
        if not isinstance(encoder, LayeredEncoder):
            raise UsageError(f"{type(encoder).__name__} does not show its layers, which could be unfrozen")
        parts = [list(layer.parameters()) for layer in reversed(list(encoder.encoder.layer))]
        if parts and network.tokens.pooler is not None:
            parts[0] += list(network.tokens.pooler.parameters())
        in_layers = {id(parameter) for part in parts for parameter in part}
        parts.append([p for p in network.encoder.parameters() if id(p) not in in_layers])
        self.register_buffer("unfrozen", torch.tensor(0))
        self._parts, self._set = parts, -1
        self.set_up()

    @property
    def num_parts(self) -> int:
        """How many there are."""
        return len(self._parts)

    def set_up(self) -> None:
        """Lets those parts learn that the number says, which a resumed training has just read."""
        unfrozen = int(self.unfrozen)
        if unfrozen != self._set:
            for number, part in enumerate(self._parts):
                for parameter in part:
                    parameter.requires_grad_(number < unfrozen)
            self._set = unfrozen

    def unfreeze_next(self) -> None:
        """Lets one part more learn, if there is one."""
        self.unfrozen.fill_(min(int(self.unfrozen) + 1, self.num_parts))
        self.set_up()


def begin_frozen(network: LanguageNetwork) -> None:
    """Freezes the encoder of a network, which gets a `Thaw`.

    Raises:
        UsageError: see there.
    """
    network.add_module(NAME, Thaw(network))


def thaw_of(network: nn.Module) -> Thaw:
    """That of a network."""
    found = network.get_submodule(NAME)
    assert isinstance(found, Thaw)
    return found


def told_of(num_layers: int, validations: int) -> str:
    """In words, how much of an encoder learns in a training with so many validations before its end."""
    parts = num_layers + 1
    few = "" if validations >= parts else "; more epochs let the others learn, too"
    return (
        f"unfrozen gradually: {min(validations, parts)} of the {parts} parts of the encoder will learn{few}"
    )


def without_thaw(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights that belong to the model."""
    return {name: weight for name, weight in weights.items() if not name.startswith(f"{NAME}.")}
