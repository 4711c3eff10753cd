"""`lexome lm finetune`: a language model learns labels of sequences."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lexome.cli.lm_training import (
    AverageDecay,
    BatchSize,
    Epochs,
    Learning,
    Pooled,
    PretrainEpochs,
    Rate,
    Threads,
    TrainingDevice,
)

KINDS = {"classes": "classes", "multilabel": "labels", "regression": "value"}


def finetune(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A bundled name, a folder, or a name on the hub.")
    ],
    train: Annotated[
        Path,
        typer.Option(
            "--train", metavar="CSV", help="Training set: columns sequence and label (.csv, .tsv, .gz)."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    validation: Annotated[
        Path | None,
        typer.Option(
            "--validation", metavar="CSV", help="Chooses the network (default: a tenth of the training set)."
        ),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option("--test", metavar="CSV", help="Judged at the end, never chosen by (repeatable)."),
    ] = None,
    task: Annotated[
        Literal["classes", "multilabel", "regression"],
        typer.Option(
            "--task", help="What the labels are: one of several classes, any number of labels, or a value."
        ),
    ] = "classes",
    label_columns: Annotated[
        str,
        typer.Option(
            "--labels", metavar="NAME[,NAME...]", help="Column of the label; of labels of 0 and 1 several."
        ),
    ] = "label",
    method: Learning = "full",
    pooling: Pooled = "own",
    rank: Annotated[int, typer.Option("--rank", min=1, metavar="R", help="Of the adapters.")] = 8,
    alpha: Annotated[float, typer.Option("--alpha", metavar="A", help="Their scale is A / R.")] = 32.0,
    epochs: Epochs = 3.0,
    batch_size: BatchSize = 32,
    lr: Rate = 0.0,
    patience: Annotated[
        int,
        typer.Option(
            "--patience",
            min=0,
            metavar="N",
            help="Stop after N validations (two per epoch) without a gain; 0: do not.",
        ),
    ] = 4,
    class_weights: Annotated[
        bool, typer.Option("--class-weights", help="All classes count alike, however rare.")
    ] = False,
    one_strand: Annotated[
        bool, typer.Option("--one-strand", help="The strand matters: do not show and average both.")
    ] = False,
    pretrain_epochs: PretrainEpochs = 0.0,
    average_decay: AverageDecay = 0.0,
    new_weights: Annotated[
        bool, typer.Option("--new-weights", help="Begin with new weights: what is pre-training worth?")
    ] = False,
    unfreeze: Annotated[
        Literal["all", "gradual"],
        typer.Option(
            "--unfreeze",
            help="gradual: first the head alone, then with every validation one layer more, from the top.",
        ),
    ] = "all",
    dropout: Annotated[
        float | None, typer.Option("--dropout", min=0, max=0.9, metavar="P", help="Default: the model's.")
    ] = None,
    max_bp: Annotated[
        int, typer.Option("--max-bp", min=0, metavar="BP", help="Cut longer sequences; 0: do not.")
    ] = 0,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", metavar="TOKENIZER", help="For a model that has none.")
    ] = "",
    cv: Annotated[
        int,
        typer.Option(
            "--cv", min=0, metavar="K", help="Cross-validation in K folds of the training set; 0: none."
        ),
    ] = 0,
    threads: Threads = None,
    device: TrainingDevice = "auto",
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of all that is drawn.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was stopped.")] = False,
) -> None:
    """Fine-tune a language model on labelled sequences; DIR/model is the best network by validation.

    Classes and labels are chosen by Matthews correlation, values by R2. DIR/figures.json has all figures with
    intervals, DIR/predictions.tsv the probabilities of every judged sequence.
    """
    from lexome import __version__
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.nn.lora import LoraConfig
    from lexome.tasks.language.crossvalidate import cross_validate
    from lexome.tasks.language.finetune import FinetuneRequest, Listener
    from lexome.tasks.language.finetune import finetune as work
    from lexome.tasks.language.finetune_config import FinetuneConfig

    if cv and (validation or test):
        raise UsageError("--cv divides the training set; leave out --validation and --test")
    if cv == 1:
        raise UsageError("--cv 1: two folds at least")
    try:
        config = FinetuneConfig(
            method, LoraConfig(rank, alpha), "" if pooling == "own" else pooling, not one_strand,
            class_weights, new_weights, -1.0 if dropout is None else dropout, unfreeze=unfreeze,
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(str(error)) from error
    request = FinetuneRequest(
        model, train, validation, tuple(test or ()), KINDS[task],  # type: ignore[arg-type]
        tuple(label_columns.split(",")), config, lr, epochs, batch_size, patience=patience,
        pretrain_epochs=pretrain_epochs, max_bp=max_bp, average_decay=average_decay, tokenizer=tokenizer,
        threads=threads or usable_cores(), device=device, seed=seed,
    )  # fmt: skip
    listener = Listener(_say, _log)
    with interruptible(lambda: kept_in(output)):
        if cv:
            folded = cross_validate(request, cv, output, __version__, resume=resume, listener=listener)
            for line in folded.lines():
                _say(line)
            return
        done = work(request, output, __version__, resume=resume, listener=listener)
    for line in done.lines():
        _say(line)
    _say(f"{output / 'model'}: best at step {done.best_step} of {done.steps}")


def _log(row: dict[str, Any]) -> None:
    """Tells a row of the training's log."""
    step = f"step {row['step']}"
    if "validation" in row:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in row["validation"].items())
        _say(f"{step}: validation: {figures}{' (best)' if row['best'] else ''}")
    elif "warning" in row:
        _say(f"{step}: warning: {row['warning']}")
    else:
        rate = row["speed"]["chunks_per_s"]
        _say(f"{step}: loss {row['loss']:.4f}, {rate:.4g} sequences/s, {row['seconds']:.0f} s")


def _say(line: str) -> None:
    typer.echo(f"lexome: {line}", err=True)
