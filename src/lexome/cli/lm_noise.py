"""`lexome lm noise`: does a sequence hold errors of sequencing?"""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.figures import JsonFile, check_outputs
from lexome.cli.lm_noise_flag import flag
from lexome.cli.lm_options import say

app = typer.Typer(
    name="noise",
    help="Find sequences with errors of sequencing.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Genomes = Annotated[
    list[str] | None,
    typer.Option("--genome", "-g", metavar="[NAME=]FASTA", help="A genome, by a species' name (repeatable)."),
]
Block = Annotated[
    int, typer.Option("--block", min=1, metavar="BP", help="Genomes are divided in blocks of BP.")
]
DevShare = Annotated[float, typer.Option("--dev", min=0.01, max=0.4, help="Part of the blocks for dev.")]
TestShare = Annotated[float, typer.Option("--test", min=0.01, max=0.4, help="Part of the blocks for test.")]
DevContigs = Annotated[
    list[str] | None,
    typer.Option("--dev-contig", metavar="CONTIG", help="A whole contig for dev instead (repeatable)."),
]
TestContigs = Annotated[
    list[str] | None,
    typer.Option("--test-contig", metavar="CONTIG", help="A whole contig for test instead (repeatable)."),
]
TestSpecies = Annotated[
    list[str] | None,
    typer.Option("--test-species", metavar="NAME", help="A genome that is only tested (repeatable)."),
]
MostAmbiguous = Annotated[
    float,
    typer.Option("--max-ambiguous", min=0, max=1, help="Largest part of a window that is no A, C, G, T."),
]
MostTraining = Annotated[
    int, typer.Option("--max-train", min=0, metavar="N", help="Windows to learn from at most; 0: all.")
]
MostTested = Annotated[
    int, typer.Option("--max-test", min=0, metavar="N", help="Windows of each other set at most; 0: all.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of all that is drawn.")]
Predictions = Annotated[
    list[str] | None,
    typer.Option(
        "--predictions",
        metavar="[NAME=]TSV",
        help="predictions.tsv of 'lexome lm finetune', judged beside them (repeatable).",
    ),
]
Longest = Annotated[
    int, typer.Option("--kmer", min=1, max=8, metavar="K", help="Longest k-mer of the regression.")
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of 'prepare'.")]
OutputFolder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")]


@app.callback()
def _group() -> None:
    """Find sequences with errors of sequencing."""


@app.command()
def prepare(
    output: OutputFolder,
    genome: Genomes = None,
    telomeres: Annotated[
        list[Path] | None,
        typer.Option("--telomeres", metavar="FILE", help="Motifs of telomeres: table or FASTA (repeatable)."),
    ] = None,
    length: Annotated[int, typer.Option("--length", min=8, metavar="BP", help="Of every window.")] = 512,
    insertion: Annotated[float, typer.Option("--insertion", min=0, max=0.3, help="Rate per base.")] = 0.02,
    deletion: Annotated[float, typer.Option("--deletion", min=0, max=0.3, help="Rate per base.")] = 0.02,
    mismatch: Annotated[float, typer.Option("--mismatch", min=0, max=0.3, help="Rate per base.")] = 0.02,
    block: Block = 20_000,
    dev: DevShare = 0.1,
    test: TestShare = 0.1,
    dev_contig: DevContigs = None,
    test_contig: TestContigs = None,
    test_species: TestSpecies = None,
    copies: Annotated[
        int,
        typer.Option(
            "--copies", min=1, max=64, metavar="N", help="Windows of train over each base, shifted."
        ),
    ] = 1,
    max_train: MostTraining = 0,
    max_test: MostTested = 0,
    telomere_windows: Annotated[
        int, typer.Option("--telomere-windows", min=6, metavar="N", help="Windows of telomeres in all sets.")
    ] = 2000,
    max_ambiguous: MostAmbiguous = 0.1,
    seed: Seed = 0,
) -> None:
    """Make windows of genomes and telomeres, half of them with errors, all of one length.

    Writes train.csv, dev.csv, test.csv (other regions) and test_species.csv (other genomes), with the columns
    sequence, label (clean or noisy), name, category (genomic or telomeric), species; meta.json with all
    counts; and train_regions.fa for the Markov baseline.
    """
    from lexome.cli.command_line import command_line
    from lexome.cli.progress import progress
    from lexome.tasks.language.noise import NoiseRates
    from lexome.tasks.language.noise_prepare import prepare_noise
    from lexome.tasks.language.noise_request import NoiseRequest
    from lexome.tasks.language.region_split import RegionConfig, named_files

    regions = RegionConfig(
        block, dev, test, tuple(dev_contig or ()), tuple(test_contig or ()), tuple(test_species or ()), seed
    )
    request = NoiseRequest(
        named_files(genome or []), tuple(telomeres or ()), length, NoiseRates(insertion, deletion, mismatch),
        regions, copies, max_train, max_test, telomere_windows, max_ambiguous, seed,
    )  # fmt: skip
    with progress("making", "windows") as show:
        report = prepare_noise(request, output, command_line(), show)
    for line in report.lines():
        say(line)


@app.command()
def baselines(
    folder: Folder,
    order: Annotated[int, typer.Option("--order", min=0, max=12, help="Of the Markov models.")] = 12,
    pseudo_count: Annotated[
        float, typer.Option("--pseudo-count", min=0.001, help="What the next lower order counts.")
    ] = 1.0,
    kmer: Longest = 7,
    predictions: Predictions = None,
    json_file: JsonFile = None,
) -> None:
    """Judge k-mer regression and Markov models on the sets of a folder, and networks beside them.

    Genomic and telomeric windows are judged apart; intervals are 95% bootstrap intervals over windows.
    """
    from lexome.report.files import write_json
    from lexome.report.tables import print_table
    from lexome.tasks.language.judged_sets import figures_table, plain_figures
    from lexome.tasks.language.noise_baselines import BaselineConfig, about, noise_baselines
    from lexome.tasks.language.region_split import named_files

    check_outputs(json_file)
    config = BaselineConfig(kmer, order, pseudo_count)
    scored = noise_baselines(folder, config, named_files(predictions or []), say)
    if json_file is not None:
        write_json(json_file, plain_figures(scored, about(folder, config)))
    print_table(figures_table(scored, "Windows with errors found"))


app.command()(flag)
