"""The recipe that trains a model further, for methods that make it smaller."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lexome.checkpoint.store import Checkpoint, bundled_models
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.features.augment import AugmentConfig
from lexome.train.optim import OptimConfig

# mild, as in fine-tuning: the model has learnt to call already
AUGMENT = AugmentConfig(min_stretch=0.95, max_stretch=1.05, gain_sd=0.03, offset_sd=0.03, noise_sd=0.03)
BATCH_SIZE = 16
WARMUP_STEPS = 50


def name_of_model(model: str) -> str:
    """A model's name as a recipe keeps it: a bundled one's, or the whole path of a folder."""
    return str(Path(model).resolve()) if model not in bundled_models() and Path(model).is_dir() else model


def recipe_from_model(
    model: str,
    checkpoint: Checkpoint,
    stores: Sequence[Path],
    *,
    name: str,
    steps: int,
    validate_every: int,
    lr: float,
    seed: int = 0,
) -> dict[str, Any]:
    """The tables of a recipe that begins with the weights of a basecaller.

    Args:
        model: the model as `checkpoint.store.load` takes it.
        checkpoint: what it holds.
        stores: folders of `lexome prepare`.
        name: of what comes out.
        steps: of training.
        validate_every: steps between validations and saves.
        lr: highest learning rate.
        seed: of the order of the data.

    Raises:
        UsageError: if the model is no basecaller.
    """
    if checkpoint.task != "basecall":
        raise UsageError(
            f"model {checkpoint.name} is for the task '{checkpoint.task}'; a basecaller is needed"
        )
    return {
        "task_kind": "basecall",
        "name": name,
        "architecture": to_dict(checkpoint.architecture),
        "head": to_dict(checkpoint.head),
        "signal": dict(checkpoint.features),
        "task": {
            "stores": [str(store.resolve()) for store in stores],
            "start_from": name_of_model(model),
            "augment": to_dict(AUGMENT),
            "optim": to_dict(OptimConfig(lr=lr, warmup_steps=WARMUP_STEPS)),
        },
        "loop": {
            "steps": steps, "batch_size": BATCH_SIZE, "seed": seed, "validate_every": validate_every,
            "save_every": validate_every,
        },
    }  # fmt: skip
