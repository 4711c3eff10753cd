"""DNABERT-2 as Hugging Face keeps it: a folder of config.json and the weights becomes a checkpoint.

The layers have the published names in lexome too (see `models.dnabert2`); only what stands before
them differs: `bert.` is our `encoder.`, `cls.predictions.` and `classifier.` are parts of our `scorer.`.

Source: the published DNABERT-2-117M. Differs: whether there is a pooler is read from the weights (the
published ones have none, so programs that build one anyway draw it at random); the token for padding is taken
from tokenizer.json, because the published config.json names [UNK].
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.store import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    Checkpoint,
    Component,
    read_weights,
)
from lexome.checkpoint.torch_file import read_torch_state
from lexome.core.errors import BadInputError

TASK = "language"
TORCH_FILE = "pytorch_model.bin"
TOKENIZER_FILE = "tokenizer.json"
POOLER = "bert.pooler.dense."
TIED = "cls.predictions.decoder.weight"
VECTORS = "bert.embeddings.word_embeddings.weight"
PREFIXES = (("bert.", "encoder."), ("cls.predictions.", "scorer."), ("classifier.", "scorer.classifier."))
PUBLISHED_PAD_ID = 3
MAX_TOKENIZER_BYTES = 4 << 20
MAX_LAYERS = 1000
LISTED = 8
# theirs -> ours, and what is meant where config.json is silent
SIZES = {
    "vocab_size": ("vocab_size", None),
    "hidden_size": ("size", None),
    "num_hidden_layers": ("num_layers", None),
    "num_attention_heads": ("num_heads", None),
    "intermediate_size": ("hidden", None),
    "type_vocab_size": ("token_types", 2),
    "hidden_dropout_prob": ("dropout", 0.1),
    "attention_probs_dropout_prob": ("attention_dropout", 0.0),
    "layer_norm_eps": ("norm_eps", 1e-12),
    "initializer_range": ("initial_std", 0.02),
}
EMBEDDINGS = (
    VECTORS,
    "bert.embeddings.token_type_embeddings.weight",
    "bert.embeddings.LayerNorm.weight",
    "bert.embeddings.LayerNorm.bias",
)
CONVOLUTION = ("kernels.{}.weight", "kernels.{}.bias", "norms.{}.weight", "norms.{}.bias")
LAYER = (
    *("attention.self.Wqkv.weight", "attention.self.Wqkv.bias"),
    *("attention.output.dense.weight", "attention.output.dense.bias"),
    *("attention.output.LayerNorm.weight", "attention.output.LayerNorm.bias"),
    *("mlp.gated_layers.weight", "mlp.wo.weight", "mlp.wo.bias"),
    *("mlp.layernorm.weight", "mlp.layernorm.bias"),
)
PREDICTIONS = (
    *("cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias"),
    *("cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias"),
    "cls.predictions.decoder.bias",
)
FIXED = {"hidden_act": "gelu", "is_decoder": False, "add_cross_attention": False, "tie_word_embeddings": True}


def is_huggingface(config: object) -> bool:
    """Whether a parsed config.json is of Hugging Face's kind."""
    return isinstance(config, Mapping) and "model_type" in config and "format_version" not in config


def read_huggingface(folder: Path, config: Mapping[str, Any]) -> Checkpoint:
    """Reads a folder in the layout of Hugging Face.

    Args:
        folder: holds model.safetensors or pytorch_model.bin, perhaps tokenizer.json.
        config: its config.json.

    Returns:
        A checkpoint of the task "language". Its head is that of the weights: "masked_lm" or "sequence".

    Raises:
        BadInputError: if it is another model, or weights are missing, left over or damaged; names them.
    """
    path = folder / CONFIG_FILE
    foreign = _weights(folder)
    tokenizer = _tokenizer(folder / TOKENIZER_FILE)
    architecture = _architecture(path, config, tokenizer)
    architecture["pooler"] = any(name.startswith(POOLER) for name in foreign)
    _check_names(path, foreign, architecture)
    head = _head(config, foreign, architecture)
    weights = {_ours(name): weight for name, weight in foreign.items() if name != TIED}
    origin = {
        "name": folder.resolve().name,
        "layout": "huggingface",
        "config": dict(config),
        "pooler": "in the weights" if architecture["pooler"] else "not in the weights, none was made",
    }
    return Checkpoint(
        TASK,
        Component("dnabert2", architecture),
        head,
        {"tokenizer_json": tokenizer},
        None,
        {"name": folder.resolve().name, "imported_from": origin},
        weights,
    )


def _weights(folder: Path) -> dict[str, np.ndarray]:
    """All weights, float32."""
    if (folder / WEIGHTS_FILE).is_file():
        foreign = read_weights(folder / WEIGHTS_FILE)
    elif (folder / TORCH_FILE).is_file():
        foreign = read_torch_state(folder / TORCH_FILE)
    else:
        raise BadInputError(
            f"{folder}: {CONFIG_FILE} has no weights beside it ({WEIGHTS_FILE} or {TORCH_FILE}, in one file)"
        )
    for name, weight in foreign.items():
        if weight.dtype.kind != "f" or not np.isfinite(weight).all():
            raise BadInputError(f"{folder}: weight '{name}' holds values that are no finite numbers")
    return {name: np.asarray(weight, np.float32, order="C") for name, weight in foreign.items()}


def _tokenizer(path: Path) -> str | None:
    """The text of tokenizer.json without its white space; None without the file."""
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_TOKENIZER_BYTES:
        raise BadInputError(f"{path}: larger than {MAX_TOKENIZER_BYTES} bytes; not a tokenizer of DNA")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(data, dict):
        raise BadInputError(f"{path}: not a tokenizer (a JSON object is expected)")
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _architecture(path: Path, config: Mapping[str, Any], tokenizer: str | None) -> dict[str, Any]:
    for key, meant in FIXED.items():
        if config.get(key, meant) not in (meant, None):
            raise BadInputError(f"{path}: {key} is {config[key]!r}; DNABERT-2 has {meant!r}")
    architecture: dict[str, Any] = {}
    for theirs, (ours, default) in SIZES.items():
        value = config.get(theirs, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise BadInputError(f"{path}: {theirs} is {value!r}, not a number; not the config of DNABERT-2")
        architecture[ours] = value
    if not 1 <= architecture["num_layers"] <= MAX_LAYERS:
        raise BadInputError(f"{path}: {architecture['num_layers']} layers; 1 to {MAX_LAYERS} make sense")
    widths = config.get("conv_widths", [])  # of ours; DNABERT-2 has none
    if not isinstance(widths, list) or any(type(width) is not int for width in widths):
        raise BadInputError(f"{path}: conv_widths is {widths!r}, no list of whole numbers")
    architecture["conv_widths"] = widths
    pad_id = _pad_id(tokenizer)
    architecture["pad_id"] = pad_id if pad_id is not None else config.get("pad_token_id") or PUBLISHED_PAD_ID
    return architecture


def _pad_id(tokenizer: str | None) -> int | None:
    added = json.loads(tokenizer).get("added_tokens") if tokenizer else None
    for token in added if isinstance(added, list) else ():
        if isinstance(token, dict) and token.get("content") == "[PAD]" and isinstance(token.get("id"), int):
            return token["id"]
    return None


def _head(
    config: Mapping[str, Any], foreign: Mapping[str, np.ndarray], architecture: Mapping[str, Any]
) -> Component:
    if "classifier.weight" not in foreign:
        return Component(
            "masked_lm", {"vocab_size": architecture["vocab_size"], "norm_eps": architecture["norm_eps"]}
        )
    dropout = config.get("classifier_dropout")
    return Component(
        "sequence",
        {
            "num_outputs": len(foreign["classifier.weight"]),
            "pooling": config.get("pooling", "pooler"),  # the published classifier has one way
            "dropout": architecture["dropout"] if dropout is None else dropout,
        },
    )


def _check_names(path: Path, foreign: Mapping[str, np.ndarray], architecture: Mapping[str, Any]) -> None:
    """Stops unless just the weights of such a network are there."""
    expected = set(EMBEDDINGS)
    expected |= {
        f"bert.encoder.layer.{i}.{part}" for i in range(architecture["num_layers"]) for part in LAYER
    }
    expected |= {
        f"bert.embeddings.convolutions.{part.format(i)}"
        for i in range(len(architecture["conv_widths"]))
        for part in CONVOLUTION
    }
    if architecture["pooler"]:
        expected |= {f"{POOLER}weight", f"{POOLER}bias"}
    if any(name.startswith("classifier.") for name in foreign):
        expected |= {"classifier.weight", "classifier.bias"}
    else:
        expected |= set(PREDICTIONS)
    wrong = [
        f"{complaint}: {_listed(names)}"
        for names, complaint in (
            (expected - foreign.keys(), "missing"),
            (foreign.keys() - expected - {TIED}, "left over"),
        )
        if names
    ]
    if wrong:
        raise BadInputError(
            f"{path.parent}: not the weights of DNABERT-2 as {path.name} says; {'; '.join(wrong)}"
        )
    if TIED in foreign and not np.array_equal(foreign[TIED], foreign[VECTORS]):
        raise BadInputError(f"{path.parent}: '{TIED}' differs from '{VECTORS}'; DNABERT-2 has one for both")


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _ours(name: str) -> str:
    for theirs, ours in PREFIXES:
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    raise AssertionError(name)  # the names were checked
