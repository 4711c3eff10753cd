"""`lexome calibrate`: base qualities of corrected reads against the truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lexome.checkpoint.store import Checkpoint


def calibrate(
    corrected: Annotated[
        Path,
        typer.Argument(help="Reads of lexome correct --calibration skip --skip-windows-above 0."),
    ],
    truth: Annotated[
        Path,
        typer.Option(
            "--truth",
            metavar="TRUTH",
            help="True molecules: BAM, aligned to their CCS reads, or FASTA by the names of the reads.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODEL", help="The read corrector that made the reads."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder to write: MODEL with its calibration."),
    ] = None,
    bed: Annotated[
        Path | None,
        typer.Option("--bed", metavar="BED", help="Where on a genome each molecule comes from."),
    ] = None,
    regions: Annotated[
        list[str] | None,
        typer.Option(
            "--regions",
            metavar="REGION",
            help="Use only molecules from CONTIG or CONTIG:START-END (needs --bed); may be repeated.",
        ),
    ] = None,
    deletions: Annotated[
        bool,
        typer.Option(
            "--deletions/--no-deletions",
            help="Whether a right base behind lost ones counts as wrong; DeepConsensus does not count it.",
        ),
    ] = True,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, metavar="N", help="Threads that align (default: all cores)."),
    ] = None,
) -> None:
    """Fit a read corrector's qualities to the errors that its reads have against the truth.

    The table on stdout has a line for each quality: matching bases, mismatches (with inserted bases), and how
    many of the matches stand behind lost bases. The calibration is fitted on half of the molecules; its error
    on the other half is said beside it. CORRECTED must be made with --calibration skip and
    --skip-windows-above 0, else with -o the command is refused.
    """
    from lexome.checkpoint.store import load, save
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.tasks.correct import calibrate as task
    from lexome.tasks.correct.regions import Region
    from lexome.train.card import model_card

    if (model is None) != (output is None):
        raise UsageError("-m and -o belong together: a model, and where to write it with its calibration")
    if output is not None and output.exists():
        raise UsageError(f"{output}: exists already; choose another output folder or remove it first")
    chosen = tuple(Region.parse(text) for text in regions or ())
    request = task.CalibrateRequest(corrected, truth, bed, chosen, deletions, threads or usable_cores())
    request.check()
    checkpoint = None if model is None else load(model)
    if checkpoint is not None:
        task.check_model(checkpoint)
    _check_raw(corrected, checkpoint)
    with progress("measuring", "reads") as show:
        measured = task.measure(request, show)
    typer.echo("baseq\tmatches\tmismatches\tdeletions")
    for row in task.table_rows(measured):
        typer.echo("\t".join(map(str, row)))
    typer.echo(
        f"lexome: {measured.molecules} molecules, {measured.molecules_held_out} of them held out; not used: "
        f"{measured.without_truth} reads without truth (or again), {measured.outside} outside of the "
        f"regions, {measured.too_unlike} not like their truth",
        err=True,
    )
    fitted = task.fit(measured, deletions)
    typer.echo(f"lexome: --calibration {fitted.text}", err=True)
    typer.echo(
        f"lexome: expected calibration error on the held-out molecules: {fitted.error_before:.6f} before, "
        f"{fitted.error_after:.6f} after",
        err=True,
    )
    if not fitted.helps:
        typer.echo("lexome: warning: it does not help on the held-out molecules", err=True)
    if checkpoint is not None and output is not None:
        changed = task.calibrated(checkpoint, fitted, measured)
        save(output, changed, model_card(changed))
        typer.echo(f"lexome: Q = {fitted.text} (threshold, w, b), written to {output}", err=True)


def _check_raw(corrected: Path, model: "Checkpoint | None") -> None:
    """Refuses to calibrate a model by qualities that are not its own; without a model it only warns."""
    from lexome.core.errors import UsageError
    from lexome.tasks.correct.raw_qualities import why_not_raw

    raw, why = why_not_raw(corrected, model)
    if raw:
        return
    advice = "make it with lexome correct --calibration skip --skip-windows-above 0"
    if raw is False and model is not None:
        raise UsageError(f"{corrected}: {why}; {advice}")
    typer.echo(f"lexome: warning: {corrected}: {why}; to calibrate a model, {advice}", err=True)
