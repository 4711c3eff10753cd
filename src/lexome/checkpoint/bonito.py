"""Reads a model in bonito's layout: config.toml beside weights_N.tar, the weights after training epoch N."""

import re
from pathlib import Path

import numpy as np

from lexome.checkpoint.ont import read_config, with_weights
from lexome.checkpoint.store import MAX_WEIGHTS_BYTES, Checkpoint
from lexome.core.errors import BadInputError
from lexome.io.signal_checks import first_line

WRAPPERS = ("module.", "_orig_mod.")  # left by data-parallel training and by compilation


def read_bonito(folder: Path) -> Checkpoint:
    """Reads config.toml and the weights of the latest epoch (the highest N).

    The file is read with torch's loader for plain tensors; nothing in it is executed.

    Raises:
        BadInputError: if the model is not supported or its weights do not fit it; the message names what.
    """
    checkpoint, renames = read_config(folder, "bonito")
    epochs = {
        int(match[1]): path
        for path in folder.glob("weights_*.tar")
        if (match := re.fullmatch(r"weights_(\d+)\.tar", path.name))
    }
    if not epochs:
        raise BadInputError(f"{folder}: no weights_N.tar with a number N")
    path = epochs[max(epochs)]
    foreign = {_without_prefix(name): tensor for name, tensor in _read_state(path).items()}
    return with_weights(checkpoint, renames, foreign, path)


def _read_state(path: Path) -> dict[str, np.ndarray]:
    import torch  # only here: a checkpoint of our own needs no torch

    if path.stat().st_size > MAX_WEIGHTS_BYTES:
        raise BadInputError(f"{path}: too large for a model")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # its unpickler raises whatever damaged bytes lead to
        raise BadInputError(f"{path}: not a file of plain weights ({first_line(error)})") from error
    if not isinstance(state, dict) or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise BadInputError(f"{path}: holds something else than named tensors")
    return {
        str(name): (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        for name, tensor in state.items()
    }


def _without_prefix(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    return name.removeprefix("encoder.")
