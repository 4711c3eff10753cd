"""Recipes of pre-training: a small network for whatever tokens a store has, or further from a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lexome.checkpoint.store import load
from lexome.core.config import to_dict
from lexome.core.errors import UsageError

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

    Args:
        stores: folders of tokens.
        model: a model to go on from, with its shape; empty: new weights, of a small shape.
        masking: see `features.masking.MaskingConfig`.
        sampling: see `pretrain.PretrainConfig`.
        lr: the highest learning rate; 0: the usual one, a third of it if there is a model.

    Raises:
        UsageError: if there is no such model, or it is no masked language model.
    """
    architecture, head = {"name": "dnabert2", "config": SMALL}, {"name": "masked_lm", "config": {}}
    name = NAME
    if model:
        checkpoint = load(model)
        if checkpoint.head.name != "masked_lm":
            raise UsageError(
                f"model {checkpoint.name} scores no masked tokens; only masked language models can be "
                "pre-trained further"
            )
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
