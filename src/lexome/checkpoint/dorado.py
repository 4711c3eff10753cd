"""Reads a model in dorado's layout: config.toml beside one TorchScript archive per weight.

A TorchScript archive may hold code. None of it is executed here and torch is not used: the archive is a zip
file, and of it only the description of its one tensor (`data.pkl`, through an unpickler that knows nothing
but tensors) and the numbers are read.
"""

import pickle
import zipfile
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.ont import read_config, with_weights
from lexome.checkpoint.store import MAX_WEIGHTS_BYTES, Checkpoint
from lexome.core.errors import BadInputError

SUFFIX = ".tensor"
MAX_DESCRIPTION_BYTES = 1 << 16
DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "DoubleStorage": np.dtype("<f8"),
}


def read_dorado(folder: Path) -> Checkpoint:
    """Reads config.toml and all weights of a model.

    Raises:
        BadInputError: if the model is not supported or its weights do not fit it; the message names what.
    """
    checkpoint, renames = read_config(folder, "dorado")
    foreign = {
        path.name.removesuffix(SUFFIX): read_tensor(path) for path in sorted(folder.glob(f"*{SUFFIX}"))
    }
    return with_weights(checkpoint, renames, foreign, folder)


def read_tensor(path: Path) -> np.ndarray:
    """Reads the one tensor of a TorchScript archive as float32, without executing anything in it.

    Raises:
        BadInputError: if the file is no such archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            tensor = _describe(archive)
            return _numbers(archive, tensor)
    except (zipfile.BadZipFile, OSError, KeyError, NotImplementedError) as error:
        raise BadInputError(f"{path}: not a TorchScript archive ({error})") from error
    except Exception as error:  # zipfile and unpickler raise whatever damaged bytes lead to
        raise BadInputError(f"{path}: not an archive of one plain tensor ({error})") from error


@dataclass(frozen=True)
class _Storage:
    dtype: np.dtype
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Inert:
    """Stands for the archive's module: takes its attributes and does nothing."""


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *ignored: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return _Tensor(storage, int(offset), tuple(int(n) for n in shape), tuple(int(n) for n in strides))


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors, storages and inert modules; every other name in the file is refused."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module_name == "torch" and global_name in DTYPES:
            return DTYPES[global_name]
        if (module_name, global_name) == ("collections", "OrderedDict"):
            return dict
        if module_name.startswith("__torch__"):
            return _Inert
        raise pickle.UnpicklingError(f"it refers to {module_name}.{global_name}")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError("it refers to something that is no storage")
        return _Storage(dtype, str(key), int(count))


def _describe(archive: zipfile.ZipFile) -> _Tensor:
    (name,) = [n for n in archive.namelist() if n.count("/") == 1 and n.endswith("/data.pkl")]
    if archive.getinfo(name).file_size > MAX_DESCRIPTION_BYTES:
        raise ValueError("its description is too long for one tensor")
    module = _TensorUnpickler(BytesIO(archive.read(name))).load()
    tensors = [value for value in vars(module).values() if isinstance(value, _Tensor)]
    if len(tensors) != 1:
        raise ValueError(f"it holds {len(tensors)} tensors")
    return tensors[0]


def _numbers(archive: zipfile.ZipFile, tensor: _Tensor) -> np.ndarray:
    root = next(n for n in archive.namelist() if n.endswith("/data.pkl")).split("/")[0]
    if f"{root}/byteorder" in archive.namelist() and archive.read(f"{root}/byteorder") != b"little":
        raise ValueError("its numbers are not little-endian")
    info = archive.getinfo(f"{root}/data/{tensor.storage.key}")
    itemsize = tensor.storage.dtype.itemsize
    # Stored, not compressed, as torch writes it: so the file itself bounds what is allocated.
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > MAX_WEIGHTS_BYTES:
        raise ValueError("its numbers are compressed or too many")
    if info.file_size != tensor.storage.count * itemsize:
        raise ValueError("its numbers are cut short")
    contiguous = tuple(prod(tensor.shape[i + 1 :]) for i in range(len(tensor.shape)))
    whole = tensor.offset == 0 and prod(tensor.shape) == tensor.storage.count
    if not whole or tensor.strides != contiguous or min(tensor.shape, default=0) < 0:
        raise ValueError("its tensor is a view of another one")
    values = np.frombuffer(archive.read(info), tensor.storage.dtype).reshape(tensor.shape)
    return values.astype(np.float32)
