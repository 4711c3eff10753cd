"""The only checkpoint format: a folder of config.json, model.safetensors and README.md.

config.json holds everything but the weights; a key that it should not have is an error, never ignored.
Reading needs no torch: the weights are numpy arrays.
"""

import json
import os
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from safetensors.numpy import save as serialize

from lexome.checkpoint.packing import STEP, packed, unpacked
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import BadInputError, UsageError, nearest

FORMAT_VERSION = 1
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
STATISTICS = ("running_mean", "running_var", "num_batches_tracked", STEP)
MAX_CONFIG_BYTES = 8 << 20  # a language model's tokenizer is in it
MAX_HEADER_BYTES = 16 << 20
MAX_WEIGHTS_BYTES = 8 << 30


@dataclass(frozen=True)
class Component:
    """A registered name and its configuration."""

    name: str
    config: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network with all that is needed to use it.

    Attributes:
        task: what it does, for example "basecall".
        architecture: the encoder: registered name and configuration.
        head: the scorer and its decoder: registered name and configuration.
        features: how the input is made (a basecaller: scaling, sample_rate_hz, chunk_size, overlap, trim).
        quantization: how the layers were quantised (`checkpoint.packing.Quantization`), or None.
        provenance: where it comes from; "name" is the model's name.
        weights: parameters and buffers by name.
    """

    task: str
    architecture: Component
    head: Component
    features: dict[str, Any]
    quantization: dict[str, Any] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The model's name, "unnamed" if it has none."""
        return str(self.provenance.get("name", "unnamed"))

    @property
    def num_parameters(self) -> int:
        """Trained numbers: the weights without the statistics that normalisations keep."""
        return sum(int(w.size) for name, w in self.weights.items() if name.split(".")[-1] not in STATISTICS)


@dataclass(frozen=True)
class _ConfigFile:
    format_version: int
    task: str
    architecture: Component
    head: Component
    features: dict[str, Any]
    quantization: dict[str, Any] | None
    provenance: dict[str, Any]


def config_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """What config.json holds: everything but the weights, as plain JSON values."""
    return to_dict(
        _ConfigFile(
            FORMAT_VERSION,
            checkpoint.task,
            checkpoint.architecture,
            checkpoint.head,
            checkpoint.features,
            checkpoint.quantization,
            checkpoint.provenance,
        )
    )


def save(folder: Path, checkpoint: Checkpoint, card: str, *, overwrite: bool = False) -> None:
    """Writes a checkpoint folder; it appears complete or not at all.

    Args:
        folder: where to; written as a sibling ending in `.partial` and renamed when complete.
        checkpoint: what to write.
        card: the text of README.md: what the model is, what it was trained on, how well it does.
        overwrite: replace a checkpoint that is there (only a folder that holds nothing else).

    Raises:
        UsageError: if something is there that may not be replaced.
    """
    folder = Path(folder)
    if folder.exists():
        others = {entry.name for entry in folder.iterdir()} - {CONFIG_FILE, WEIGHTS_FILE, CARD_FILE}
        if not overwrite or others:
            raise UsageError(f"{folder}: exists already; choose another output folder or remove it first")
    stored = packed(checkpoint.weights, checkpoint.quantization, f"model {checkpoint.name}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f"{folder.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir()
    config = json.dumps(config_of(checkpoint), indent=2, ensure_ascii=False, allow_nan=False)
    (partial / CONFIG_FILE).write_text(config + "\n", encoding="utf-8")
    weights = {name: np.asarray(w, order="C") for name, w in stored.items()}
    # written as bytes, not by save_file: that would make a file only its owner may read
    (partial / WEIGHTS_FILE).write_bytes(serialize(weights, metadata={"format": "lexome"}))
    (partial / CARD_FILE).write_text(card.rstrip("\n") + "\n", encoding="utf-8")
    if folder.exists():
        old = folder.with_name(f"{folder.name}.old")
        if old.exists():
            shutil.rmtree(old)
        os.replace(folder, old)
        os.replace(partial, folder)
        shutil.rmtree(old)
    else:
        os.replace(partial, folder)


def load(model: str | Path) -> Checkpoint:
    """Reads a model.

    Args:
        model: the name of a bundled model, or a folder: a checkpoint, a model of bonito or dorado, or
            DNABERT-2 as Hugging Face keeps it; or its name there, as owner/name (see `checkpoint.hub`). A
            plain name means the bundled model if there is one of that name; write `./name` for a folder.

    Returns:
        The checkpoint.

    Raises:
        UsageError: if there is no such model.
        BadInputError: if the folder is no model or a damaged one.
    """
    bundled = bundled_models()
    if isinstance(model, str) and model in bundled:
        return _read(bundled[model])
    from lexome.checkpoint.hub import fetch_from_hub, is_hub_name

    folder = Path(model)
    if not folder.is_dir() and isinstance(model, str) and is_hub_name(model):
        folder = fetch_from_hub(model)
    if not folder.is_dir():
        hint = nearest(str(model), bundled)
        raise UsageError(
            f"no model '{model}': no such folder or bundled model ({hint}); see `lexome models list`"
        )
    if (folder / CONFIG_FILE).is_file():
        return _read(folder)
    if (folder / "config.toml").is_file():
        return _read_foreign(folder)
    raise BadInputError(
        f"{folder}: not a model: it holds neither {CONFIG_FILE} (lexome) nor config.toml (bonito, dorado)"
    )


def bundled_models() -> dict[str, Path]:
    """The models inside the package: name -> folder, sorted by name."""
    zoo = Path(str(resources.files("lexome.zoo")))
    return {entry.name: entry for entry in sorted(zoo.iterdir()) if (entry / CONFIG_FILE).is_file()}


def _read_foreign(folder: Path) -> Checkpoint:
    if any(folder.glob("*.tensor")):
        from lexome.checkpoint.dorado import read_dorado

        return read_dorado(folder)
    if any(folder.glob("weights_*.tar")):
        from lexome.checkpoint.bonito import read_bonito

        return read_bonito(folder)
    raise BadInputError(
        f"{folder}: config.toml has no weights beside it (weights_N.tar of bonito, *.tensor of dorado)"
    )


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder claims to be a checkpoint of this format.

    Raises:
        BadInputError: if its config.json cannot be read.
    """
    data = _read_config(folder / CONFIG_FILE) if (folder / CONFIG_FILE).exists() else None
    return isinstance(data, Mapping) and "format_version" in data


def _read_config(path: Path) -> Any:
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise BadInputError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes; not the config of a model")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: not valid JSON ({error})") from error
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror})") from error


def _read(folder: Path) -> Checkpoint:
    path = folder / CONFIG_FILE
    data = _read_config(path)
    from lexome.checkpoint.huggingface import is_huggingface, read_huggingface

    if is_huggingface(data):
        return read_huggingface(folder, data)
    version = data.get("format_version") if isinstance(data, Mapping) else None
    if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
        raise BadInputError(
            f"{path}: format_version {version!r} is unknown (known: 1 to {FORMAT_VERSION}); update lexome"
        )
    config = from_dict(_ConfigFile, data, str(path))
    return Checkpoint(
        config.task,
        config.architecture,
        config.head,
        config.features,
        config.quantization,
        config.provenance,
        unpacked(read_weights(folder / WEIGHTS_FILE), config.quantization, str(folder)),
    )


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Reads a safetensors file.

    Raises:
        BadInputError: if it is missing, damaged, too large for a model, or holds values that are not finite.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (header_size,) = struct.unpack("<Q", file.read(8))
    except (OSError, struct.error) as error:
        raise BadInputError(f"{path}: the weights are missing or cut short") from error
    if size > MAX_WEIGHTS_BYTES or header_size > min(MAX_HEADER_BYTES, size):
        raise BadInputError(
            f"{path}: {size} bytes with a header of {header_size}: damaged or too large for a model"
        )
    try:
        weights = load_file(path)  # checks that the tensors fill the file exactly
    except Exception as error:  # its Rust errors share no base class
        raise BadInputError(f"{path}: not a safetensors file that can be read ({error})") from error
    for name, weight in weights.items():
        if weight.dtype.kind == "f" and not np.isfinite(weight).all():
            raise BadInputError(f"{path}: weight '{name}' holds values that are not finite")
    return weights
