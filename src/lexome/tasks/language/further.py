"""Further pre-training on the sequences of a task, before its labels are learnt.

Source: the further pre-training of DNABERT-2 on GUE's training sets (its slides' row with a diamond).
"""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lexome.checkpoint.store import Checkpoint, load, save
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError
from lexome.features.masking import MaskingConfig
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.report.files import write_json
from lexome.tasks.language.corpus import CorpusRequest, prepare_tokens
from lexome.tasks.language.labelled import LabelledSet
from lexome.tasks.language.pretrain import PretrainConfig
from lexome.tasks.language.pretrain_recipe import OPTIM
from lexome.tasks.language.pretrain_text import PRETRAINED_HEADS, pretrain_task, spans_of
from lexome.train.card import model_card
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.optim import OptimConfig
from lexome.train.state import RECORD

STORE, BASE, TRAINING, SEQUENCES, DONE = "store", "base", "training", "sequences.fa", "done.json"
BATCH_SIZE = 64
WARMUP_STEPS = 100
ROW_TOKENS = 512


def further_pretrained(
    model: Checkpoint, tokenizer: Tokenizer, training: LabelledSet, folder: Path, epochs: float, seed: int,
    version: str, on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Checkpoint:  # fmt: skip
    """Pre-trains a model further; goes on with what is in the folder.

    Args:
        model: a masked language model, or one that writes text.
        tokenizer: its tokenizer.
        training: the sequences; one in fifty validates, the labels are not looked at.
        folder: gets a store, the training and the model.
        epochs: times that the sequences are gone through (rows are drawn with replacement).
        seed: of the draws.
        version: of lexome.
        on_log: told each row of the log.

    Returns:
        The model with its new weights.

    Raises:
        UsageError: if the model has been fine-tuned.
    """
    if model.head.name not in PRETRAINED_HEADS:
        raise UsageError(
            f"model {model.name} has been fine-tuned; only a masked language model, or one that writes text, "
            "can be pre-trained further"
        )
    if (folder / DONE).exists():
        return _named(load(folder / TRAINING / "model"), model.name)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / STORE).exists():
        text = "".join(f">{n}\n{s}\n" for n, s in enumerate(training.sequences))
        (folder / SEQUENCES).write_text(text, encoding="utf-8")
        request = CorpusRequest(
            [("task", folder / SEQUENCES)], tokenizer, _row_tokens(training, tokenizer), seed=seed
        )
        prepare_tokens(request, folder / STORE)
        (folder / SEQUENCES).unlink()
    if not (folder / BASE).exists():
        save(folder / BASE, model, model_card(model))
    masking = model.provenance.get("masking")
    config = PretrainConfig(
        (str(folder / STORE),), str(folder / BASE),
        MaskingConfig(**masking) if isinstance(masking, dict) else MaskingConfig(), spans_of(model),
        optim=from_dict(OptimConfig, {**OPTIM, "warmup_steps": WARMUP_STEPS}, "further pre-training"),
    )  # fmt: skip
    task = pretrain_task(config, to_dict(model.architecture), to_dict(model.head))
    per_epoch = max(
        1, len(task.rows.rows("training")) // 2 // BATCH_SIZE
    )  # both strands of a sequence are rows
    steps = max(1, round(epochs * per_epoch))
    loop = LoopConfig(
        steps=steps,
        batch_size=BATCH_SIZE,
        seed=seed,
        validate_every=steps,
        save_every=per_epoch,
        log_every=50,
    )
    resume = (folder / TRAINING / RECORD).exists()
    made = {"name": f"{model.name}_further", "lexome_version": version, "further_pretrained_from": model.name}
    train(task, loop, folder / TRAINING, made, to_dict(loop), resume=resume, on_log=on_log)
    write_json(folder / DONE, {"steps": steps})
    shutil.rmtree(folder / STORE)
    shutil.rmtree(folder / BASE)
    return _named(load(folder / TRAINING / "model"), model.name)


def _named(model: Checkpoint, name: str) -> Checkpoint:
    return dataclasses.replace(model, provenance={**model.provenance, "name": name})


def _row_tokens(training: LabelledSet, tokenizer: Tokenizer) -> int:
    """Tokens of the longest sequence, within reason: longer ones become several rows."""
    longest = max(training.sequences, key=len)
    return max(16, min(ROW_TOKENS, len(tokenizer.encode(longest))))
