"""`lexome prepare`: training stores and tables from reads and truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from lexome.core.records import Skipped

app = typer.Typer(
    name="prepare",
    help="Make labelled training data from reads and truth.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Reads = Annotated[list[Path], typer.Argument(metavar="READS", help="POD5 files, or folders of them.")]
Reference = Annotated[
    Path, typer.Option("--reference", metavar="REF", help="The true sequence: FASTA (may be .gz).")
]
Places = Annotated[
    Path,
    typer.Option(
        "--places",
        metavar="FILE",
        help="Where each read lies: a .tsv with read_id, contig, r_st, r_en, strand, or base calls, "
        "which are then mapped.",
    ),
]
Levels = Annotated[
    Path | None,
    typer.Option("--levels", metavar="TABLE", help="K-mer levels (default: the bundled R9.4.1 ones)."),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="Default: all cores.")]


@app.callback()
def _group() -> None:
    """Make labelled training data from reads and truth."""


@app.command()
def basecall(
    reads: Reads,
    reference: Reference,
    places: Places,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="STORE", help="Folder to write.")],
    validation: Annotated[
        list[str] | None,
        typer.Option(
            "--validation", metavar="CONTIG:START-END", help="Keep this stretch for validation (repeatable)."
        ),
    ] = None,
    levels: Levels = None,
    chunk_size: Annotated[
        int, typer.Option("--chunk-size", min=100, metavar="S", help="Samples in a chunk.")
    ] = 1500,
    step: Annotated[
        int, typer.Option("--step", min=10, metavar="S", help="Samples from chunk to chunk.")
    ] = 750,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders too.")] = False,
    threads: Threads = None,
) -> None:
    """Place the bases of reads on their signal and cut labelled chunks for `lexome train`.

    The signal is normalised by median and MAD. What is dropped is counted with its reason.
    """
    from lexome.core.cores import usable_cores
    from lexome.tasks.basecall.prepare import LabelConfig
    from lexome.tasks.basecall.stores import PrepareRequest, parse_interval, prepare_store

    request = PrepareRequest(
        reads, reference, places, levels, tuple(parse_interval(v) for v in validation or ()),
        LabelConfig(chunk_size=chunk_size, step=step), recursive, threads or usable_cores(),
    )  # fmt: skip
    _placing(lambda show, on_skip: prepare_store(request, output, show, on_skip).lines())


@app.command()
def levels(
    reads: Reads,
    reference: Reference,
    places: Places,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="TABLE", help="Table to write (.tsv).")],
    levels: Levels = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders too.")] = False,
    threads: Threads = None,
) -> None:
    """Fit a k-mer level table to reads, starting from another one of the same k."""
    from lexome.core.cores import usable_cores
    from lexome.tasks.basecall.prepare import LabelConfig
    from lexome.tasks.basecall.stores import PrepareRequest, fit_table

    request = PrepareRequest(
        reads, reference, places, levels, (), LabelConfig(), recursive, threads or usable_cores()
    )
    _placing(lambda show, on_skip: fit_table(request, output, show, on_skip))


@app.command()
def composed(
    reads: Reads,
    reference: Reference,
    places: Places,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="STORE", help="Folder to write.")],
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", metavar="CONTIG:START-END", help="Take no events from this stretch (repeatable)."
        ),
    ] = None,
    levels: Levels = None,
    pieces: Annotated[
        int, typer.Option("--pieces", min=1, metavar="N", help="Stretches of 2000 bases to compose.")
    ] = 3000,
    chunk_size: Annotated[
        int, typer.Option("--chunk-size", min=100, metavar="S", help="Samples in a chunk.")
    ] = 1500,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="S", help="The same seed gives the same store.")
    ] = 11,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders too.")] = False,
    threads: Threads = None,
) -> None:
    """Compose labelled chunks for random sequence out of the real signal of placed reads.

    Mixed with a store of `prepare basecall`, it keeps a network from learning a small genome by heart.
    """
    from lexome.core.cores import usable_cores
    from lexome.tasks.basecall.compose import ComposeConfig, compose_store
    from lexome.tasks.basecall.prepare import LabelConfig
    from lexome.tasks.basecall.stores import PrepareRequest, parse_interval

    request = PrepareRequest(
        reads, reference, places, levels, tuple(parse_interval(v) for v in without or ()),
        LabelConfig(chunk_size=chunk_size, step=chunk_size), recursive, threads or usable_cores(),
    )  # fmt: skip
    _placing(
        lambda show, on_skip: compose_store(
            request, ComposeConfig(pieces=pieces, seed=seed), output, show, on_skip
        ).lines()
    )


def _placing(work: "Callable[[Callable[[float], None], Callable[[Skipped], None]], list[str]]") -> None:
    """Does the work (given what shows progress and what is told of skipped input) and prints what it says."""
    from lexome.cli.progress import progress
    from lexome.cli.skipped import echo_skipped

    skipped: list[Skipped] = []
    with progress("placing bases", "reads") as show:
        lines = work(show, skipped.append)
    for line in lines:
        typer.echo(f"lexome: {line}", err=True)
    echo_skipped(skipped)
