"""A wider network that computes what a narrow one does, to go on training with more room.

Legend: O outputs and I inputs of a layer, in the wide network.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

LAYERS = (nn.Conv1d, nn.BatchNorm1d, nn.LSTM, nn.GRU, nn.RNN, nn.Linear)
NOISE = 0.05


@torch.no_grad()
def widen(narrow: nn.Module, wide: nn.Module, *, seed: int, noise: float = NOISE) -> None:
    """Fills a wide network with the weights of a narrow one, a chain of the same layers with fewer outputs.

    A layer's further outputs are copies of its own, drawn at random; the next layer's weights for an output
    are shared out among its copies. So the wide network's outputs would be the narrow one's, but copies would
    stay alike for ever: the weights of each copy get a little noise.

    Source: Net2Net's wider networks (Chen, Goodfellow, Shlens 2016). Differs: recurrent layers too, whose
    state is an input of their own.

    Args:
        narrow: convolutions, batch normalisations, recurrent and linear layers, each fed by the one before;
            what has no weights does not matter if it works on each feature by itself.
        wide: its weights are replaced.
        seed: of copies and noise.
        noise: standard deviation of what is added to a copy's weights, in standard deviations of the weights.

    Raises:
        ValueError: if a layer of the wide network is narrower, or another one; if there is a layer that
            cannot be widened, or the last one has more outputs.
    """
    generator = torch.Generator().manual_seed(seed)
    pairs = list(_pairs(narrow, wide))
    source_I = torch.arange(next(iter(pairs[0][0].parameters())).shape[1])
    for old, new in pairs:
        source_O = source_I
        if not isinstance(old, nn.BatchNorm1d):
            source_O = _copies(_outputs(old), _outputs(new), generator)
        _fill(old, new, source_I, source_O, noise, generator)
        source_I = source_O
    if len(source_I) != _outputs(pairs[-1][0]):
        raise ValueError("the last layer has more outputs than that of the narrow network")


def _pairs(narrow: nn.Module, wide: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    old_layers, new_layers = (
        [layer for layer in network.modules() if next(layer.parameters(recurse=False), None) is not None]
        for network in (narrow, wide)
    )
    if len(old_layers) != len(new_layers):
        raise ValueError("the networks have not the same number of layers")
    for old, new in zip(old_layers, new_layers, strict=True):
        if type(old) is not type(new) or not isinstance(old, LAYERS):
            raise ValueError(f"a {type(old).__name__} cannot become a {type(new).__name__}")
        if [p.dim() for p in old.parameters()] != [p.dim() for p in new.parameters()]:
            raise ValueError(f"one {type(old).__name__} has a bias or layers that the other one has not")
        yield old, new


def _outputs(layer: nn.Module) -> int:
    if isinstance(layer, nn.RNNBase):
        return layer.hidden_size
    return next(layer.parameters()).shape[0]


def _copies(old: int, new: int, generator: torch.Generator) -> Tensor:
    """For each output of the wide layer the narrow layer's that it is, or is a copy of."""
    if new < old:
        raise ValueError(f"a layer of {old} outputs cannot become one of {new}")
    return torch.cat([torch.arange(old), torch.randint(old, (new - old,), generator=generator)])


def _fill(
    old: nn.Module, new: nn.Module, source_I: Tensor, source_O: Tensor, noise: float,
    generator: torch.Generator,
) -> None:  # fmt: skip
    copied = torch.arange(len(source_O)) >= _outputs(old)
    gates = next(old.parameters()).shape[0] // _outputs(old)  # 1 but for LSTM (4) and GRU (3)
    is_copy = copied.repeat(gates)
    rows = torch.cat([source_O + gate * _outputs(old) for gate in range(gates)])
    tensors = dict(new.named_parameters()) | dict(new.named_buffers())
    for name, tensor in (dict(old.named_parameters()) | dict(old.named_buffers())).items():
        if tensor.dim() == 0:  # a count of batches
            tensors[name].copy_(tensor)
            continue
        made = tensor[rows]
        if tensor.dim() > 1:
            source = source_O if name.startswith("weight_hh") else source_I
            if tensor.shape[1] != int(source.max()) + 1 or tensors[name].shape[1] != len(source):
                raise ValueError("a layer is not fed by the one before it")
            shared = torch.bincount(source).to(tensor.dtype)
            made = (made[:, source].transpose(1, -1) / shared[source]).transpose(1, -1)
            drawn = torch.randn(made.shape, generator=generator) * made.std() * noise
            made = torch.where(is_copy.view(-1, *[1] * (made.dim() - 1)), made + drawn, made)
        if made.shape != tensors[name].shape:
            raise ValueError(f"{name} of {tuple(made.shape)} cannot fill {tuple(tensors[name].shape)}")
        tensors[name].copy_(made)
