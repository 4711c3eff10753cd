"""Reads a model in bonito's layout: config.toml beside weights_N.tar, the weights after training epoch N."""

import re
from pathlib import Path

from lexome.checkpoint.ont import read_config, with_weights
from lexome.checkpoint.store import Checkpoint
from lexome.checkpoint.torch_file import read_torch_state
from lexome.core.errors import BadInputError

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
    foreign = {_without_prefix(name): tensor for name, tensor in read_torch_state(path).items()}
    return with_weights(checkpoint, renames, foreign, path)


def _without_prefix(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    return name.removeprefix("encoder.")
