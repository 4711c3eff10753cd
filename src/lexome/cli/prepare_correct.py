"""`lexome prepare correct`: labelled windows to train read correctors on."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def correct(
    subreads: Annotated[
        Path, typer.Argument(metavar="SUBREADS", help="BAM of subreads aligned to their CCS reads, by ZMW.")
    ],
    ccs: Annotated[Path, typer.Option("--ccs", metavar="BAM", help="The CCS reads.")],
    truth: Annotated[
        Path, typer.Option("--truth", metavar="BAM", help="The true sequences, aligned to the CCS reads.")
    ],
    places: Annotated[
        Path, typer.Option("--bed", metavar="BED", help="Where on a genome each true sequence lies.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="STORE", help="Folder to write.")],
    chromosomes: Annotated[
        Path | None,
        typer.Option(
            "--split", metavar="TSV", help="Contig and chromosome per line: decides what is to train on."
        ),
    ] = None,
    as_split: Annotated[
        Literal["training", "validation", "test"] | None,
        typer.Option("--as", help="Use everything for this instead."),
    ] = None,
    min_rq: Annotated[
        float,
        typer.Option("--min-rq", min=-1, max=1, metavar="A", help="Leave out CCS reads of a lower accuracy."),
    ] = 0.88,
    hold_out: Annotated[
        list[str] | None,
        typer.Option("--hold-out", metavar="ZMW", help="Do not use this ZMW: MOVIE/HOLE (repeatable)."),
    ] = None,
    max_zmws: Annotated[
        int | None, typer.Option("--max-zmws", min=1, metavar="N", help="Stop after so many ZMWs.")
    ] = None,
    max_passes: Annotated[
        int, typer.Option("--max-passes", min=1, metavar="P", help="Subreads that the network sees.")
    ] = 20,
    width: Annotated[int, typer.Option("--width", min=10, metavar="L", help="Columns of a window.")] = 100,
    ins_trim: Annotated[
        int,
        typer.Option("--ins-trim", min=0, metavar="BP", help="Leave out longer insertions; 0: none."),
    ] = 5,
    ccs_qualities: Annotated[
        bool, typer.Option("--ccs-qualities", help="Add the qualities of the CCS read as a row.")
    ] = False,
    smart_windows: Annotated[
        bool, typer.Option("--smart-windows", help="Windows as the tag wl of the CCS read says.")
    ] = False,
) -> None:
    """Cut subreads with known truth into labelled windows for `lexome train`.

    `lexome simulate subreads` writes files of this form. What is dropped is counted with its reason, here and
    in STORE/yield.tsv.
    """
    from lexome.cli.progress import progress
    from lexome.features.pileup import PileupConfig
    from lexome.tasks.correct.prepare import WindowRequest, prepare_windows

    config = PileupConfig(max_passes, width, ins_trim, ccs_qualities, smart_windows)
    request = WindowRequest(
        subreads, ccs, truth, places, chromosomes, output, config, as_split, min_rq,
        frozenset(hold_out or ()), max_zmws,
    )  # fmt: skip
    request.check()
    with progress("cutting windows", "ZMWs") as show:
        report = prepare_windows(request, show)
    for line in report.lines():
        typer.echo(f"lexome: {line}", err=True)
