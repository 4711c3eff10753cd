"""`lexome evaluate correction`: corrected PacBio reads against the truth."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.figures import JsonFile, PageFile, check_outputs, give_out


def correction(
    corrected: Annotated[
        Path,
        typer.Argument(help="Corrected reads: SAM, BAM, CRAM, FASTQ or FASTA, named as their CCS reads."),
    ],
    truth: Annotated[
        Path,
        typer.Option(
            "--truth",
            metavar="TRUTH",
            help="True molecules: BAM, aligned to their CCS reads, or FASTA by the names of the reads.",
        ),
    ],
    ccs: Annotated[
        Path | None, typer.Option("--ccs", metavar="BAM", help="The CCS reads, to be judged beside.")
    ] = None,
    subreads: Annotated[
        Path | None,
        typer.Option(
            "--subreads",
            metavar="BAM",
            help="Subreads aligned to the CCS reads: their majority vote is judged beside.",
        ),
    ] = None,
    json_file: JsonFile = None,
    report: PageFile = None,
    min_quality: Annotated[
        float,
        typer.Option(
            "--min-quality",
            min=0,
            max=93,
            metavar="Q",
            help="Lowest predicted quality of reads that count for the yields.",
        ),
    ] = 20.0,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, metavar="N", help="Threads that align (default: all cores)."),
    ] = None,
) -> None:
    """Align corrected reads to the truth and report errors, yields and quality calibration.

    Every read is aligned to the truth of its own molecule from end to end with the fewest edits. With --ccs
    and --subreads the CCS reads and the majority vote of the subreads are judged in the same way: a corrector
    is of use if it beats both. A molecule without a corrected read is lost yield. The tables go to stdout;
    docs/evaluate-correction.md defines each figure.
    """
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.report.correction import correction_table, ratio_table, write_correction_page
    from lexome.tasks.correct.evaluation import EvaluationRequest, evaluate_correction

    request = EvaluationRequest(corrected, truth, ccs, subreads, min_quality, threads or usable_cores())
    request.check()
    check_outputs(json_file, report)
    with progress("evaluating", "reads") as show:
        figures = evaluate_correction(request, show).to_json()
    tables = [table for table in (correction_table(figures), ratio_table(figures)) if table is not None]
    give_out(figures, tables, write_correction_page, json_file, report)
    own = figures["sets"]["corrected"]
    if own["missing"] or own["too_unlike"]:
        lost = own["missing"] + own["too_unlike"]
        typer.echo(
            f"lexome: {lost} of {figures['molecules']} molecules have no corrected read that looks like "
            "their truth; they count as lost yield",
            err=True,
        )
