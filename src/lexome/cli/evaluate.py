"""`lexome evaluate`: scores results against a truth."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.evaluate_correction import correction
from lexome.cli.evaluate_layers import layers, receptive_field
from lexome.cli.evaluate_models import agreement, attention, similarity
from lexome.cli.figures import JsonFile, PageFile, check_outputs

app = typer.Typer(
    name="evaluate", help="Score results against a truth.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Score results against a truth."""


@app.command()
def reads(
    calls: Annotated[Path, typer.Argument(help="Called reads: SAM, BAM, CRAM, FASTQ or FASTA.")],
    reference: Annotated[
        Path,
        typer.Option("--reference", metavar="REF", help="The sequence they come from: FASTA (may be .gz)."),
    ],
    json_file: JsonFile = None,
    report: PageFile = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, metavar="N", help="Threads that align (default: all cores)."),
    ] = None,
) -> None:
    """Align called reads to a reference and report identity, errors and quality calibration.

    Every read is aligned anew with minimap2, whatever alignments CALLS holds. The table of figures goes to
    stdout; docs/metrics.md defines each. Identity is matches / alignment columns of a read's best primary
    alignment.
    """
    from lexome.cli.command_line import command_line
    from lexome.cli.progress import progress
    from lexome.core.cores import usable_cores
    from lexome.evaluate.reads import evaluate_file
    from lexome.report.reads import reads_table
    from lexome.report.tables import print_table
    from lexome.tasks.evaluation import write_evaluation

    check_outputs(json_file, report)
    with progress("evaluating", "reads") as show:
        result = evaluate_file(calls, reference, threads=threads or usable_cores(), progress=show)
    write_evaluation(result, command_line(), json_file=json_file, page=report)
    if not result.figures.mapped:
        typer.echo(f"lexome: warning: no read aligned; is {reference} the right reference?", err=True)
    print_table(reads_table(result.to_json()))


app.command()(correction)
app.command()(similarity)
app.command()(agreement)
app.command()(attention)
app.command()(receptive_field)
app.command()(layers)
