"""Options of fine-tuning that `lexome lm finetune` and `lexome lm gue run` share."""

from typing import Annotated, Literal

import typer

Epochs = Annotated[
    float, typer.Option("--epochs", min=0.01, metavar="E", help="Times through the training set.")
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, metavar="N", help="Sequences of a step.")]
Rate = Annotated[
    float, typer.Option("--lr", min=0, metavar="RATE", help="Highest learning rate; 0: the usual one.")
]
Pooled = Annotated[
    Literal["own", "mean", "max", "first", "pooler"],
    typer.Option(
        "--pooling",
        help="What the head sees of a sequence: the mean or the highest of its tokens' features, the first "
        "token; own: the mean, or what the model's own head sees.",
    ),
]
Learning = Annotated[
    Literal["full", "lora", "probe"],
    typer.Option("--method", help="What learns: all, adapters and head, or the head alone."),
]
PretrainEpochs = Annotated[
    float,
    typer.Option(
        "--pretrain-epochs",
        min=0,
        metavar="E",
        help="First pre-train further on the training sequences, without their labels.",
    ),
]
AverageDecay = Annotated[
    float,
    typer.Option(
        "--average-decay",
        min=0,
        max=0.99999,
        metavar="D",
        help="Try a moving average of the weights too; 0: do not.",
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")]
TrainingDevice = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda:N", help="Where to train.")]
