"""A model learns to write children of sequences: what `lexome lm mutate train` does.

A training with new weights begins with copies of random sequences (`mutate_copies`).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lexome.checkpoint.build import LANGUAGE_TASK, build_language_network
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.core.config import from_dict, read_toml, to_dict
from lexome.core.errors import UsageError
from lexome.features.tokens import load_tokenizer, tokenizer_text
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.report.files import write_json
from lexome.tasks.finetuning import MODEL, TRAINING, begin
from lexome.tasks.language.finetune import FIGURES, Listener
from lexome.tasks.language.model import tokenizer_of
from lexome.tasks.language.mutate_copies import CopiesFirst, as_tokens
from lexome.tasks.language.mutate_pairs import SPLITS, Pair, read_pairs
from lexome.tasks.language.mutate_write import end_of
from lexome.tasks.language.networks import filled_in
from lexome.tasks.language.text_task import Pairs, TextTask, TextTaskConfig
from lexome.train.card import model_card
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.state import RECORD

RATE, NEW_RATE = 5e-4, 2e-3
LARGE, LARGE_RATE = 20_000_000, 5e-5  # parameters from which a model counts as large
ABOUT = {"text": "children"}
COPY_STEPS = 1500


@dataclass(frozen=True)
class MutateRequest:
    """What to learn, from what, and how.

    Attributes:
        model: a checkpoint with a decoder of text; or a recipe (.toml) of a network with new weights.
        pairs: the table of `lexome lm mutate prepare`.
        tokenizer: another than the recipe's, for new weights.
        copy_steps: the training begins with so many steps on copies of random sequences; None: `COPY_STEPS`
            for new weights, else none.
        copy_bp: their length at first (see `CopiesFirst`); it grows to the pairs' median length.
        changed_weight: how often a pair that changed is shown for each time that another is.
        epochs: times that the training pairs are gone through.
        lr: the highest learning rate; 0: the usual one.
        batch_size: pairs of a step.
        label_smoothing: see `TextTaskConfig`.
        evaluations: validations per epoch.
        patience: so many of them without a better one end the training; 0: none.
        average_decay: of the moving average of the weights that is tried too; 0: none.
        minutes: time for the training instead of epochs; 0: no limit.
        threads: of torch.
        device: where to train.
        seed: of all that is drawn.
    """

    model: str
    pairs: Path
    tokenizer: str = ""
    copy_steps: int | None = None
    copy_bp: int = 24
    changed_weight: int = 1
    epochs: float = 10.0
    lr: float = 0.0
    batch_size: int = 16
    label_smoothing: float = 0.0
    evaluations: float = 1.0
    patience: int = 0
    average_decay: float = 0.0
    minutes: float = 0.0
    threads: int = 1
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        least = min(self.batch_size, self.copy_bp, self.changed_weight)
        if not (self.epochs > 0 and self.evaluations > 0) or least < 1:
            raise UsageError("epochs, batch_size, evaluations, copy_bp and changed_weight must be positive")
        if self.copy_steps is not None and self.copy_steps < 0:
            raise UsageError("copy_steps must not be negative")


@dataclass(frozen=True)
class NewModel:
    """A recipe of a network with new weights.

    Attributes:
        name: of the model.
        architecture: an encoder of tokens; without layers for a decoder alone.
        head: a decoder of text.
        tokenizer: a built-in name, or a file.
    """

    name: str
    architecture: Component
    head: Component
    tokenizer: str = "byte"


@dataclass(frozen=True, eq=False)
class Trained:
    """What came out: the model, its figures with the true letters before each, by set, and the steps."""

    model: Checkpoint
    figures: dict[str, dict[str, float]]
    steps: int
    best_step: int


def train_mutations(
    request: MutateRequest,
    output: Path,
    version: str,
    *,
    resume: bool = False,
    listener: Listener | None = None,
) -> Trained:
    """Trains a model on the pairs of a request.

    Args:
        request: what to do.
        output: gets model/, training/ (state and log) and figures.json.
        version: of lexome, for the model's record.
        resume: go on with a training that was stopped; the request must be the same.
        listener: told what happens.

    Raises:
        UsageError: if the output holds something already, or with `resume` another request, or the request
            makes no sense.
        BadInputError: if a file cannot be read or has no pairs to train on.
    """
    listener = listener or Listener()
    model, is_new = opened(request.model, request.tokenizer)
    pairs = read_pairs(request.pairs, with_splits=True)
    by_split = {name: [pair for pair in pairs if pair.split == name] for name in SPLITS}
    for name in SPLITS[:2]:
        if not by_split[name]:
            raise UsageError(f"{request.pairs}: no {name} pairs; make it with 'lexome lm mutate prepare'")
    threads = begin(to_dict(request), output, resume)
    torch.set_num_threads(threads)
    tokenizer = tokenizer_of(model)
    sets = {name: as_tokens(one, tokenizer) for name, one in by_split.items() if one}
    shown = weighted(by_split["training"], request.changed_weight)
    sets["training"] = as_tokens(shown, tokenizer)
    batch_size = min(request.batch_size, len(shown))
    per_epoch = max(1, len(shown) // batch_size)
    copy_steps = request.copy_steps
    if copy_steps is None:
        copy_steps = COPY_STEPS if is_new else 0
    steps = copy_steps + max(1, round(request.epochs * per_epoch))
    median_bp = int(np.median([len(pair.parent) for pair in shown]))
    task = _task(request, model, is_new, sets, tokenizer, (copy_steps, steps, median_bp))
    every = max(1, round(per_epoch / request.evaluations))
    loop = LoopConfig(
        steps=steps, batch_size=batch_size, seed=request.seed, validate_every=every, save_every=every,
        log_every=min(50, every), threads=threads, average_decay=request.average_decay,
        patience=request.patience, device=request.device, minutes=request.minutes,
    )  # fmt: skip
    folder = output / TRAINING
    provenance = {
        "name": f"{model.name}_mutations", "lexome_version": version, "seed": request.seed, "steps": steps,
        "batch_size": batch_size, "copy_steps": copy_steps, "training_set": request.pairs.name,
        "training_pairs": len(by_split["training"]),
    }  # fmt: skip
    record = {"request": {key: str(value) for key, value in to_dict(request).items()}, "loop": to_dict(loop)}
    position = train(
        task, loop, folder, provenance, record, resume=(folder / RECORD).exists(), on_log=listener.log
    )
    best = load(folder / MODEL)
    network = build_language_network(best)
    figures = {name: task.evaluate(network, name) for name in sets if name != "training"}
    best = dataclasses.replace(best, provenance={**best.provenance, "figures": figures})
    write_json(output / FIGURES, {"sets": figures, "best_step": position.best_step, **record})
    save(output / MODEL, best, model_card(best))
    return Trained(best, figures, position.step, position.best_step)


def _task(
    request: MutateRequest, model: Checkpoint, is_new: bool, sets: Mapping[str, Pairs], tokenizer: Tokenizer,
    scale: tuple[int, int, int],
) -> CopiesFirst:  # fmt: skip
    copy_steps, steps, median_bp = scale
    usual = NEW_RATE if is_new else LARGE_RATE if model.num_parameters >= LARGE else RATE
    config = TextTaskConfig(new_weights=is_new, label_smoothing=request.label_smoothing)
    optim = dataclasses.replace(
        config.optim, lr=request.lr or usual, warmup_steps=min(config.optim.warmup_steps, steps // 5)
    )
    config = dataclasses.replace(config, optim=optim)
    inner = TextTask(config, model, sets, ABOUT)
    return CopiesFirst(inner, copy_steps, request.copy_bp, median_bp, tokenizer)


def opened(model: str, other_tokenizer: str = "") -> tuple[Checkpoint, bool]:
    """The checkpoint of a name, or one without weights from a recipe; and whether it is such a one.

    Args:
        model: a checkpoint, or a recipe (.toml).
        other_tokenizer: instead of the recipe's; empty: none.

    Raises:
        UsageError, BadInputError: if there is none, or it does not write text.
    """
    if not model.endswith(".toml"):
        if other_tokenizer:
            raise UsageError("a trained model keeps its tokenizer; another goes with a recipe (.toml) only")
        checkpoint = load(model)
        if checkpoint.head.name != "text":
            raise UsageError(
                f"model {checkpoint.name} writes no text: its head is '{checkpoint.head.name}', not 'text'"
            )
        end_of(tokenizer_of(checkpoint), checkpoint.name)
        return checkpoint, False
    where = f"recipe {model}"
    recipe = from_dict(NewModel, read_toml(Path(model)), where)
    tokenizer = load_tokenizer(other_tokenizer or recipe.tokenizer).in_upper_case()
    end_of(tokenizer, recipe.name)
    known = {"vocab_size": tokenizer.vocab_size}
    start_id = tokenizer.special_ids.get("cls", tokenizer.special_ids.get("pad", 0))
    architecture = filled_in(to_dict(recipe.architecture), known, f"{where}: architecture")
    head = filled_in(to_dict(recipe.head), known, f"{where}: head")
    head["config"].setdefault("start_id", start_id)
    return Checkpoint(
        LANGUAGE_TASK, Component(**architecture), Component(**head),
        {"tokenizer_json": tokenizer_text(tokenizer)}, None, {"name": recipe.name},
    ), True  # fmt: skip


def weighted(pairs: Sequence[Pair], changed_weight: int) -> list[Pair]:
    """Pairs with those that changed repeated."""
    return [pair for pair in pairs for _ in range(changed_weight if pair.is_changed else 1)]


def log_line(row: dict[str, Any]) -> str:
    """A row of the training's log in words."""
    step = f"step {row['step']}"
    if "validation" in row:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in row["validation"].items())
        return f"{step}: validation: {figures}{' (best)' if row['best'] else ''}"
    if "warning" in row:
        return f"{step}: warning: {row['warning']}"
    rate = row["speed"]["chunks_per_s"]
    learnt = f"loss {row['loss']:.4f}, accuracy {row['accuracy']:.4f}"
    return f"{step}: {learnt}, {rate:.4g} pairs/s, {row['seconds']:.0f} s"
