"""`lexome prepare`: training stores and tables from reads and truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexome.cli.prepare_correct import correct
from lexome.cli.prepare_lm import lm
from lexome.cli.prepare_options import (
    HeldOutRuns,
    Levels,
    MaxReads,
    Model,
    Places,
    Reads,
    Reference,
    Rounds,
    Threads,
)
from lexome.cli.prepare_subreads import subreads

if TYPE_CHECKING:
    from collections.abc import Callable

    from lexome.core.records import Skipped

app = typer.Typer(
    name="prepare",
    help="Make labelled training data from reads and truth.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Make labelled training data from reads and truth."""


@app.command()
def basecall(
    reads: Reads,
    reference: Reference,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="STORE", help="Folder to write.")],
    places: Places = None,
    model: Model = None,
    rounds: Rounds = 1,
    validation: Annotated[
        list[str] | None,
        typer.Option(
            "--validation", metavar="CONTIG:START-END", help="Keep this stretch for validation (repeatable)."
        ),
    ] = None,
    hold_out_runs: HeldOutRuns = None,
    levels: Levels = None,
    chunk_size: Annotated[
        int, typer.Option("--chunk-size", min=100, metavar="S", help="Samples in a chunk.")
    ] = 1500,
    step: Annotated[
        int, typer.Option("--step", min=10, metavar="S", help="Samples from chunk to chunk.")
    ] = 750,
    min_coverage: Annotated[
        float | None,
        typer.Option(
            "--min-coverage",
            min=0,
            max=1,
            metavar="SHARE",
            help="Samples of a chunk that lie on well-placed bases (default: 0.8 with a model, else 0).",
        ),
    ] = None,
    min_identity: Annotated[
        float | None,
        typer.Option(
            "--min-identity",
            min=0,
            max=1,
            metavar="SHARE",
            help="Identity of a chunk's call with its label (default: 0.6); needs a model.",
        ),
    ] = None,
    min_samples_per_base: Annotated[
        float, typer.Option("--min-samples-per-base", min=1, metavar="S", help="Drop faster chunks.")
    ] = 4.0,
    max_samples_per_base: Annotated[
        float, typer.Option("--max-samples-per-base", min=1, metavar="S", help="Drop slower chunks.")
    ] = 25.0,
    max_residual: Annotated[
        float,
        typer.Option(
            "--max-residual",
            min=0,
            metavar="R",
            help="Drop chunks whose bases fit their levels worse.",
        ),
    ] = 0.24,
    max_reads: MaxReads = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders too.")] = False,
    threads: Threads = None,
) -> None:
    """Place the bases of reads on their signal and cut labelled chunks for `lexome train`.

    The signal is normalised by median and MAD. What is dropped is counted with its reason, here and in
    STORE/yield.tsv.
    """
    from dataclasses import replace

    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.tasks.basecall.cut import WITH_CALLS, LabelConfig
    from lexome.tasks.basecall.inputs import PrepareRequest
    from lexome.tasks.basecall.intervals import parse_interval
    from lexome.tasks.basecall.stores import prepare_store

    is_called = model is not None or places is None
    if min_identity and not is_called:
        raise UsageError("--min-identity compares with calls: name a model with -m")
    if min_samples_per_base > max_samples_per_base:
        raise UsageError("--min-samples-per-base is above --max-samples-per-base: no chunk would be left")
    default = WITH_CALLS if is_called else LabelConfig()
    labels = replace(
        default, chunk_size=chunk_size, step=step, min_samples_per_base=min_samples_per_base,
        max_samples_per_base=max_samples_per_base, max_chunk_residual=max_residual,
        min_coverage=default.min_coverage if min_coverage is None else min_coverage,
        min_identity=default.min_identity if min_identity is None else min_identity,
    )  # fmt: skip
    request = PrepareRequest(
        reads, reference, places, levels, tuple(parse_interval(v) for v in validation or ()), labels,
        recursive, threads or usable_cores(), model=model, rounds=rounds, held_out_runs=_runs(hold_out_runs),
        max_reads=max_reads,
    )  # fmt: skip
    _placing(lambda show, on_skip: prepare_store(request, output, show, on_skip).lines())


@app.command()
def levels(
    reads: Reads,
    reference: Reference,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="TABLE", help="Table to write (.tsv).")],
    places: Places = None,
    model: Model = None,
    levels: Levels = None,
    max_reads: MaxReads = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders too.")] = False,
    threads: Threads = None,
) -> None:
    """Fit a k-mer level table to reads, starting from another one of the same k."""
    from lexome.core.cores import usable_cores
    from lexome.tasks.basecall.cut import LabelConfig
    from lexome.tasks.basecall.inputs import PrepareRequest
    from lexome.tasks.basecall.stores import fit_table

    request = PrepareRequest(
        reads, reference, places, levels, (), LabelConfig(), recursive, threads or usable_cores(),
        model=model, max_reads=max_reads,
    )  # fmt: skip
    _placing(lambda show, on_skip: fit_table(request, output, show, on_skip))


@app.command()
def composed(
    reads: Reads,
    reference: Reference,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="STORE", help="Folder to write.")],
    places: Places = None,
    model: Model = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", metavar="CONTIG:START-END", help="Take no events from this stretch (repeatable)."
        ),
    ] = None,
    hold_out_runs: HeldOutRuns = None,
    levels: Levels = None,
    pieces: Annotated[
        int, typer.Option("--pieces", min=1, metavar="N", help="Stretches of 4000 bases to compose.")
    ] = 1500,
    sequence: Annotated[
        list[Path] | None,
        typer.Option(
            "--sequence", metavar="FASTA", help="Compose slices of these genomes, too (repeatable)."
        ),
    ] = None,
    unlike: Annotated[
        list[Path] | None,
        typer.Option(
            "--unlike",
            metavar="FASTA",
            help="Leave out of the genomes what aligns with these sequences, which are to stay unseen "
            "(repeatable).",
        ),
    ] = None,
    genome_share: Annotated[
        float | None,
        typer.Option(
            "--genome-share",
            min=0,
            max=1,
            metavar="SHARE",
            help="Stretches that are slices of the genomes (default: 0.5 with --sequence).",
        ),
    ] = None,
    repeat_share: Annotated[
        float,
        typer.Option(
            "--repeat-share",
            min=0,
            max=1,
            metavar="SHARE",
            help="Stretches rich in homopolymers and tandem repeats; the rest is random.",
        ),
    ] = 0.2,
    chunk_size: Annotated[
        int, typer.Option("--chunk-size", min=100, metavar="S", help="Samples in a chunk.")
    ] = 1500,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="S", help="The same seed gives the same store.")
    ] = 11,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders too.")] = False,
    threads: Threads = None,
) -> None:
    """Compose labelled chunks for other sequence out of the real signal of placed reads.

    Mixed with a store of `prepare basecall`, it keeps a network from learning a small genome by heart.
    """
    from lexome.core.cores import usable_cores
    from lexome.core.errors import UsageError
    from lexome.simulate.sequence import SequenceMix
    from lexome.tasks.basecall.compose import ComposeConfig, Genomes, compose_store
    from lexome.tasks.basecall.cut import LabelConfig
    from lexome.tasks.basecall.inputs import PrepareRequest
    from lexome.tasks.basecall.intervals import parse_interval

    if unlike and not sequence:
        raise UsageError("--unlike leaves stretches out of genomes: name some with --sequence")
    request = PrepareRequest(
        reads, reference, places, levels, tuple(parse_interval(v) for v in without or ()),
        LabelConfig(chunk_size=chunk_size, step=chunk_size), recursive, threads or usable_cores(),
        model=model, held_out_runs=_runs(hold_out_runs),
    )  # fmt: skip
    if genome_share is None:
        genome_share = 0.5 if sequence else 0.0
    config = ComposeConfig(pieces=pieces, mix=SequenceMix(repeat_share, genome_share), seed=seed)
    genomes = Genomes(sequence or (), unlike or ())
    _placing(lambda show, on_skip: compose_store(request, config, output, show, on_skip, genomes).lines())


def _runs(listed: Path | None) -> tuple[str, ...]:
    from lexome.tasks.basecall.leakage import read_run_list

    return read_run_list(listed) if listed is not None else ()


def _placing(work: "Callable[[Callable[[float], None], Callable[[Skipped], None]], list[str]]") -> None:
    """Does the work (given what shows progress and what is told of skipped input) and prints what it says."""
    from lexome.cli.progress import progress
    from lexome.cli.skipped import echo_skipped

    skipped: list[Skipped] = []
    with progress("labelling", "reads") as show:
        lines = work(_over_passes(show), skipped.append)
    for line in lines:
        typer.echo(f"lexome: {line}", err=True)
    echo_skipped(skipped)


def _over_passes(show: "Callable[[float], None]") -> "Callable[[float], None]":
    """Adds up the counts of several passes over the reads, each of which begins at 1."""
    before, last = 0.0, 0.0

    def tell(done: float) -> None:
        nonlocal before, last
        if done < last:
            before += last
        last = done
        show(before + done)

    return tell


app.command()(correct)
app.command()(lm)
app.command()(subreads)
