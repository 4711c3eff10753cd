"""Adapters as PEFT keeps them: a folder of adapter_config.json and adapter_model.safetensors.

The layers have the published names, so an adapter trained here fits `lexome.hf`'s models and the published
code, and one trained there fits here. The head, which learns as a whole, lies in the same file.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save as serialize

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.huggingface import PREFIXES
from lexome.checkpoint.store import MAX_CONFIG_BYTES, read_weights
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.nn.language import LanguageNetwork, SequenceScorer
from lexome.nn.lora import LoraConfig, LoraLinear, adapters, add_adapters

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
ROOT = "base_model.model."
KEY = re.compile(r"(?P<layer>.+)\.lora_(?P<part>[AB])\.weight")
LISTED = 5
# What changes the sum W + scale * B A; none of it is supported.
OTHER_KINDS = {
    "use_rslora": False,
    "use_dora": False,
    "fan_in_fan_out": False,
    "lora_bias": False,
    "bias": "none",
    "rank_pattern": {},
    "alpha_pattern": {},
}


def write_adapters(network: LanguageNetwork, folder: Path, base_model: str) -> None:
    """Writes the adapters of a network, and its head if that scores sequences.

    Args:
        network: a network with adapters (`nn.lora.add_adapters`), all of one configuration.
        folder: where to; it appears complete or not at all.
        base_model: name or folder of the model that was adapted, for PEFT.

    Raises:
        UsageError: if something is at `folder`, or the network has no adapters.
        LexomeError: if the folder cannot be written.
    """
    if folder.exists():
        raise UsageError(f"{folder}: exists already; choose another output folder or remove it first")
    layers = dict(adapters(network))
    if not layers:
        raise UsageError("the network has no adapters to write")
    (config,) = {layer.config for layer in layers.values()}
    weights = {
        f"{ROOT}{_theirs(name)}.lora_{part}.weight": weight
        for name, layer in layers.items()
        for part, weight in (
            ("A", layer.lora_A.weight.detach().cpu().numpy()),
            ("B", layer.lora_B.weight.detach().cpu().numpy()),
        )
    }
    whole = isinstance(network.scorer, SequenceScorer)
    if whole:
        classifier = weights_of(network.scorer.get_submodule("classifier"))
        weights |= {f"{ROOT}classifier.{name}": weight for name, weight in classifier.items()}
    settings = {
        "peft_type": "LORA",
        "task_type": "SEQ_CLS" if whole else None,
        "base_model_name_or_path": base_model,
        "inference_mode": True,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": config.dropout,
        "target_modules": [_theirs(name) for name in layers],
        **OTHER_KINDS,
        "modules_to_save": ["classifier"] if whole else None,
    }
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        (partial / CONFIG_FILE).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        (partial / WEIGHTS_FILE).write_bytes(
            serialize({name: np.asarray(w, order="C") for name, w in weights.items()}, {"format": "pt"})
        )
        os.replace(partial, folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise LexomeError(f"{folder}: cannot be written ({error.strerror or error})") from error


def merged_weights(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """The weights of a network as if its adapters were merged, which they are not: it goes on learning."""
    layers = dict(adapters(network))
    weights: dict[str, np.ndarray] = {}
    for name, weight in weights_of(network).items():
        layer = next((found for found in layers if name.startswith(f"{found}.")), None)
        if layer is None:
            weights[name] = weight
        elif name.startswith(f"{layer}.linear."):
            weights[f"{layer}.{name.removeprefix(f'{layer}.linear.')}"] = weight
    for name, layer in layers.items():
        weights[f"{name}.weight"] = layer.merged_weight().detach().cpu().numpy()
    return weights


def read_adapters(network: LanguageNetwork, folder: Path) -> list[str]:
    """Gives a network the adapters of a folder, and the head that lies with them.

    Args:
        network: the network that was adapted, without adapters; changed in place.
        folder: as PEFT or `write_adapters` wrote it.

    Returns:
        The names of the adapted layers.

    Raises:
        BadInputError: if it is no folder of adapters, one of another kind, or one for another network; names
            what does not fit. The network is then unchanged.
    """
    config = _config(folder / CONFIG_FILE)
    foreign = {
        name.removeprefix(ROOT): weight for name, weight in read_weights(folder / WEIGHTS_FILE).items()
    }
    pairs: dict[str, dict[str, np.ndarray]] = {}
    rest: dict[str, np.ndarray] = {}
    for full_name, weight in foreign.items():
        name = full_name.removeprefix(ROOT)
        match = KEY.fullmatch(name)
        if match:
            pairs.setdefault(_ours(match["layer"]), {})[match["part"]] = weight
        else:
            rest[_ours(name)] = weight
    modules = dict(network.named_modules())
    state = network.state_dict()
    wrong = [name for name, weight in rest.items() if name not in state or state[name].shape != weight.shape]
    for name, pair in pairs.items():
        layer = modules.get(name)
        fits = isinstance(layer, torch.nn.Linear) and set(pair) == {"A", "B"}
        if not fits or not _shapes_fit(layer, pair, config.rank):  # pyright: ignore[reportArgumentType]
            wrong.append(name)
    if wrong or not pairs:
        listed = ", ".join(sorted(wrong)[:LISTED]) or "there are none"
        raise BadInputError(f"{folder}: adapters that do not fit the network's layers: {listed}")
    exact = LoraConfig(config.rank, config.alpha, config.dropout, tuple(sorted(pairs)))
    names = add_adapters(network, exact, among=sorted({name.partition(".")[0] for name in pairs}))
    with torch.no_grad():
        for name, pair in pairs.items():
            layer = network.get_submodule(name)
            assert isinstance(layer, LoraLinear)
            layer.lora_A.weight.copy_(torch.from_numpy(pair["A"]))
            layer.lora_B.weight.copy_(torch.from_numpy(pair["B"]))
        for name, weight in rest.items():
            network.get_parameter(name).copy_(torch.from_numpy(weight))
    return names


def _config(path: Path) -> LoraConfig:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise BadInputError(f"{path}: too large for the configuration of adapters")
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(data, Mapping) or data.get("peft_type") != "LORA":
        raise BadInputError(f"{path}: not the configuration of LoRA adapters (peft_type LORA)")
    for key, meant in OTHER_KINDS.items():
        if data.get(key, meant) not in (meant, None, [], {}):
            raise BadInputError(f"{path}: {key} is {data[key]!r}; only plain LoRA adapters are supported")
    try:
        return LoraConfig(int(data["r"]), float(data["lora_alpha"]), float(data.get("lora_dropout", 0.0)))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{path}: r, lora_alpha and lora_dropout make no sense ({error})") from error


def _shapes_fit(layer: torch.nn.Linear, pair: Mapping[str, np.ndarray], rank: int) -> bool:
    shapes = pair["A"].shape, pair["B"].shape
    return shapes == ((rank, layer.in_features), (layer.out_features, rank))


def _theirs(name: str) -> str:
    for theirs, ours in reversed(PREFIXES):
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise AssertionError(name)


def _ours(name: str) -> str:
    for theirs, ours in PREFIXES:
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name  # fits nothing, and is named as it stands
