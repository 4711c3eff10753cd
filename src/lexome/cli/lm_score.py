"""`lexome lm score`: variants by how likely a masked language model finds them."""

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.lm_options import BatchTokens, Device, Model, TokenizerFile, echo_tally, say


class MethodName(StrEnum):
    """What is masked."""

    masked = "masked"
    full = "full"


def score(
    model: Model,
    vcf: Annotated[Path, typer.Argument(metavar="VCF", help="Variants (may be .gz).")],
    genome: Annotated[Path, typer.Argument(metavar="GENOME", help="FASTA that they were called against.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help=".tsv, .csv or .parquet; default: TSV on stdout."),
    ] = None,
    method: Annotated[
        MethodName,
        typer.Option(
            "--method",
            help="masked: all tokens that differ at once; full: every token around in turn (slower).",
        ),
    ] = MethodName.masked,
    window: Annotated[
        int, typer.Option("--window", min=4, metavar="BP", help="Bases of the genome around a variant.")
    ] = 512,
    flank: Annotated[
        int,
        typer.Option("--flank", min=0, metavar="BP", help="full: mask tokens up to BP from the variant."),
    ] = 32,
    skip_mismatches: Annotated[
        bool,
        typer.Option("--skip-mismatches", help="Leave out variants with another REF than the genome."),
    ] = False,
    batch_tokens: BatchTokens = 4096,
    device: Device = "auto",
    tokenizer: TokenizerFile = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped (OUT.partial).")
    ] = False,
) -> None:
    """Score variants with a masked language model: log P(alternative) - log P(reference).

    Below 0 the model prefers the reference. A row per alternative: SNVs and indels up to half of the window;
    others are counted and left out. The logarithms are natural, of the tokens that differ, which are masked.
    """
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.tasks.basecall.resume import is_complete
    from lexome.tasks.language.infer import check_masked_model
    from lexome.tasks.language.model import open_language_model
    from lexome.tasks.language.pieces import Tally
    from lexome.tasks.language.regions import open_genome
    from lexome.tasks.language.row_files import Written, check_rows_output
    from lexome.tasks.language.score import ScoreConfig
    from lexome.tasks.language.score_files import ScoreRequest, score_to_file
    from lexome.tasks.language.variants import survey_variants

    config = ScoreConfig(method.value, window, flank, batch_tokens)
    check_rows_output(output, resume=resume)
    if resume and output is not None and is_complete(output):
        say(f"{output} is complete, there is nothing to resume")
        return
    written, tally = Written(), Tally()
    with ExitStack() as closing:
        closing.enter_context(interruptible(lambda: written.left(output)))
        opened = open_language_model(model, device=device, tokenizer=tokenizer)
        check_masked_model(opened)
        bases = closing.enter_context(open_genome(genome))
        counts = survey_variants(vcf, bases, window // 2, skip_mismatches=skip_mismatches)
        with progress("scoring", "variants", counts.usable) as show:
            request = ScoreRequest(vcf, bases, output, resume)
            score_to_file(opened, request, config, show, written, tally)
    for line in counts.lines():
        say(line)
    echo_tally(tally)
    if output is not None:
        say(written.done(output))
