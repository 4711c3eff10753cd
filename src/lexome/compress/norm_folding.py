"""Batch normalisations whose scale moves into the convolution before them; the shift stays where it is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lexome.core.errors import LexomeError

MAX_CHANGE = 1e-3  # of the largest output: rounding makes a hundredth of it


@dataclass
class _Made:
    """What a convolution gave out last; kept, so that no other tensor can be taken for it."""

    conv: nn.Module
    output: Tensor


@torch.no_grad()
def fold_scales(network: nn.Module, run: Callable[[], Tensor]) -> int:
    """Multiplies the weights of convolutions with the scale of the normalisation that follows.

    What is quantised then is what is multiplied with the signal, and each normalisation is left as a shift
    for every channel, whose own scale is 1 to the bit: no later folding takes a weight off its grid. No
    layer is removed, so that weights keep their names, whatever the architecture.

    Args:
        network: in evaluation mode; changed.
        run: runs it, the same way each time; gives its scores.

    Returns:
        How many normalisations were folded: those that are given what a convolution gave out.

    Raises:
        LexomeError: if the network gives other scores then, because something else looks at them too.
    """
    pairs, before = _pairs(network, run)
    for conv, norm in pairs:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        conv.weight.mul_(gain.view(-1, *(1,) * (conv.weight.dim() - 1)))
        norm.bias.sub_(norm.running_mean * gain)
        if conv.bias is not None:
            conv.bias.mul_(gain)
        norm.running_mean.zero_()
        norm.weight.fill_(1.0)
        norm.running_var.fill_(_variance_of_one(norm.eps))
    after = run() if pairs else before
    if not torch.allclose(before, after, rtol=0, atol=MAX_CHANGE * max(1.0, float(before.abs().max()))):
        raise LexomeError(
            "the batch normalisations of this network cannot be folded: their convolutions serve others, too"
        )
    return len(pairs)


def folded_norms(network: nn.Module) -> list[nn.BatchNorm1d]:
    """The normalisations that are shifts only."""
    return [
        norm
        for norm in network.modules()
        if isinstance(norm, nn.BatchNorm1d)
        and norm.running_var is not None
        and bool((norm.running_var == _variance_of_one(norm.eps)).all())
        and bool((norm.weight == 1).all())
    ]


def _pairs(
    network: nn.Module, run: Callable[[], Tensor]
) -> tuple[list[tuple[nn.Conv1d, nn.BatchNorm1d]], Tensor]:
    made: list[_Made] = []
    pairs: list[tuple[nn.Conv1d, nn.BatchNorm1d]] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        made.append(_Made(module, output))

    def look(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        source = next((m.conv for m in made if m.output is inputs[0]), None)
        if isinstance(source, nn.Conv1d) and isinstance(module, nn.BatchNorm1d):
            pairs.append((source, module))

    handles = [m.register_forward_hook(keep) for m in network.modules() if isinstance(m, nn.Conv1d)]
    handles += [
        m.register_forward_pre_hook(look)
        for m in network.modules()
        if isinstance(m, nn.BatchNorm1d) and m.running_var is not None and m.affine
    ]
    try:
        scores = run()
    finally:
        for handle in handles:
            handle.remove()
    convs, norms = [id(conv) for conv, _ in pairs], [id(norm) for _, norm in pairs]
    once = [p for p in pairs if convs.count(id(p[0])) == 1 and norms.count(id(p[1])) == 1]
    return once, scores


def _variance_of_one(eps: float) -> float:
    """The float32 variance that is 1 with `eps` added, in float32."""
    one, eps32 = np.float32(1), np.float32(eps)
    variance = np.float32(one - eps32)
    while np.float32(variance + eps32) != one:
        variance = np.nextafter(variance, one, dtype=np.float32)
    return float(variance)
