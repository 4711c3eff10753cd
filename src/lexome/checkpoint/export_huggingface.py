"""Writes a language model as Hugging Face keeps it; transformers opens it after `import lexome.hf`.

Names of the weights are those of the published DNABERT-2, so its own code and its adapters fit them too. The
vectors of the vocabulary, which are also the decoder's weights, are written once.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as serialize

from lexome.checkpoint.build import LANGUAGE_TASK, build_language_network
from lexome.checkpoint.huggingface import PREFIXES, SIZES, TOKENIZER_FILE
from lexome.checkpoint.store import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, Checkpoint
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.models.dnabert2 import Dnabert2Config

MODEL_TYPE = "lexome_dnabert2"
CLASSES = {"masked_lm": "Dnabert2ForMaskedLM", "sequence": "Dnabert2ForSequenceClassification"}


def export_huggingface(checkpoint: Checkpoint, output: Path) -> tuple[str, ...]:
    """Writes config.json, model.safetensors, README.md and, if the model has one, tokenizer.json.

    Args:
        checkpoint: a language model.
        output: folder to write; it appears complete or not at all.

    Returns:
        What the user should know about the result, one sentence each.

    Raises:
        UsageError: if something is at `output`, or it is no language model.
        BadInputError: if weights do not fit the model.
        LexomeError: if the folder cannot be written.
    """
    if output.exists():
        raise UsageError(f"{output}: exists already; choose another output folder or remove it first")
    if checkpoint.task != LANGUAGE_TASK or checkpoint.architecture.name != "dnabert2":
        raise UsageError(
            f"model {checkpoint.name}: only DNABERT-2 networks of the task '{LANGUAGE_TASK}' have this "
            f"layout, not {checkpoint.architecture.name} of the task '{checkpoint.task}'"
        )
    if checkpoint.architecture.config.get("heads") is not None:
        raise UsageError(f"model {checkpoint.name}: heads are taken out of it; this layout has all of them")
    _check_epsilon(checkpoint)
    build_language_network(checkpoint)  # stops if a weight is missing, left over or of another shape
    config = huggingface_config(checkpoint)
    weights = {_theirs(name): np.asarray(w, order="C") for name, w in checkpoint.weights.items()}
    tokenizer = checkpoint.features.get("tokenizer_json")
    partial = output.with_name(f"{output.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        (partial / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        (partial / WEIGHTS_FILE).write_bytes(serialize(weights, metadata={"format": "pt"}))
        if tokenizer is not None:
            (partial / TOKENIZER_FILE).write_text(tokenizer + "\n", encoding="utf-8")
        (partial / CARD_FILE).write_text(_card(checkpoint), encoding="utf-8")
        os.replace(partial, output)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise LexomeError(f"{output}: cannot be written ({error.strerror or error})") from error
    notes = ["open it in Python after `import lexome.hf`, for example with transformers.AutoModel"]
    if tokenizer is None:
        notes.append("the model has no tokenizer, so there is no tokenizer.json")
    return tuple(notes)


def huggingface_config(checkpoint: Checkpoint) -> dict[str, Any]:
    """The config.json of a checkpoint in this layout."""
    architecture = from_dict(Dnabert2Config, checkpoint.architecture.config, f"model {checkpoint.name}")
    return {
        "model_type": MODEL_TYPE,
        "architectures": [CLASSES[checkpoint.head.name]],
        "dtype": "float32",
        "tie_word_embeddings": True,
        **huggingface_sizes(architecture),
        **_classes(checkpoint),
    }


def _check_epsilon(checkpoint: Checkpoint) -> None:
    """The layout has one norm_eps for all norms."""
    default = Dnabert2Config.norm_eps
    of_layers = checkpoint.architecture.config.get("norm_eps", default)
    of_head = checkpoint.head.config.get("norm_eps", default)
    if checkpoint.head.name == "masked_lm" and of_head != of_layers:
        raise UsageError(
            f"model {checkpoint.name}: norm_eps is {of_head:g} in the head and {of_layers:g} in the layers; "
            "the layout of Hugging Face has one for both"
        )


def huggingface_sizes(architecture: Dnabert2Config) -> dict[str, Any]:
    """The shape of the encoder in their words."""
    ours = to_dict(architecture)
    sizes = {theirs: ours[name] for theirs, (name, _) in SIZES.items()}
    convolutions = {"conv_widths": list(architecture.conv_widths)} if architecture.conv_widths else {}
    return {
        **sizes,
        **convolutions,
        "pad_token_id": architecture.pad_id,
        "pooler": architecture.pooler,
    }


def _classes(checkpoint: Checkpoint) -> dict[str, Any]:
    if checkpoint.head.name != "sequence":
        return {}
    head = checkpoint.head.config
    labels = [f"LABEL_{i}" for i in range(head["num_outputs"])]
    return {
        "id2label": {str(i): label for i, label in enumerate(labels)},
        "label2id": {label: i for i, label in enumerate(labels)},
        "pooling": head.get("pooling", "mean"),
        "classifier_dropout": head.get("dropout", 0.1),
    }


def _theirs(name: str) -> str:
    for theirs, ours in reversed(PREFIXES):  # scorer.classifier. before scorer.
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise AssertionError(name)  # the names were checked


def _card(checkpoint: Checkpoint) -> str:
    return (
        f"# {checkpoint.name}\n\nWritten by lexome: {checkpoint.num_parameters:,} parameters. After `import "
        "lexome.hf`, transformers opens it, for example with `AutoModel.from_pretrained`.\n"
    )
