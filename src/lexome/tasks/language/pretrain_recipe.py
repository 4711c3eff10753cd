"""Recipes of pre-training: a small network for whatever tokens a store has, or further from a model."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lexome.checkpoint.build import LANGUAGE_TASK
from lexome.checkpoint.store import load
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.tasks.language.pretrain_text import PRETRAINED_HEADS, spans_of

NAME = "language_model"
# DNABERT-2's layers, small enough for a laptop; the convolution tells left from right
SMALL = {
    "size": 192,
    "num_layers": 6,
    "num_heads": 12,
    "hidden": 384,
    "dropout": 0.1,
    "conv_widths": [5],
    "initial_std": 0.04,
}
OPTIM = {
    "lr": 1e-3,
    "beta2": 0.98,
    "weight_decay": 0.01,
    "warmup_steps": 500,
    "decay": "linear",
    "final_lr": 0.0,
    "clip": 1.0,
    "clip_mode": "constant",
}


def pretrain_recipe(
    stores: Sequence[Path], *, model: str = "", masking: dict[str, Any], sampling: float, lr: float
) -> dict[str, Any]:
    """The recipe of a pre-training with the usual settings.

    A model that writes text goes on with spans as it had them before, but of the share that `masking` says.

    Args:
        stores: folders of tokens.
        model: a model to go on from, with its shape; empty: new weights, of a small shape.
        masking: see `features.masking.MaskingConfig`.
        sampling: see `pretrain.PretrainConfig`.
        lr: the highest learning rate; 0: the usual one, a third of it if there is a model.

    Raises:
        UsageError: if there is no such model, it has been fine-tuned, or single tokens are to be hidden from
            one that writes text.
    """
    more: dict[str, Any] = {}
    architecture, head = {"name": "dnabert2", "config": SMALL}, {"name": "masked_lm", "config": {}}
    name = NAME
    if model:
        checkpoint = load(model)
        if checkpoint.task != LANGUAGE_TASK or checkpoint.head.name not in PRETRAINED_HEADS:
            raise UsageError(
                f"model {checkpoint.name} scores no masked tokens and writes no text; only such language "
                "models can be pre-trained further"
            )
        if checkpoint.head.name == "text":
            if masking["span"] != 1 or masking["random_share"]:
                raise UsageError(
                    f"model {checkpoint.name} writes text: it learns from whole spans, without --span and "
                    "--80-10-10"
                )
            more["spans"] = to_dict(dataclasses.replace(spans_of(checkpoint), share=masking["share"]))
        architecture, head = to_dict(checkpoint.architecture), to_dict(checkpoint.head)
        name = f"{checkpoint.name}_further"
    rate = lr or OPTIM["lr"] * (0.3 if model else 1)
    return {
        "task_kind": "language",
        "name": name,
        "architecture": architecture,
        "head": head,
        "task": {
            "stores": [str(path) for path in stores],
            "start_from": model,
            "masking": masking,
            **more,
            "sampling": sampling,
            "optim": {**OPTIM, "lr": rate},
        },
        "loop": {
            "steps": 10_000,
            "batch_size": 32,
            "validate_every": 500,
            "save_every": 500,
            "log_every": 50,
        },
    }
