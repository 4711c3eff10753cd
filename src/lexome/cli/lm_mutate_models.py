"""`lexome lm mutate train` and `run`: models that write children of sequences."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexome.cli.lm_options import Device, Model, say
from lexome.cli.lm_training import AverageDecay, BatchSize, Epochs, Rate, Threads, TrainingDevice

if TYPE_CHECKING:
    from lexome.tasks.language.mutate_write import Child, ChildrenConfig

PairsFile = Annotated[
    Path,
    typer.Option("--pairs", metavar="TSV", help="Pairs with their sets, from 'lexome lm mutate prepare'."),
]
Beams = Annotated[
    int, typer.Option("--beams", min=1, metavar="N", help="Children that are followed at once, and given.")
]
LengthChange = Annotated[
    int,
    typer.Option(
        "--length-change",
        min=0,
        metavar="BP",
        help="A child is shorter or longer by BP letters at most.",
    ),
]
RankBy = Annotated[
    str | None,
    typer.Option(
        "--rank-by", metavar="MODEL", help="Order the children of a parent by a classifier, such as of noise."
    ),
]
RankClass = Annotated[
    str, typer.Option("--rank-class", metavar="NAME", help="The classifier's class that is good (clean).")
]
ParentsAtOnce = Annotated[
    int,
    typer.Option("--batch-size", min=1, metavar="N", help="Parents worked on at once: memory and speed."),
]


def train(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model that writes text, or a recipe (.toml) of one with new weights.",
        ),
    ],
    pairs: PairsFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    tokenizer: Annotated[
        str,
        typer.Option("--tokenizer", metavar="TOKENIZER", help="Instead of the recipe's, such as one of BPE."),
    ] = "",
    epochs: Epochs = 10.0,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, metavar="M", help="Train so long instead; 0: by epochs.")
    ] = 0.0,
    copy_steps: Annotated[
        int | None,
        typer.Option(
            "--copy-steps",
            min=0,
            metavar="N",
            help="First train N steps on copies of random sequences (default: 1500 for new weights, else 0).",
        ),
    ] = None,
    copy_bp: Annotated[
        int, typer.Option("--copy-bp", min=1, metavar="BP", help="Length of these at first; it grows.")
    ] = 24,
    changed_weight: Annotated[
        int,
        typer.Option(
            "--changed-weight", min=1, metavar="N", help="Show pairs that changed N times as often as others."
        ),
    ] = 1,
    batch_size: BatchSize = 16,
    lr: Rate = 0.0,
    label_smoothing: Annotated[
        float, typer.Option("--label-smoothing", min=0, max=0.5, metavar="S", help="Of the loss.")
    ] = 0.0,
    patience: Annotated[
        int,
        typer.Option(
            "--patience",
            min=0,
            metavar="N",
            help="Stop after N epochs without a better loss; 0: do not.",
        ),
    ] = 0,
    average_decay: AverageDecay = 0.0,
    threads: Threads = None,
    device: TrainingDevice = "auto",
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of all that is drawn.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was stopped.")] = False,
) -> None:
    """Train a model to write children of sequences; DIR/model is the best one by its loss in validation."""
    from lexome import __version__
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.core.cores import usable_cores
    from lexome.tasks.language.finetune import Listener
    from lexome.tasks.language.mutate_train import MutateRequest, log_line, train_mutations

    request = MutateRequest(
        model, pairs, tokenizer, copy_steps, copy_bp, changed_weight, epochs, lr, batch_size, label_smoothing,
        patience=patience, average_decay=average_decay, minutes=minutes, threads=threads or usable_cores(),
        device=device, seed=seed,
    )  # fmt: skip
    with interruptible(lambda: kept_in(output)):
        done = train_mutations(
            request,
            output,
            __version__,
            resume=resume,
            listener=Listener(say, lambda row: say(log_line(row))),
        )
    for name, figures in done.figures.items():
        say(f"{name}: {', '.join(f'{key} {value:.4f}' for key, value in figures.items() if key != 'tokens')}")
    say(f"{output / 'model'}: best at step {done.best_step} of {done.steps}")


def run(
    model: Model,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Parents: FASTA, or CSV with a column 'sequence'; also .gz."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT", help=".tsv, .fasta or .fa, also .gz; default: TSV on stdout."
        ),
    ] = None,
    beams: Beams = 5,
    length_change: LengthChange = 20,
    length_penalty: Annotated[
        float,
        typer.Option(
            "--length-penalty",
            min=0,
            metavar="A",
            help="Order by log-probability / tokens ** A.",
        ),
    ] = 0.0,
    letters: Annotated[
        str, typer.Option("--letters", metavar="LETTERS", help="Of which children consist.")
    ] = "ACGT",
    rank_by: RankBy = None,
    rank_class: RankClass = "",
    batch_size: ParentsAtOnce = 16,
    device: Device = "auto",
) -> None:
    """Write the likeliest children of sequences, the best first.

    A row per child: name of the parent, rank, edits from the parent, log-probability (nats), the classifier's
    score if there is one, sequence. In FASTA the name is that of the parent, "_", and the rank.
    """
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.tasks.language.mutate_files import check_children_output, read_parents, write_children_file

    check_children_output(output)
    names, parents = read_parents(files)
    config = children_config(beams, length_change, batch_size, length_penalty, letters)
    with interruptible(lambda: "nothing was written"):
        rank = opened_ranker(rank_by, rank_class, device)
        with progress("writing", "parents", len(parents)) as show:
            children = children_of(model, parents, config, rank, device, show)
    write_children_file(output, names, parents, children)


def children_config(
    beams: int, length_change: int, batch_size: int, length_penalty: float = 0.0, letters: str = "ACGT"
) -> "ChildrenConfig":
    """The options of writing children."""
    from lexome.tasks.language.mutate_write import ChildrenConfig

    return ChildrenConfig(beams, length_change, length_penalty, letters.upper(), batch_size)


def opened_ranker(
    model: str | None, wanted: str, device: str
) -> Callable[[Sequence[str]], Sequence[float]] | None:
    """The classifier that ranks; None without one."""
    from lexome.tasks.language.model import open_language_model
    from lexome.tasks.language.mutate_write import ranker

    return None if model is None else ranker(open_language_model(model, device=device), wanted)


def children_of(
    name: str, parents: Sequence[str], config: "ChildrenConfig",
    rank: Callable[[Sequence[str]], Sequence[float]] | None, device: str, show: Callable[[float], None],
) -> "list[list[Child]]":  # fmt: skip
    """Opens a model and writes children with it."""
    from lexome.tasks.language.model import open_language_model
    from lexome.tasks.language.mutate_write import check_writer, write_children

    model = open_language_model(name, device=device)
    check_writer(model)
    return write_children(model, parents, config, rank=rank, show=show)
