"""`lexome evaluate correction`: corrected PacBio reads against the truth."""

from pathlib import Path
from typing import Annotated

import typer


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
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures here as JSON.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write a self-contained HTML page here.")
    ] = None,
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
    from lexome.cli.command_line import command_line
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.report.correction import correction_table, ratio_table, write_correction_page
    from lexome.report.files import check_can_write, write_json
    from lexome.report.tables import print_table
    from lexome.tasks.correct.evaluation import EvaluationRequest, evaluate_correction

    request = EvaluationRequest(corrected, truth, ccs, subreads, min_quality, threads or usable_cores())
    request.check()
    for output in (json_file, report):
        if output is not None:
            check_can_write(output)
    with progress("evaluating", "reads") as show:
        figures = evaluate_correction(request, show).to_json()
    if json_file is not None:
        write_json(json_file, figures)
    if report is not None:
        write_correction_page(report, figures, command_line())
    print_table(correction_table(figures))
    ratios = ratio_table(figures)
    if ratios is not None:
        typer.echo()
        print_table(ratios)
    own = figures["sets"]["corrected"]
    if own["missing"] or own["too_unlike"]:
        lost = own["missing"] + own["too_unlike"]
        typer.echo(
            f"lexome: {lost} of {figures['molecules']} molecules have no corrected read that looks like "
            "their truth; they count as lost yield",
            err=True,
        )
