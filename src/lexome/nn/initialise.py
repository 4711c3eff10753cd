"""Initial weights that keep activations alive in a deep stack. Shapes: N batch, C channels, S samples."""

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.conv import ConvBlock
from lexome.nn.recurrent import RecurrentLayer
from lexome.nn.scorer import CrfScorer
from lexome.nn.transformer import TransformerLayer

MIN_STD = 1e-8


@torch.no_grad()
def scale_to_data(network: nn.Module, signal_NCS: Float[torch.Tensor, "N C S"]) -> dict[str, float]:
    """Scales the weights of a new network, layer after layer, so that signal neither fades nor explodes.

    Every convolution and linear layer is scaled to outputs of standard deviation one (before its activation),
    the input weights of every recurrent layer likewise (their share of the gates' input), the linear layer of
    a CRF so that its scores have it; the layers of a transformer keep the weights that they make themselves.
    Only products with the input are scaled; biases are left alone. Batch normalisations work as in training,
    and their statistics take in the batch. Call it once, before the first step; a batch of a few dozen chunks
    is plenty.

    Source: layer-sequential unit-variance initialisation (Mishkin and Matas, 2016). Differs: one pass, the
    target is the gates of a recurrent layer instead of its output, and the layers make the orthogonal start
    themselves.

    Args:
        network: its parameters are changed in place.
        signal_NCS: normalised signal of the kind the network is to be trained on.

    Returns:
        The factor applied to each layer, by module name.

    Raises:
        ValueError: if a layer's output does not vary at all.
    """
    factors: dict[str, float] = {}
    inside_scorers = {id(m.linear) for m in network.modules() if isinstance(m, CrfScorer)}
    # their sums are normalised, and what is added in them starts as small as it should
    inside_layers = {
        id(part) for m in network.modules() if isinstance(m, TransformerLayer) for part in m.modules()
    }
    inside_layers |= {id(m.down) for m in network.modules() if isinstance(m, RecurrentLayer)}
    handles = [
        module.register_forward_pre_hook(_scaling_hook(name, factors))
        for name, module in network.named_modules()
        if isinstance(module, ConvBlock | RecurrentLayer | CrfScorer | nn.Linear)
        and id(module) not in inside_scorers | inside_layers
    ]
    was_training = network.training
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):  # its first statistics are nobody's: it is to use the batch's
            module.train()
    try:
        network(signal_NCS)
    finally:
        for handle in handles:
            handle.remove()
        network.train(was_training)
    return factors


def _scaling_hook(name: str, factors: dict[str, float]):
    def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        (x,) = inputs
        if isinstance(module, ConvBlock):
            weight = module.conv.weight
            std = nn.functional.conv1d(
                x, weight, stride=module.conv.stride, padding=module.conv.padding
            ).std()
        else:
            weight = _input_weight(module)
            if isinstance(module, RecurrentLayer):
                x = module.narrowed(x)
            std = (x @ weight.T).std()
        target = (
            1.0 / module.config.scale if isinstance(module, CrfScorer) else 1.0
        )  # a small tanh is its argument
        if not float(std) > MIN_STD:
            raise ValueError(f"cannot scale layer {name}: its output does not vary over the given signal")
        factors[name] = target / float(std)
        weight.mul_(factors[name])

    return hook


def _input_weight(module: nn.Module) -> torch.Tensor:
    match module:
        case RecurrentLayer():
            return module.rnn.get_parameter("weight_ih_l0")
        case CrfScorer():
            return module.linear.weight
        case nn.Linear():
            return module.weight
        case _:
            raise TypeError(f"no rule for scaling {type(module).__name__}")
