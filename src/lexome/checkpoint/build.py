"""Between checkpoints and torch networks, both ways and strictly."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from lexome.checkpoint.packing import FLOAT, STEP, read_quantization
from lexome.checkpoint.store import Checkpoint
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError
from lexome.io.signal_checks import first_line
from lexome.models.registry import new_language_network, new_network
from lexome.nn.fake_quant import InputRounding
from lexome.nn.language import LanguageNetwork
from lexome.nn.network import Network

M = TypeVar("M", bound=nn.Module)
LANGUAGE_TASK = "language"
LISTED = 5
MAX_STRIDE = 1000  # samples per step before any upsampling; what is tried out with a network grows with it


def build_network(checkpoint: Checkpoint) -> Network:
    """Builds the network of a checkpoint with its weights, in evaluation mode on the CPU.

    Nothing is allocated from the configuration: the layers are first made without storage and their shapes
    are compared with the weights.

    Raises:
        UsageError: for an unknown architecture or head, or a wrong configuration.
        BadInputError: if weights are missing, superfluous or of another shape; the message names them.
    """
    network = _on_meta(checkpoint, new_network)
    if network.chunk_multiple > MAX_STRIDE:
        raise BadInputError(
            f"model {checkpoint.name}: steps of {network.chunk_multiple} samples are too long; "
            f"at most {MAX_STRIDE} make sense"
        )
    return _filled(network, checkpoint)


def build_language_network(checkpoint: Checkpoint) -> LanguageNetwork:
    """Builds the network of a language model's checkpoint, as `build_network` does for signal and reads.

    Raises:
        UsageError: for an unknown architecture or head, or a wrong configuration.
        BadInputError: if weights are missing, superfluous or of another shape; the message names them.
    """
    return _filled(_on_meta(checkpoint, new_language_network), checkpoint)


def build_any_network(checkpoint: Checkpoint) -> Network | LanguageNetwork:
    """Builds the network of a checkpoint, whatever it is for."""
    return (build_language_network if checkpoint.task == LANGUAGE_TASK else build_network)(checkpoint)


def _on_meta(checkpoint: Checkpoint, new: Callable[[Mapping[str, Any], Mapping[str, Any]], M]) -> M:
    """A network without storage."""
    try:
        with torch.device("meta"):
            return new(to_dict(checkpoint.architecture), to_dict(checkpoint.head))
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:  # sizes beyond any machine's
        raise BadInputError(
            f"model {checkpoint.name}: its layers cannot be made ({first_line(error)})"
        ) from error


def _filled(network: M, checkpoint: Checkpoint) -> M:
    """A network without storage, given the weights of its checkpoint, in evaluation mode."""
    expected = network.state_dict()
    what = f"model {checkpoint.name}"
    given = without_steps(checkpoint)
    _refuse(what, "are missing", expected.keys() - given.keys())
    _refuse(what, "belong to no layer", given.keys() - expected.keys())
    _refuse(
        what,
        "have another shape than their layer",
        (
            f"{name} {given[name].shape} (layer: {tuple(tensor.shape)})"
            for name, tensor in expected.items()
            if tuple(tensor.shape) != given[name].shape
        ),
    )
    weights = {name: torch.from_numpy(np.array(w)) for name, w in given.items()}
    network.load_state_dict(
        {n: w.to(expected[n].dtype) for n, w in weights.items()}, strict=True, assign=True
    )
    _round_inputs(network, checkpoint)
    return network.eval()


def _round_inputs(network: nn.Module, checkpoint: Checkpoint) -> None:
    """Has the inputs of quantised layers rounded; their weights are on their grids already."""
    what = f"model {checkpoint.name}"
    quantization, modules = read_quantization(checkpoint.quantization, what), dict(network.named_modules())
    _refuse(what, "are said to be quantised and are no layers", quantization.layers.keys() - modules.keys())
    for name in quantization.layers:
        layer = quantization.layer(name)
        if layer.activation_bits != FLOAT:
            step, zero = torch.tensor(layer.input_step), torch.tensor(layer.input_zero)
            modules[name].register_forward_pre_hook(InputRounding(step, zero, layer.activation_bits))


def without_steps(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """The weights that belong to layers: without the steps of those that are quantised."""
    if checkpoint.quantization is None:
        return checkpoint.weights
    return {name: w for name, w in checkpoint.weights.items() if not name.endswith(f".{STEP}")}


def take_weights(network: nn.Module, model: Checkpoint, prefix: str = "") -> bool:
    """Gives a network the weights of a model with the same layers, all or those whose names have a prefix.

    Returns:
        Whether the layers are the same; if not, nothing is changed.
    """
    own = {n: tuple(t.shape) for n, t in network.state_dict().items() if n.startswith(prefix)}
    given = {n: w for n, w in without_steps(model).items() if n.startswith(prefix)}
    if own != {name: weight.shape for name, weight in given.items()}:
        return False
    network.load_state_dict({n: torch.from_numpy(np.array(w)) for n, w in given.items()}, strict=False)
    return True


def weights_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Copies of all parameters and buffers, ready for a `Checkpoint`."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def _refuse(what: str, complaint: str, names: Iterable[str]) -> None:
    names = sorted(names)
    if names:
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        raise BadInputError(f"{what}: these weights {complaint}: {', '.join(names[:LISTED])}{more}")
