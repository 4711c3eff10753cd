"""`lexome lm annotate`: what a stretch of DNA does."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lexome.cli.figures import JsonFile, check_outputs
from lexome.cli.lm_annotate_run import run, train
from lexome.cli.lm_noise import (
    Block,
    DevContigs,
    DevShare,
    Folder,
    Genomes,
    Longest,
    MostAmbiguous,
    OutputFolder,
    Predictions,
    Seed,
    TestContigs,
    TestShare,
    TestSpecies,
)
from lexome.cli.lm_options import say

app = typer.Typer(
    name="annotate", help="Tell the function of DNA.", no_args_is_help=True, rich_markup_mode=None
)
Choice = Literal["other", "leave-out"]


@app.callback()
def _group() -> None:
    """Tell the function of DNA."""


@app.command()
def prepare(
    output: OutputFolder,
    genome: Genomes = None,
    gff: Annotated[
        list[Path] | None,
        typer.Option(
            "--gff", metavar="GFF3", help="Features of a genome, in the order of --genome (repeatable)."
        ),
    ] = None,
    length: Annotated[int, typer.Option("--length", min=8, metavar="BP", help="Of every fragment.")] = 512,
    cover: Annotated[
        float, typer.Option("--cover", min=0.1, max=1, help="Part of a fragment that must be of its class.")
    ] = 0.5,
    unknown: Annotated[
        Choice, typer.Option("--unknown", help="What becomes of features of unknown types.")
    ] = "other",
    rare: Annotated[
        Choice, typer.Option("--rare", help="What becomes of classes with too few training fragments.")
    ] = "leave-out",
    min_per_class: Annotated[
        int, typer.Option("--min-per-class", min=1, metavar="N", help="Training fragments that are enough.")
    ] = 30,
    max_per_class: Annotated[
        int, typer.Option("--max-per-class", min=0, metavar="N", help="Training fragments at most; 0: all.")
    ] = 0,
    block: Block = 20_000,
    dev: DevShare = 0.1,
    test: TestShare = 0.1,
    dev_contig: DevContigs = None,
    test_contig: TestContigs = None,
    test_species: TestSpecies = None,
    max_ambiguous: MostAmbiguous = 0.1,
    seed: Seed = 0,
) -> None:
    """Cut genomes into fragments and give each the class of the features that cover it.

    Writes train.csv, dev.csv, test.csv (other regions) and test_species.csv (other genomes), with the columns
    sequence, label (the class), answer (type|name|function), name and species; meta.json has all counts.
    """
    from lexome.cli.command_line import command_line
    from lexome.cli.progress import progress
    from lexome.core.errors import UsageError
    from lexome.tasks.language.annotate_prepare import AnnotateRequest, prepare_annotation
    from lexome.tasks.language.region_split import RegionConfig, named_files

    genomes, annotations = named_files(genome or []), gff or []
    if len(genomes) != len(annotations):
        raise UsageError(
            f"{len(genomes)} genomes and {len(annotations)} GFF3 files; give one --gff per --genome"
        )
    regions = RegionConfig(
        block, dev, test, tuple(dev_contig or ()), tuple(test_contig or ()), tuple(test_species or ()), seed
    )
    request = AnnotateRequest(
        genomes, dict(zip(genomes, annotations, strict=True)), length, cover, unknown, rare, min_per_class,
        max_per_class, regions, max_ambiguous, seed,
    )  # fmt: skip
    with progress("cutting", "bases") as show:
        report = prepare_annotation(request, output, command_line(), show)
    for line in report.lines():
        say(line)


@app.command()
def baselines(
    folder: Folder, kmer: Longest = 6, predictions: Predictions = None, json_file: JsonFile = None
) -> None:
    """Judge k-mer regression on the sets of a folder, class by class, and networks beside it."""
    from lexome.report.files import write_json
    from lexome.report.tables import print_table
    from lexome.tasks.language.annotate_evaluate import annotation_scores
    from lexome.tasks.language.judged_sets import class_table, figures_table, plain_figures
    from lexome.tasks.language.region_split import named_files

    check_outputs(json_file)
    scored = annotation_scores(folder, kmer, named_files(predictions or []), say)
    if json_file is not None:
        write_json(json_file, plain_figures(scored, {"folder": str(folder), "longest_kmer": kmer}))
    print_table(figures_table(scored, "Function of fragments"))
    typer.echo()
    print_table(class_table(scored, "F1 by class"))


app.command()(train)
app.command()(run)
