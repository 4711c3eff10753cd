"""A language model for one's own labels: what `lexome lm finetune` does.

Source: the recipe of DNABERT-2's fine-tuning. Differs: the network is chosen by Matthews correlation instead
of the loss, sequences are shown on both strands, and nothing is truncated unless it is asked for.
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lexome.checkpoint.build import build_language_network
from lexome.checkpoint.store import Checkpoint, load, save
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.nn.onednn_linear import use_onednn
from lexome.report.files import write_json
from lexome.tasks.finetuning import MODEL, TRAINING, begin
from lexome.tasks.language.finetune_config import FinetuneConfig
from lexome.tasks.language.finetune_task import FinetuneTask
from lexome.tasks.language.finetune_unfreeze import told_of
from lexome.tasks.language.further import further_pretrained
from lexome.tasks.language.judged import Judged, judge, write_predictions
from lexome.tasks.language.labelled import LabelledSet, read_labelled
from lexome.tasks.language.model import tokenizer_of
from lexome.tasks.language.splits import cut, held_out, take
from lexome.tasks.language.targets import Kind
from lexome.train.card import model_card
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.state import RECORD

FIGURES, PREDICTIONS, ADAPTERS = "figures.json", "predictions.tsv", "adapters"
RATES = {"full": 5e-4, "lora": 2e-3, "probe": 1e-2}
LARGE = 20_000_000  # parameters from which a model counts as large; DNABERT-2 was tuned with 3e-5
LARGE_RATES = {"full": 3e-5, "lora": 3e-4, "probe": 1e-2}


@dataclass(frozen=True)
class FinetuneRequest:
    """What to learn, from what, and how.

    Attributes:
        model: a bundled name, a folder, or a name on the hub.
        train: table of sequences and labels.
        validation: another one that chooses the network; None: `validation_share` of the training set.
        test: further ones that only judge.
        kind: what the labels are.
        label_columns: where they are.
        config: what learns, and how.
        lr: the highest learning rate, instead of that in `config`; 0 takes the usual one of the method.
        epochs: times that the training set is gone through.
        batch_size: sequences of a step.
        evaluations: validations per epoch.
        patience: so many of them without a better one end the training; 0: none.
        pretrain_epochs: so many times the training sequences, without their labels, are first used for masked
            pre-training (the slides' further pre-training); 0: not.
        max_bp: cut longer sequences to so many bases; 0: never.
        validation_share: if there is no validation file.
        average_decay: of the moving average of the weights that is tried too; 0: none.
        tokenizer: another than the model's (for models without one).
        threads: of torch.
        device: where to train.
        seed: of the order, the strands, the new weights.
    """

    model: str
    train: Path
    validation: Path | None = None
    test: tuple[Path, ...] = ()
    kind: Kind = "classes"
    label_columns: tuple[str, ...] = ("label",)
    config: FinetuneConfig = FinetuneConfig()
    lr: float = 0.0
    epochs: float = 3.0
    batch_size: int = 32
    evaluations: int = 2
    patience: int = 0
    pretrain_epochs: float = 0.0
    max_bp: int = 0
    validation_share: float = 0.1
    average_decay: float = 0.0
    tokenizer: str = ""
    threads: int = 1
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.epochs > 0 or self.batch_size < 1 or self.evaluations < 1 or self.pretrain_epochs < 0:
            raise UsageError(
                "epochs, batch_size and evaluations must be positive, pretrain_epochs not below 0"
            )
        if not 0 < self.validation_share < 0.9:
            raise UsageError("the part that validates must lie between 0 and 0.9")


@dataclass(frozen=True, eq=False)
class Finetuned:
    """What came out: the model, and every set that was judged, by name ("validation", then the test sets)."""

    model: Checkpoint
    judged: dict[str, Judged]
    steps: int
    best_step: int

    def lines(self) -> list[str]:
        """What a user wants to know: the figures of every judged set, with their 95% intervals."""
        return [
            f"{name} ({len(judged.labelled)} sequences): {judged.text()}"
            for name, judged in self.judged.items()
        ]


@dataclass(frozen=True)
class Listener:
    """Who is told what happens."""

    note: Callable[[str], None] = lambda line: None
    log: Callable[[dict[str, Any]], None] = lambda row: None


def finetune(
    request: FinetuneRequest,
    output: Path,
    version: str,
    *,
    resume: bool = False,
    listener: Listener | None = None,
) -> Finetuned:
    """Fine-tunes a model on the files of a request.

    Args:
        request: what to do.
        output: gets model/, training/ (state and log), figures.json, predictions.tsv (of validation and test
            sets), and adapters/ if adapters were trained.
        version: of lexome, for the model's record.
        resume: go on with a training that was stopped; the request must be the same.
        listener: told what happens.

    Raises:
        UsageError: if the output holds something already, or with `resume` another request, or the request
            makes no sense.
        BadInputError: if a file cannot be read.
    """
    listener = listener or Listener()
    model = opened(request)
    sets, notes = read_sets(request)
    for note in notes:
        listener.note(note)
    begin(to_dict(request), output, resume)
    tuned = finetune_sets(request, model, sets, output, version, listener)
    _write(tuned, output, request)
    return tuned


def opened(request: FinetuneRequest) -> Checkpoint:
    """The model that is fine-tuned, with its tokenizer.

    Raises:
        UsageError, BadInputError: as `model.tokenizer_of`.
    """
    from lexome.features.tokens import tokenizer_text

    model = load(request.model)
    tokenizer = tokenizer_of(model, request.tokenizer or None)
    return dataclasses.replace(
        model, features={**model.features, "tokenizer_json": tokenizer_text(tokenizer)}
    )


def read_sets(request: FinetuneRequest) -> tuple[dict[str, LabelledSet], list[str]]:
    """All sets of a request by name, and what is to be said of them.

    Raises:
        BadInputError: if a file cannot be read or has labels that the training set does not have.
    """
    training = read_labelled(request.train, kind=request.kind, label_columns=request.label_columns)
    notes = list(training.notes)
    sets = {"training": training}

    def read(path: Path) -> LabelledSet:
        return read_labelled(path, target=training.target, label_columns=request.label_columns)

    if request.validation is not None:
        sets["validation"] = read(request.validation)
    else:
        rest, kept = held_out(training, request.validation_share, request.seed)
        sets = {"training": take(training, rest), "validation": take(training, kept)}
        notes.append(f"{len(kept)} of {len(training)} training sequences are held out to choose the network")
    for path in request.test:
        sets[_name(path, sets)] = read(path)
    if request.max_bp:
        longer = sum(len(s) > request.max_bp for one in sets.values() for s in one.sequences)
        notes.append(f"{longer} sequences were cut to {request.max_bp} bases")
    sets = {name: cut(one, request.max_bp) for name, one in sets.items()}
    return sets, notes


def _name(path: Path, taken: Any) -> str:
    name = path.name.split(".")[0]
    name = name if name not in ("training", "validation") else f"test_{name}"
    return name if name not in taken else f"{path.parent.name}_{name}"


def finetune_sets(
    request: FinetuneRequest, model: Checkpoint, sets: dict[str, LabelledSet], output: Path, version: str,
    listener: Listener | None = None,
) -> Finetuned:  # fmt: skip
    """Fine-tunes a model on sets in memory; see `finetune`. A training that was stopped goes on.

    Args:
        request: how; its files are not read.
        model: what to begin with.
        sets: "training", "validation" and others.
        output: an existing folder; gets training/ and adapters/.
        version: of lexome.
        listener: told what happens.
    """
    listener = listener or Listener()
    torch.set_num_threads(request.threads)
    tokenizer = tokenizer_of(model)
    if request.pretrain_epochs and not request.config.new_weights:
        model = further_pretrained(
            model, tokenizer, sets["training"], output / "pretraining", request.pretrain_epochs, request.seed,
            version, listener.log,
        )  # fmt: skip
    batch_size = min(request.batch_size, len(sets["training"]))
    per_epoch = max(1, len(sets["training"]) // batch_size)
    steps = max(1, round(request.epochs * per_epoch))
    optim = dataclasses.replace(
        request.config.optim,
        lr=request.lr or usual_rate(request.config, model),
        warmup_steps=min(request.config.optim.warmup_steps, steps // 5),  # of a short training a part, too
    )
    config = dataclasses.replace(request.config, optim=optim)
    task = FinetuneTask(config, model, tokenizer, sets, output / ADAPTERS)
    every = max(1, per_epoch // request.evaluations)
    if config.unfreeze == "gradual":
        listener.note(told_of(int(model.architecture.config.get("num_layers", 0)), (steps - 1) // every))
    loop = LoopConfig(
        steps=steps, batch_size=batch_size, seed=request.seed, validate_every=every, save_every=every,
        log_every=min(50, every), threads=request.threads, average_decay=request.average_decay,
        patience=request.patience, device=request.device,
    )  # fmt: skip
    folder = output / TRAINING
    provenance = {
        "name": f"{model.name}_finetuned",
        "lexome_version": version,
        "seed": request.seed,
        "steps": steps,
        "batch_size": batch_size,
        "training_set": sets["training"].path.name,
    }
    record = {"request": request_record(request), "loop": to_dict(loop)}
    position = train(
        task, loop, folder, provenance, record, resume=(folder / RECORD).exists(), on_log=listener.log
    )
    best = load(folder / MODEL)
    network = build_language_network(best)
    use_onednn(network)
    judged = {
        name: judge(one, task.predict(network, name)) for name, one in sets.items() if name != "training"
    }
    return Finetuned(best, judged, position.step, position.best_step)


def usual_rate(config: FinetuneConfig, model: Checkpoint) -> float:
    """The learning rate of a method: large models were made with small ones."""
    return (LARGE_RATES if model.num_parameters >= LARGE else RATES)[config.method]


def _write(tuned: Finetuned, output: Path, request: FinetuneRequest) -> None:
    write_predictions(tuned.judged, output / PREDICTIONS)
    figures = {
        name: {
            "sequences": len(judged.labelled),
            **{
                metric: {"value": value, "interval": judged.intervals.get(metric)}
                for metric, value in judged.figures.items()
            },
        }
        for name, judged in tuned.judged.items()
    }
    made = {"steps": tuned.steps, "best_step": tuned.best_step, "request": request_record(request)}
    write_json(output / FIGURES, {"sets": figures, **made})
    provenance = {**tuned.model.provenance, "figures": figures}
    model = dataclasses.replace(tuned.model, provenance=provenance)
    save(output / MODEL, model, model_card(model))


def request_record(request: FinetuneRequest) -> dict[str, Any]:
    """A request as JSON values."""
    return json.loads(json.dumps(to_dict(request), default=str))
