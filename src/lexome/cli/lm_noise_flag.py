"""`lexome lm noise flag`: reads with many errors, before they are aligned."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.figures import JsonFile, PageFile, check_outputs, give_out
from lexome.cli.lm_options import BatchTokens, Device, TokenizerFile, say


def flag(
    reads: Annotated[Path, typer.Argument(metavar="READS", help="FASTQ, FASTA, SAM, BAM or CRAM.")],
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="Fine-tuned on a folder of 'prepare'.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help=".tsv, .csv or .parquet; default: TSV on stdout."),
    ] = None,
    window: Annotated[
        int, typer.Option("--window", min=8, metavar="BP", help="As the model was trained with.")
    ] = 512,
    threshold: Annotated[
        float,
        typer.Option("--threshold", min=0, max=1, help="Mean probability from which on reads are flagged."),
    ] = 0.5,
    noisy_class: Annotated[
        str, typer.Option("--class", metavar="NAME", help="The model's class of windows with errors.")
    ] = "noisy",
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            metavar="TSV",
            help="True identities: columns read_id and identity, or a summary of 'lexome basecall'.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="REF", help="Align the reads to REF for their true identities."),
    ] = None,
    low: Annotated[
        float | None,
        typer.Option(
            "--low", min=0, max=1, metavar="ID", help="Bad is below ID (default: the lowest quarter)."
        ),
    ] = None,
    batch_tokens: BatchTokens = 4096,
    device: Device = "auto",
    tokenizer: TokenizerFile = None,
    json_file: JsonFile = None,
    report: PageFile = None,
) -> None:
    """Flag reads with many errors: the mean probability of errors over the windows of each read.

    A row per read in the order of the input. With true identities (--truth or --reference) the area under the
    ROC curve of finding the worst reads is told.
    """
    from lexome.cli.progress import progress
    from lexome.core.errors import UsageError
    from lexome.report.noise_flag import flag_table, write_flag_page
    from lexome.tasks.language.model import open_language_model
    from lexome.tasks.language.noise_flag import FlagConfig, flag_file
    from lexome.tasks.language.noise_identity import (
        FlagTruth,
        beside_truth,
        identities_by_alignment,
        read_truth,
    )

    if truth is not None and reference is not None:
        raise UsageError("--truth gives the identities, --reference finds them; choose one")
    known = truth is not None or reference is not None
    if (json_file or report or low is not None) and not known:
        raise UsageError("figures need true identities; give --truth or --reference")
    if known and output is None:
        raise UsageError("stdout has the figures then; name an output for the reads with -o")
    check_outputs(json_file, report)
    identities = read_truth(truth) if truth is not None else {}
    config = FlagConfig(window, threshold, noisy_class, batch_tokens=batch_tokens)
    opened = open_language_model(model, device=device, tokenizer=tokenizer)
    with progress("reading", "bases") as show:
        found = flag_file(opened, reads, output, config, show)
    say(f"{found.flagged} of {found.reads} reads flagged")
    if found.without_base:
        say(f"warning: {found.without_base} reads without any A, C, G or T")
    if reference is not None:
        identities = identities_by_alignment(reads, reference)
    if known:
        compared: FlagTruth = beside_truth(found, identities, low)
        figures = {
            "model": opened.name, "reads_file": str(reads), "window_bp": window, **compared.figures(),
            "identity": compared.identity_N.tolist(), "p_noisy": compared.p_noisy_N.tolist(),
        }  # fmt: skip
        give_out(figures, [flag_table(figures)], write_flag_page, json_file, report)
