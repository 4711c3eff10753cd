"""`lexome finetune`: a model, reads and their true sequence into a better model for such reads."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer


def finetune(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="The network to begin with: bundled name, or folder.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, and all that led to it.")
    ],
    reads: Annotated[
        list[Path] | None,
        typer.Option(
            "--reads", metavar="READS", help="Of a basecaller: signal file, or folder of them (repeatable)."
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference", metavar="REF", help="Of a basecaller: what was sequenced: FASTA (may be .gz)."
        ),
    ] = None,
    subreads: Annotated[
        Path | None,
        typer.Option(
            "--subreads", metavar="BAM", help="Of a corrector: subreads aligned to their CCS reads, by ZMW."
        ),
    ] = None,
    ccs: Annotated[
        Path | None, typer.Option("--ccs", metavar="BAM", help="Of a corrector: the CCS reads.")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth", metavar="BAM", help="Of a corrector: true sequences, aligned to the CCS reads."
        ),
    ] = None,
    places: Annotated[
        Path | None,
        typer.Option("--bed", metavar="BED", help="Of a corrector: where on a genome each truth lies."),
    ] = None,
    validation: Annotated[
        list[str] | None,
        typer.Option(
            "--validation",
            metavar="CONTIG:START-END",
            help="Of a basecaller: hold this stretch out; its first half chooses the network, its second "
            "half judges it (repeatable; default: the last tenth of the longest contig, at least 2 kb).",
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
        typer.Option(
            "--levels",
            metavar="TABLE",
            help="Of a basecaller: k-mer levels (default: the bundled R9.4.1 ones).",
        ),
    ] = None,
    max_reads: Annotated[
        int | None,
        typer.Option("--max-reads", min=1, metavar="N", help="Take only the first N reads, or ZMWs."),
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
    """Train a model further on your reads of a known sequence, for more reads like them.

    A basecaller: the reads are called with MODEL, placed on the reference and cut into labelled chunks;
    MODEL's weights are trained on these, calibrated, and compared with MODEL on a stretch of the reference
    that was held out. A read corrector: subreads, CCS reads and truth are cut into windows, and some of the
    molecules are held out.
    """
    from lexome.core.errors import UsageError

    of_corrector = {"--subreads": subreads, "--ccs": ccs, "--truth": truth, "--bed": places}
    of_basecaller = {
        "--reads": reads, "--reference": reference, "--validation": validation, "--levels": levels,
    }  # fmt: skip
    given = [[name for name, value in one.items() if value] for one in (of_basecaller, of_corrector)]
    if all(given):
        raise UsageError(f"{given[0][0]} is for a basecaller, {given[1][0]} for a corrector: not both")
    if given[1]:
        if subreads is None or ccs is None or truth is None or places is None:
            missing = ", ".join(name for name, value in of_corrector.items() if value is None)
            raise UsageError(f"{missing} missing: a corrector needs {', '.join(of_corrector)}")
        files = (subreads, ccs, truth, places)
        _finetune_corrector(model, files, (minutes, steps or 0, lr, max_reads), threads, seed, output, resume)
        return
    if not reads or reference is None:
        raise UsageError(
            "name --reads and --reference (a basecaller), or --subreads, --ccs, --truth, --bed (a corrector)"
        )
    from contextlib import ExitStack

    from lexome import __version__
    from lexome.cli.interrupts import interruptible, kept_in
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
    with interruptible(lambda: kept_in(output)), ExitStack() as labelling:
        show = labelling.enter_context(progress("labelling", "reads"))

        def log(row: dict) -> None:
            labelling.close()
            _log(row, lambda found: f"label identity {found['label_identity_mean']:.4f}")

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


def _finetune_corrector(
    model: str,
    files: tuple[Path, Path, Path, Path],
    training: tuple[float, int, float, int | None],
    threads: int | None,
    seed: int,
    output: Path,
    resume: bool,
) -> None:
    from contextlib import ExitStack

    from lexome import __version__
    from lexome.cli.interrupts import interruptible, kept_in
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.tasks.correct.finetune import CorrectorFinetuneRequest, finetune_corrector

    request = CorrectorFinetuneRequest(model, *files, *training, threads or usable_cores(), seed)
    with interruptible(lambda: kept_in(output)), ExitStack() as cutting:
        show = cutting.enter_context(progress("cutting windows", "ZMWs"))

        def log(row: dict) -> None:
            cutting.close()
            _log(row, lambda found: f"{found['errors']:.0f} errors")

        done = finetune_corrector(
            request, output, __version__, resume=resume, on_note=_say, on_progress=show, on_log=log
        )
    for line in done.notes:
        _say(line)
    gain = done.gain
    _say(
        f"{done.model}: {gain.tuned.total} errors, {request.model}: {gain.base.total} (ratio "
        f"{gain.ratio.text()}), CCS reads: {gain.ccs.total}, majority vote: {gain.majority.total}; in "
        f"{gain.windows} held-out windows of {gain.molecules} molecules"
    )


def _log(row: dict, of_validation: Callable[[dict], str]) -> None:
    """Tells a row of the training's log."""
    if "validation" in row:
        best = " (best)" if row["best"] else ""
        _say(f"step {row['step']}: {of_validation(row['validation'])} where it chooses{best}")
    elif "warning" in row:
        _say(f"step {row['step']}: warning: {row['warning']}")
    else:
        _say(f"step {row['step']}: loss {row['loss']:.4f}, {row['seconds']:.0f} s")


def _say(line: str) -> None:
    typer.echo(f"lexome: {line}", err=True)
