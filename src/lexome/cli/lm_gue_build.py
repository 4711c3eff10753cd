"""`lexome lm gue build`: benchmark sets of one's own."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """Where negatives are from."""

    genome = "genome"
    shuffled = "shuffled"
    adversarial = "adversarial"


def build(
    positives: Annotated[
        Path,
        typer.Argument(
            metavar="POSITIVES", help="Places in the genome as BED, or sequences as FASTA (may be .gz)."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    genome: Annotated[
        Path | None,
        typer.Option("--genome", "-g", metavar="FASTA", help="Where places are, and negatives from."),
    ] = None,
    negatives: Annotated[
        Kind,
        typer.Option(
            "--negatives",
            help="genome: windows anywhere with the same GC content; shuffled: the positives, pairs of bases "
            "kept; adversarial: the windows right beside the positives.",
        ),
    ] = Kind.genome,
    length: Annotated[
        int | None,
        typer.Option(
            "--length", min=1, metavar="BP", help="Windows of BP around the middle of each place in BED."
        ),
    ] = None,
    shift: Annotated[
        int | None,
        typer.Option(
            "--shift",
            min=1,
            metavar="BP",
            help="Adversarial windows start BP from their positive (default: its length).",
        ),
    ] = None,
    validation: Annotated[
        list[str] | None,
        typer.Option("--validation", metavar="CONTIG", help="Its positives are for dev (repeatable)."),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="CONTIG", help="Its positives are for test (repeatable)."),
    ] = None,
    held_out: Annotated[
        float,
        typer.Option(
            "--held-out", min=0.01, max=0.4, help="Part for dev, and for test, where no contigs are given."
        ),
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of all that is drawn.")] = 0,
) -> None:
    """Build a benchmark set: positives, as many negatives, divided into train, dev and test.

    Writes train.csv, dev.csv, test.csv (sequence, label, name) and meta.json. A sequence is used once, on
    either strand; negatives from the genome overlap no positive.
    """
    from lexome.cli.command_line import command_line
    from lexome.cli.progress import progress
    from lexome.tasks.language.gue_build import build_sets
    from lexome.tasks.language.gue_request import BuildRequest

    request = BuildRequest(
        positives,
        genome,
        negatives.value,
        length,
        shift,
        tuple(validation or ()),
        tuple(test or ()),
        held_out,
        seed,
    )
    with progress("building", "positives") as show:
        report = build_sets(request, output, command_line(), show)
    for line in report.lines():
        typer.echo(f"lexome: {line}", err=True)
