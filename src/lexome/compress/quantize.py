"""A network with its layers on grids of few bits: which grids, and what is written of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.packing import STEP, Quantization, QuantizedLayer
from lexome.compress.norm_folding import fold_scales, folded_norms
from lexome.compress.quantize_config import Bits, QuantizeConfig, bits_of_layers
from lexome.compress.ranges import SAMPLED, Seen, input_steps, weight_steps
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.nn.fake_quant import (
    FLOAT,
    InputRounding,
    is_number,
    rounded_layers,
    rounded_weight,
)

INPUT = "input"  # names the grid of what goes into a layer, among those of its weights


class LayerGrids(nn.Module):
    """The grids of one layer: a step for every channel of its weights, step and zero of what goes in.

    Steps that are learnt are so by the logarithm of what they are multiplied with: they stay above 0, and one
    learning rate fits small and large ones.
    """

    def __init__(
        self, bits: Bits, steps: Mapping[str, Tensor], grid: tuple[float, float], learn: bool
    ) -> None:
        super().__init__()
        self.weight_bits, self.input_bits = bits
        self.weights = tuple(steps)
        self.factors = nn.ParameterDict()
        for name, step_C in {**steps, **({INPUT: torch.tensor(grid[0])} if bits[1] != FLOAT else {})}.items():
            self.register_buffer(f"step_{name}", step_C.clone())
            if learn:
                self.factors[name] = nn.Parameter(torch.zeros_like(step_C))
        self.register_buffer("zero", torch.tensor(grid[1]))

    def step(self, name: str) -> Tensor:
        """The steps of a weight, or of what goes in (`INPUT`)."""
        step = self.get_buffer(f"step_{name}")
        return step * self.factors[name].exp() if name in self.factors else step

    def rounding(self) -> InputRounding:
        """What rounds the layer's input."""
        return InputRounding(self.step(INPUT), self.get_buffer("zero"), self.input_bits)


class Quantised(nn.Module):
    """A network whose layers can be put on their grids; within `in_effect` they are.

    Args:
        network: its weights stay float32; batch normalisations are folded already.
        grids: by module name.
    """

    def __init__(self, network: nn.Module, grids: Mapping[str, LayerGrids]) -> None:
        super().__init__()
        self.network = network
        self.names = list(grids)
        self.grids = nn.ModuleList(grids.values())
        self.norms = tuple(folded_norms(network))
        for norm in self.norms:
            norm.weight.requires_grad_(False)

    def layers(self) -> Iterator[tuple[str, nn.Module, LayerGrids]]:
        """Every layer with its name and its grids."""
        modules = dict(self.network.named_modules())
        for name, grids in zip(self.names, self.grids, strict=True):
            assert isinstance(grids, LayerGrids)
            yield name, modules[name], grids

    @contextmanager
    def in_effect(self) -> Iterator[nn.Module]:
        """The network with rounded weights and inputs, as long as the block lasts.

        Its folded normalisations keep the statistics that were folded, in training, too.
        """
        undo: list[Callable[[], object]] = []
        for norm in self.norms:
            norm.eval()
        try:
            for _, module, grids in self.layers():
                if grids.weights:
                    undo.append(_replace(module, _rounded(module, grids)))
                if grids.input_bits != FLOAT:
                    undo.append(module.register_forward_pre_hook(grids.rounding()).remove)
            yield self.network
        finally:
            for action in reversed(undo):
                action()

    def forward(self, *inputs: Tensor) -> Tensor:
        """The scores of the quantised network."""
        with self.in_effect() as network:
            return network(*inputs)

    def record(self, config: QuantizeConfig) -> dict[str, Any]:
        """The field `quantization` of its checkpoint."""
        layers = {}
        for name, module, grids in self.layers():
            shapes = {n: list(getattr(module, n).shape) for n in grids.weights}
            grid = (1.0, 0.0)
            if grids.input_bits != FLOAT:
                grid = float(grids.step(INPUT).detach()), float(grids.get_buffer("zero"))
            layers[name] = to_dict(QuantizedLayer(grids.weight_bits, grids.input_bits, shapes, *grid))
        return to_dict(Quantization(config.engine, config.ranges, layers))

    @torch.no_grad()
    def weights(self) -> dict[str, Any]:
        """The weights of a checkpoint: on their grids, with the steps of these."""
        result = weights_of(self.network)
        for name, module, grids in self.layers():
            for weight, rounded in _rounded(module, grids).items():
                result[f"{name}.{weight}"] = rounded.cpu().numpy().copy()
                result[f"{name}.{weight}.{STEP}"] = grids.step(weight).cpu().numpy().copy()
        return result


def _rounded(module: nn.Module, grids: LayerGrids) -> dict[str, Tensor]:
    """A layer's weights on their grids."""
    return {n: rounded_weight(getattr(module, n), grids.step(n), grids.weight_bits) for n in grids.weights}


def _replace(module: nn.Module, tensors: Mapping[str, Tensor]) -> Callable[[], object]:
    """Puts other tensors in the place of a module's parameters; gives back what undoes it."""
    own = {name: module._parameters[name] for name in tensors}
    flat = getattr(module, "_flat_weights", None)

    def undo() -> None:
        module._parameters.update(own)
        if flat is not None:
            module._flat_weights = flat  # type: ignore[assignment]

    module._parameters.update(tensors)  # type: ignore[arg-type]
    if flat is not None:  # what torch's recurrent layers really look at
        names: Any = module._flat_weights_names
        module._flat_weights = [tensors.get(n, w) for n, w in zip(names, flat, strict=True)]  # type: ignore[assignment]
    return undo


@dataclass(frozen=True)
class Calibration:
    """What a network was seen to do: its layers in the order in which they ran, and what went into them."""

    order: tuple[str, ...]
    seen: Mapping[str, Seen]


@torch.no_grad()
def calibrate(network: nn.Module, inputs: Iterable[Tensor], batches: int) -> Calibration:
    """Folds a network's batch normalisations, and runs it over some batches to see what goes into its layers.

    Args:
        network: its normalisations are changed; it is left in evaluation mode.
        inputs: batches.
        batches: how many are looked at.

    Returns:
        Their ranges. A layer whose weights are used without its being called has none.
    """
    network.eval()
    data = [batch for batch, _ in zip(inputs, range(batches), strict=False)]
    if not data:
        raise UsageError("there is nothing to calibrate with")
    fold_scales(network, lambda: network(data[0]))
    layers, modules = rounded_layers(network), dict(network.named_modules())
    seen: dict[str, Seen] = {}

    def look(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            if args and is_number(args[0]):
                seen.setdefault(name, Seen(max(1, SAMPLED // len(data)))).add(args[0])

        return hook

    handles = [modules[name].register_forward_pre_hook(look(name)) for name in layers]
    try:
        for batch in data:
            network(batch)
    finally:
        for handle in handles:
            handle.remove()
    return Calibration((*seen, *(name for name in layers if name not in seen)), seen)


def quantised(
    network: nn.Module, config: QuantizeConfig, found: Calibration, *, learn: bool = False
) -> Quantised:
    """A network with grids for its layers.

    Args:
        network: as `calibrate` left it.
        config: which bits.
        found: by `calibrate`.
        learn: the steps are parameters that are trained.

    Raises:
        UsageError: for a network without layers to quantise, or a pattern that fits none.
    """
    layers, modules = rounded_layers(network), dict(network.named_modules())
    if not layers:
        raise UsageError("this network has no layer that can be quantised")
    grids: dict[str, LayerGrids] = {}
    for name, (weight_bits, input_bits) in bits_of_layers(config, list(found.order)).items():
        steps: dict[str, Tensor] = {}
        if weight_bits != FLOAT:
            steps = {
                n: weight_steps(
                    getattr(modules[name], n).flatten(1), weight_bits, config.ranges, config.percentile
                )
                for n in layers[name]
            }
        grid = (1.0, 0.0)
        if input_bits != FLOAT and name in found.seen:
            grid = input_steps(found.seen[name], input_bits, config.ranges, config.percentile)
        elif input_bits != FLOAT:
            input_bits = FLOAT  # its weights are used by others; it never runs by itself
        grids[name] = LayerGrids((weight_bits, input_bits), steps, grid, learn)
    return Quantised(network, grids)
