"""`lexome lm annotate run` and `lexome lm annotate train`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lexome.cli.lm_options import BatchTokens, Device, TokenizerFile, say
from lexome.cli.lm_training import BatchSize, Epochs, Threads, TrainingDevice


def run(
    files: Annotated[
        list[Path], typer.Argument(metavar="FASTA...", help="Sequences of any length; may be .gz.")
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="Fine-tuned on a folder of 'prepare'.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help=".bed, .gff3 or .gff.")],
    window: Annotated[
        int, typer.Option("--window", min=8, metavar="BP", help="As the model was trained with.")
    ] = 512,
    step: Annotated[
        int | None,
        typer.Option("--step", min=1, metavar="BP", help="To the next window (default: half of one)."),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge/--windows", help="A line per stretch of one class, or per window.")
    ] = True,
    min_probability: Annotated[
        float, typer.Option("--min-probability", min=0, max=1, help="Leave less probable windows out.")
    ] = 0.0,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", metavar="CLASS", help="Do not write this class (repeatable)."),
    ] = None,
    batch_tokens: BatchTokens = 4096,
    device: Device = "auto",
    tokenizer: TokenizerFile = None,
) -> None:
    """Write the function along sequences as a track: where, which class, how probable.

    Windows overlap; each stands for the part that is nearer to its middle than to that of others. Any letters
    are read as they are; one sequence is in memory at a time.
    """
    from lexome.cli.progress import progress
    from lexome.tasks.language.annotate_track import TrackConfig, check_track_output, write_track
    from lexome.tasks.language.model import open_language_model

    check_track_output(output)
    config = TrackConfig(
        window, step or max(1, window // 2), merge, min_probability, tuple(leave_out or ()),
        batch_tokens=batch_tokens,
    )  # fmt: skip
    opened = open_language_model(model, device=device, tokenizer=tokenizer)
    with progress("annotating", "bases") as show:
        report = write_track(opened, files, output, config, show)
    for line in report.told():
        say(line)


def train(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of 'prepare'.")],
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="With a decoder of text (enbed).")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder to write.")],
    epochs: Epochs = 3.0,
    batch_size: BatchSize = 32,
    lr: Annotated[
        float, typer.Option("--lr", min=1e-9, metavar="RATE", help="Highest learning rate.")
    ] = 5e-4,
    new_weights: Annotated[
        bool, typer.Option("--new-weights", help="Begin with new weights: what is pre-training worth?")
    ] = False,
    max_answer: Annotated[
        int, typer.Option("--max-answer", min=2, metavar="N", help="Tokens of an answer at most.")
    ] = 128,
    beams: Annotated[int, typer.Option("--beams", min=1, max=64, help="When answers are judged.")] = 1,
    max_judged: Annotated[
        int, typer.Option("--max-judged", min=0, metavar="N", help="Answers to judge of each set; 0: all.")
    ] = 500,
    threads: Threads = None,
    device: TrainingDevice = "auto",
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of all that is drawn.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was stopped.")] = False,
) -> None:
    """Teach a decoder to write type|name|function of fragments; OUT/model is the best by validation.

    As a classifier, fine-tune on train.csv with 'lexome lm finetune'.
    """
    from lexome import __version__
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.core.cores import usable_cores
    from lexome.tasks.language.annotate_text import TextRequest, train_text

    request = TextRequest(
        model, folder, epochs, batch_size, lr, new_weights, max_answer, beams, max_judged,
        threads or usable_cores(), device, seed,
    )  # fmt: skip
    with interruptible(lambda: kept_in(output)):
        figures = train_text(request, output, __version__, resume=resume, on_log=_log)
    for split, told in figures.items():
        right = ", ".join(f"{part} {share:.3f}" for part, share in told["right"].items())
        whole = f"whole answer {told['whole_answer']:.3f}, F1 of types {told['f1_macro']:.3f}"
        say(f"{split} ({told['fragments']} fragments): right: {right}; {whole}")


def _log(row: dict[str, Any]) -> None:
    if "validation" in row:
        told = ", ".join(f"{name} {value:.4f}" for name, value in row["validation"].items())
        say(f"step {row['step']}: validation: {told}{' (best)' if row['best'] else ''}")
    elif "loss" in row:
        say(f"step {row['step']}: loss {row['loss']:.4f}")
