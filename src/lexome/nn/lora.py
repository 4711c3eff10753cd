"""Low-rank adapters of linear layers: W + scale * B A, where only A and B learn.

Shapes: I features in, O features out, R the rank.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

# The linear layers of DNABERT-2's encoder; pooler and heads have a `dense` too, but learn as a whole.
TARGETS = ("attention.self.Wqkv", "attention.output.dense", "mlp.gated_layers", "mlp.wo")
ENBED_TARGETS = (*(f"attention.{name}" for name in ("q", "k", "v", "out")), "mlp.gated_layers", "mlp.wo")


@dataclass(frozen=True)
class LoraConfig:
    """Which layers are adapted, and how.

    Attributes:
        rank: R.
        alpha: the scale is alpha / rank.
        dropout: part of an adapter's input dropped in training.
        targets: ends of the names of the layers, whole parts between dots; none: the usual ones of the
            network (`TARGETS`, or `ENBED_TARGETS` where layers have these names).
    """

    rank: int = 8
    alpha: float = 32.0
    dropout: float = 0.05
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rank < 1 or not self.alpha > 0 or not 0 <= self.dropout < 1:
            raise ValueError("rank and alpha must be positive, dropout at least 0 and below 1")
        if not all(self.targets):
            raise ValueError("targets needs names of layers, not an empty one")


class LoraLinear(nn.Module):
    """A frozen linear layer and its adapter: (..., I) -> (..., O). A new adapter changes nothing.

    Args:
        linear: the layer; it is kept, not copied, and does not learn any more.
        config: rank, scale and dropout.

    Source: LoRA (Hu 2021); initial weights as PEFT draws them.
    """

    def __init__(self, linear: nn.Linear, config: LoraConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = linear.requires_grad_(False)
        self.dropout = nn.Dropout(config.dropout)
        like = {"device": linear.weight.device, "dtype": linear.weight.dtype}
        self.lora_A = nn.Linear(linear.in_features, config.rank, bias=False, **like)
        self.lora_B = nn.Linear(config.rank, linear.out_features, bias=False, **like)
        nn.init.kaiming_uniform_(self.lora_A.weight, a=5**0.5)
        nn.init.zeros_(self.lora_B.weight)
        self.train(linear.training)

    def forward(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        """Applies both."""
        scale = self.config.alpha / self.config.rank
        return self.linear(x) + scale * self.lora_B(self.lora_A(self.dropout(x)))

    @torch.no_grad()
    def merged_weight(self) -> Float[Tensor, "O I"]:
        """The weights that the layer would have without its adapter to do the same."""
        scale = self.config.alpha / self.config.rank
        return self.linear.weight + scale * (self.lora_B.weight @ self.lora_A.weight)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The layer with the adapter added to its weights, which change in place; it learns again."""
        self.linear.weight.copy_(self.merged_weight())
        return self.linear.requires_grad_(True)


def add_adapters(network: nn.Module, config: LoraConfig, among: Iterable[str] = ("encoder",)) -> list[str]:
    """Gives linear layers adapters, in place, and freezes the modules that hold them.

    Args:
        network: what is to be adapted.
        config: which layers, and how.
        among: names of the network's modules in which layers are looked for and which are frozen.

    Returns:
        The names of the adapted layers.

    Raises:
        ValueError: if a target is the name of no linear layer, or a layer has an adapter already.
    """
    among = list(among)
    targets = config.targets or _usual_targets(network, among)
    found: dict[str, list[str]] = {target: [] for target in targets}
    for module in among:
        network.get_submodule(module).requires_grad_(False)
        for name, layer in network.get_submodule(module).named_modules(prefix=module):
            if isinstance(layer, LoraLinear):
                raise ValueError(f"layer {name} has an adapter already")
            for target in targets:
                if isinstance(layer, nn.Linear) and re.search(rf"(^|\.){re.escape(target)}$", name):
                    found[target].append(name)
    if missing := [target for target, names in found.items() if not names]:
        raise ValueError(f"no linear layer is called {', '.join(missing)}")
    names = sorted({name for names in found.values() for name in names})
    for name in names:
        layer = network.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        network.set_submodule(name, LoraLinear(layer, config))
    return names


def _usual_targets(network: nn.Module, among: Iterable[str]) -> tuple[str, ...]:
    names = [name for module in among for name, _ in network.get_submodule(module).named_modules()]
    is_enbed = any(name.endswith(f".{ENBED_TARGETS[0]}") for name in names)
    return ENBED_TARGETS if is_enbed else TARGETS


def adapters(network: nn.Module) -> Iterator[tuple[str, LoraLinear]]:
    """The adapted layers of a network, with their names."""
    for name, module in network.named_modules():
        if isinstance(module, LoraLinear):
            yield name, module


def merge_adapters(network: nn.Module) -> int:
    """Adds all adapters to the weights of their layers, in place; all of the network learns again.

    Returns:
        How many there were.
    """
    layers = list(adapters(network))
    for name, layer in layers:
        network.set_submodule(name, layer.merged())
    if layers:
        network.requires_grad_(True)
    return len(layers)
