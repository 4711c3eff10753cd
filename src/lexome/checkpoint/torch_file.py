"""Reads weights that torch saved, as plain tensors; nothing in the file is executed."""

from pathlib import Path

import numpy as np

from lexome.checkpoint.store import MAX_WEIGHTS_BYTES
from lexome.core.errors import BadInputError
from lexome.io.signal_checks import first_line


def read_torch_state(path: Path) -> dict[str, np.ndarray]:
    """Named tensors of a file; floating point numbers become float32.

    Raises:
        BadInputError: if the file is too large, damaged, or holds anything but named tensors.
    """
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
