"""What `lexome prepare` is asked for, opened: reads, reference, where the reads lie, levels.

Where no table says where reads lie, they are called and mapped. In rounds of self-labelling the levels are
fitted anew to the reads as placed so far, and every read keeps the placement that scores best.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import LexomeError, UsageError
from lexome.core.kmer_levels import read_kmer_levels
from lexome.core.records import KmerLevels, RawRead, Skipped
from lexome.features.signal import ScalingConfig
from lexome.io.fastx import read_reference
from lexome.io.signal_files import find_signal_files, iter_reads, runs_of
from lexome.simulate.levels import bundled_levels
from lexome.tasks.basecall.choose import AUTO, resolve_model
from lexome.tasks.basecall.cut import LabelConfig
from lexome.tasks.basecall.guides import CallMapper, Guide, guides_of
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.levels import fit_levels
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.places import Place, read_places
from lexome.tasks.basecall.prepare import PlacedRead, Placing, place_reads
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.basecall.yields import LabelReport

BUNDLED_LEVELS = "r9.4.1"


@dataclass(frozen=True)
class PrepareRequest:
    """Reads, the truth about them, and how labels are made.

    Attributes:
        reads: files or folders.
        reference: FASTA file.
        places: where the reads lie (see `places.read_places`); None: where their calls map.
        levels: k-mer levels; None takes the bundled R9.4.1 table.
        validation: stretches to hold out, to choose by.
        labels: what makes a labelled chunk.
        recursive: look into subfolders.
        threads: reads at a time.
        model: what calls the reads: a name, a folder or a checkpoint; None: no calls, or, if there are no
            `places`, the bundled one that fits.
        rounds: of labelling: 0 uses the calls only to find where the reads lie, 1 also places bases along
            their moves, each further one fits the levels anew.
        scaling: of the chunks' signal.
        held_out_runs: ids of runs whose reads must not be used.
        max_reads: take only so many reads, the first ones.
        test: stretches to hold out, to judge by at the end.
    """

    reads: Sequence[Path]
    reference: Path
    places: Path | None
    levels: Path | None
    validation: tuple[Interval, ...]
    labels: LabelConfig
    recursive: bool
    threads: int
    model: str | Path | Checkpoint | None = None
    rounds: int = 1
    scaling: ScalingConfig = ScalingConfig()
    held_out_runs: tuple[str, ...] = ()
    max_reads: int | None = None
    test: tuple[Interval, ...] = ()

    @property
    def caller(self) -> str | Path | Checkpoint | None:
        """The model that calls the reads, None for none."""
        return AUTO if self.model is None and self.places is None else self.model


@dataclass(frozen=True)
class Inputs:
    """A request, opened.

    `tables` are the k-mer levels: those that were asked for, then those of the last round. `model_name` is
    empty without a model; `scores` are those of the reads in the round before the last, by read id.
    """

    files: list[Path]
    reference: dict[str, str]
    places: dict[str, Place]
    tables: tuple[KmerLevels, ...]
    guides: dict[str, Guide] = field(default_factory=dict)
    model_name: str = ""
    scores: dict[str, float] = field(default_factory=dict)


def open_inputs(request: PrepareRequest) -> Inputs:
    """Opens what was asked for; nothing slow is done, no read is called.

    Raises:
        LexomeError: if a file is missing or cannot be read, or a stretch to hold out is not in the reference.
    """
    files = find_signal_files(request.reads, request.recursive)
    reference = read_reference(request.reference)
    for interval in (*request.validation, *request.test):
        # a contig that is not there would otherwise train on what was meant to be held out
        if interval.end_bp > len(reference.get(interval.contig, "")):
            raise UsageError(f"{request.reference}: held-out interval {interval} is not within it")
    places = read_places(request.places, reference) if request.places is not None else {}
    return Inputs(files, reference, places, (level_table(request),))


def level_table(request: PrepareRequest) -> KmerLevels:
    """The k-mer levels that were asked for."""
    return read_kmer_levels(request.levels) if request.levels else bundled_levels(BUNDLED_LEVELS)


def label_inputs(
    request: PrepareRequest,
    inputs: Inputs,
    report: LabelReport,
    on_progress: Callable[[int], None] = lambda reads: None,
) -> Inputs:
    """Calls the reads if a model is to, and does the rounds of labelling but for the last one.

    Args:
        request: what was asked for.
        inputs: it opened.
        report: gets notes about the rounds.
        on_progress: told how many reads were looked at, those of all passes together.

    Returns:
        The inputs with guides and, after rounds, with the levels of the last one.

    Raises:
        UsageError: if no model fits the reads or there is no such model.
    """
    if request.caller is None:
        return inputs
    model = _open_caller(request.caller, request, inputs, report)
    mapper = CallMapper(request.reference, inputs.reference)
    # what is skipped is counted and told when the reads are placed
    reads = _reads(request, inputs, LabelReport(), on_progress=on_progress)
    guides = guides_of(basecall_reads(reads, model, lambda skipped: None), mapper)
    identities = [guide.identity for guide in guides.values() if guide.place is not None]
    median = f", identity median {np.median(identities):.4f}" if identities else ""
    report.notes.append(f"called by {model.name}: {len(guides)} reads; {len(identities)} map{median}")
    inputs = replace(inputs, guides=guides, model_name=model.name)
    for number in range(2, request.rounds + 1):
        scores: dict[str, float] = {}
        placed = placed_reads(request, inputs, LabelReport(), on_progress=on_progress, scores=scores)
        asked = inputs.tables[0]
        try:
            fitted = fit_levels(placed, asked.k, asked.centre, f"{asked.name}, fitted in round {number}")
        except LexomeError as error:
            report.notes.append(f"round {number} was left out: the levels cannot be fitted anew ({error})")
            break
        report.notes.append(round_note(number - 1, scores, inputs.scores))
        inputs = replace(inputs, tables=(asked, fitted.levels), scores=scores)
    return inputs


def round_note(number: int, scores: Mapping[str, float], before: Mapping[str, float]) -> str:
    """A line about a round of labelling: what it placed, and how many reads it improved."""
    text = f"round {number}: {len(scores)} reads placed, score {sum(scores.values()):.0f}"
    if not before:
        return text
    better = sum(score > before.get(read, 0.0) for read, score in scores.items())
    return f"{text}; {better} reads improved on the round before"


def _open_caller(
    caller: str | Path | Checkpoint, request: PrepareRequest, inputs: Inputs, report: LabelReport
) -> BasecallModel:
    if isinstance(caller, Checkpoint):
        return open_model(caller, threads=request.threads)
    chosen = resolve_model(caller, runs_of(inputs.files), inputs.files, force=None)
    report.notes.extend(chosen.notes)
    return open_model(chosen.checkpoint, threads=request.threads)


def placed_reads(
    request: PrepareRequest,
    inputs: Inputs,
    report: LabelReport,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
    on_progress: Callable[[int], None] = lambda reads: None,
    scores: dict[str, float] | None = None,
) -> Iterator[PlacedRead]:
    """The reads of a request with their bases placed on their signal.

    Args:
        request: what was asked for.
        inputs: from `label_inputs`.
        report: counts are added here.
        on_skip: told of every file and read that cannot be read.
        on_progress: told how many reads were looked at.
        scores: gets the score of every read, by its id.

    Yields:
        What `prepare.place_reads` yields.
    """
    placing = Placing(
        inputs.places, inputs.reference, inputs.tables,
        max_read_residual=request.labels.max_read_residual, guides=inputs.guides,
        use_moves=request.rounds > 0, scaling=request.scaling,
    )  # fmt: skip
    reads = _reads(request, inputs, report, on_skip, on_progress)
    for read in place_reads(reads, placing, report, request.threads):
        if scores is not None:
            scores[read.read_id] = scores.get(read.read_id, 0.0) + read.score
        yield read


def _reads(
    request: PrepareRequest,
    inputs: Inputs,
    report: LabelReport,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
    on_progress: Callable[[int], None] = lambda reads: None,
) -> Iterator[RawRead]:
    """The reads that may be used; those that may not, or cannot be read, are counted."""

    def skip(skipped: Skipped) -> None:
        report.add_read("cannot be read", 0)
        on_skip(skipped)

    for number, read in enumerate(islice(iter_reads(inputs.files, skip), request.max_reads), 1):
        on_progress(number)
        if read.info.run.run_id in request.held_out_runs:
            report.add_read("its run is held out", len(read.raw))
        else:
            yield read
