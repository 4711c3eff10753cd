"""`lexome finetune`: a model, reads and their reference into a better model for such reads."""

from pathlib import Path
from typing import Annotated

import typer


def finetune(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="The basecaller to begin with: bundled name, or folder.")
    ],
    reads: Annotated[
        list[Path],
        typer.Option("--reads", metavar="READS", help="Signal file, or folder of them (repeatable)."),
    ],
    reference: Annotated[
        Path, typer.Option("--reference", metavar="REF", help="What was sequenced: FASTA (may be .gz).")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, and all that led to it.")
    ],
    validation: Annotated[
        list[str] | None,
        typer.Option(
            "--validation",
            metavar="CONTIG:START-END",
            help="Hold this stretch out: its first half chooses the network, its second half judges it "
            "(repeatable; default: the last tenth of the longest contig, at least 2 kb).",
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.1, metavar="M", help="Time to train, after the labelling.")
    ] = 10.0,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps", min=1, metavar="N", help="Train so many steps instead, for the same bits again."
        ),
    ] = None,
    lr: Annotated[float, typer.Option("--lr", metavar="RATE", help="Highest learning rate.")] = 5e-4,
    levels: Annotated[
        Path | None,
        typer.Option("--levels", metavar="TABLE", help="K-mer levels (default: the bundled R9.4.1 ones)."),
    ] = None,
    max_reads: Annotated[
        int | None, typer.Option("--max-reads", min=1, metavar="N", help="Take only the first N reads.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of the order of the data.")] = 0,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders too.")] = False,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a fine-tuning in DIR that was stopped.")
    ] = False,
) -> None:
    """Train a basecaller further on your reads of a known sequence, for more reads like them.

    The reads are called with MODEL, placed on the reference and cut into labelled chunks; MODEL's weights are
    trained on these, calibrated, and compared with MODEL on a stretch of the reference that was held out.
    """
    from contextlib import ExitStack

    from lexome import __version__
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.cli.skipped import echo_skipped
    from lexome.core.cores import usable_cores
    from lexome.core.records import Skipped
    from lexome.tasks.basecall.finetune import FinetuneRequest
    from lexome.tasks.basecall.finetune import finetune as work
    from lexome.tasks.basecall.intervals import parse_interval

    request = FinetuneRequest(
        model, reads, reference, tuple(parse_interval(v) for v in validation or ()), minutes, steps or 0, lr,
        levels, max_reads, recursive, threads or usable_cores(), seed,
    )  # fmt: skip
    skipped: list[Skipped] = []
    with interruptible(lambda: _kept(output)), ExitStack() as labelling:
        show = labelling.enter_context(progress("labelling", "reads"))

        def log(row: dict) -> None:
            labelling.close()
            if "validation" in row:
                identity = row["validation"]["label_identity_mean"]
                best = " (best)" if row["best"] else ""
                _say(f"step {row['step']}: label identity {identity:.4f} where it chooses{best}")
            elif "warning" in row:
                _say(f"step {row['step']}: warning: {row['warning']}")
            else:
                _say(f"step {row['step']}: loss {row['loss']:.4f}, {row['seconds']:.0f} s")

        done = work(
            request, output, __version__, resume=resume, on_progress=show, on_skip=skipped.append,
            on_note=_say, on_log=log,
        )  # fmt: skip
    for line in done.notes:
        _say(line)
    echo_skipped(skipped)
    gain = done.gain
    _say(
        f"{done.model}: label identity {gain.tuned_identity:.4f}, {model}: {gain.base_identity:.4f}; "
        f"{gain.text()} on {gain.chunks} held-out chunks of {gain.reads} reads"
    )


def _say(line: str) -> None:
    typer.echo(f"lexome: {line}", err=True)


def _kept(output: Path) -> str:
    if not output.is_dir():
        return "nothing was begun"
    return f"{output} holds what was done; --resume goes on from there"
