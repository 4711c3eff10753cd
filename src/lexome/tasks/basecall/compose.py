"""A training store of signal composed of real events: what `lexome prepare composed` does.

A network that has seen one small genome hundreds of times learns it by heart; composed signal shows it real
current over sequence that it has never seen. Reads over validation intervals give no events, and neither are
these intervals composed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lexome.core.alphabet import decode
from lexome.core.config import to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.core.records import Skipped
from lexome.features.alignment import SignalAlignment
from lexome.features.signal import NormalisedRead, ScalingConfig, find_scaling
from lexome.io.chunks import LabelledChunk, write_store
from lexome.simulate.compose import CONTEXT_BP, EventBank
from lexome.simulate.context_levels import ContextFit, ContextLevels
from lexome.simulate.sequence import SequenceMix, SequenceSource
from lexome.tasks.basecall.cut import label_chunks
from lexome.tasks.basecall.events import event_read, fit_levels_of, real_pieces
from lexome.tasks.basecall.inputs import Inputs, PrepareRequest, label_inputs, open_inputs, placed_reads
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.leakage import EVENTS, contig_records
from lexome.tasks.basecall.places import Place
from lexome.tasks.basecall.prepare import PlacedRead
from lexome.tasks.basecall.sequences import read_genomes, similar_intervals, without_intervals
from lexome.tasks.basecall.stores import YIELD_FILE, origin
from lexome.tasks.basecall.yields import LabelReport

BORDERS, PIECES = 1, 2  # streams of random numbers


@dataclass(frozen=True)
class ComposeConfig:
    """How much, of which sequence, and how varied.

    `pieces` stretches of `piece_bp` bases each are composed, their sequence drawn from `mix`. Each is
    normalised as a read is; `gain_sd` and `offset_sd` stand for what adapters and unaligned parts do to that.
    """

    pieces: int = 1500
    piece_bp: int = 4000
    mix: SequenceMix = SequenceMix()
    gain_sd: float = 0.03
    offset_sd: float = 0.03
    seed: int = 11


@dataclass(frozen=True)
class Genomes:
    """FASTA files to take slices of, and such with sequences that must stay unseen, relatives included."""

    paths: Sequence[Path] = ()
    unseen: Sequence[Path] = ()


def compose_store(
    request: PrepareRequest,
    config: ComposeConfig,
    output: Path,
    on_progress: Callable[[float], None] = lambda reads: None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
    genomes: Genomes | None = None,
) -> LabelReport:
    """Makes a store of composed chunks.

    Args:
        request: the real reads, their places, and the stretches whose events must not be used.
        config: how much to compose, and of what.
        output: the folder to write; must not exist.
        on_progress: told how many real reads were looked at.
        on_skip: told of every file and read that cannot be read.
        genomes: where slices of real sequence come from, if the mix has any.

    Returns:
        The report on the composed chunks.

    Raises:
        LexomeError: for input that cannot be read, an output that exists, or reads that give no events.
    """
    if output.exists():
        raise UsageError(f"{output} exists already; choose another folder or remove it")
    genomes = genomes or Genomes()
    opened = open_inputs(request)
    contigs, masked, unseen = _open_genomes(genomes, opened, request.validation)
    source = SequenceSource(config.mix, masked)
    report, made = LabelReport(), LabelReport()
    inputs = label_inputs(request, opened, report, on_progress)
    table = inputs.tables[-1]
    border_generator = np.random.default_rng([config.seed, BORDERS])
    reads = [
        events
        for placed in placed_reads(request, inputs, report, on_skip, on_progress)
        if (events := event_read(placed, table, border_generator)) is not None
    ]
    if not reads:
        raise LexomeError("no read gives events: " + "; ".join(line.strip() for line in report.lines()))
    fit = fit_levels_of(reads, table, request.validation)
    pieces = [piece for read in reads for piece in real_pieces(read, fit.levels, request.validation)]
    if not pieces:
        raise LexomeError("no read fits its levels well enough to give events")
    # what became of the real reads; their samples are none of the composed chunks'
    made.notes, made.reads, made.methods = report.notes, report.reads, report.methods
    made.aligned_bp = report.aligned_bp
    made.notes.extend(_notes(fit, len(reads), sum(len(piece.codes) for piece in pieces), unseen))
    bank = EventBank(pieces)
    del reads, pieces  # the bank has copies
    chunks, kinds = _compose(bank, fit.levels, source, request, config, made)
    known = {**contigs, **inputs.reference}
    meta = {
        "task": "basecall",
        "composed_of": [path.name for path in request.reads],
        **origin(request, inputs, report),
        "without": [to_dict(i) for i in request.validation],
        # a store that holds out a stretch of a genome is warned of this one, as of one with events from there
        EVENTS: {
            "contigs": contig_records(known, known),
            "without": [to_dict(i) for i in (*request.validation, *unseen)],
        },
        "genomes": [path.name for path in genomes.paths],
        "kept_unseen": [path.name for path in genomes.unseen],
        "sequence_bp": dict(kinds),
        "levels_sd": {"chosen": fit.chosen, "all": fit.level_sd, **fit.held_out_sd},
        "scaling": to_dict(ScalingConfig()),
        "labels": to_dict(request.labels),
        "compose": to_dict(config),
    }
    write_store(output, chunks, meta, {YIELD_FILE: made.table()})
    return made


def _open_genomes(
    genomes: Genomes, inputs: Inputs, held_out: Sequence[Interval]
) -> tuple[dict[str, str], dict[str, str], list[Interval]]:
    """The genomes, the same with N where nothing may be taken, and where that is to keep something unseen."""
    contigs = read_genomes(genomes.paths, inputs.reference)
    unseen = similar_intervals(contigs, genomes.unseen)
    return contigs, without_intervals(contigs, [*held_out, *unseen]), unseen


def _notes(fit: ContextFit, num_reads: int, num_bases: int, unseen: Sequence[Interval]) -> list[str]:
    """Lines for the report: the bank, the levels, what of the genomes is left out."""
    notes = [f"bank of events: {num_bases} bases of {num_reads} reads"]
    tried = ", ".join(f"{name} {sd:.4f}" for name, sd in fit.held_out_sd.items())
    notes.append(
        f"levels: {fit.chosen}; sd around them of contexts left out of the fit: {tried} "
        f"(of all levels: {fit.level_sd:.4f})"
        if tried
        else f"levels: {fit.chosen}; too few contexts to fit any"
    )
    if unseen:
        total_bp = sum(i.end_bp - i.start_bp for i in unseen)
        notes.append(f"left out of the genomes to stay unseen: {len(unseen)} stretches, {total_bp} bases")
    return notes


def _compose(
    bank: EventBank,
    levels: ContextLevels,
    source: SequenceSource,
    request: PrepareRequest,
    config: ComposeConfig,
    made: LabelReport,
) -> tuple[list[LabelledChunk], Counter[str]]:
    """Composes all stretches; also says how many bases of each kind of sequence there are."""
    generator = np.random.default_rng([config.seed, PIECES])
    chunks: list[LabelledChunk] = []
    kinds: Counter[str] = Counter()
    for number in range(config.pieces):
        kind, codes = source.draw(config.piece_bp, generator)
        kinds[kind] += len(codes)
        read = _composed_read(codes, f"{kind}-{number}", bank, levels, config, generator)
        for chunk in label_chunks(read, (), request.labels, made):
            # half precision at once: the store's own, and half the memory until it is written
            chunks.append(replace(chunk, signal=chunk.signal.astype(np.float16)))
    return chunks, kinds


def _composed_read(
    codes: np.ndarray,
    name: str,
    bank: EventBank,
    levels: ContextLevels,
    config: ComposeConfig,
    generator: np.random.Generator,
) -> PlacedRead:
    """A composed stretch, normalised as a read is, in the form that `label_chunks` cuts."""
    signal, starts = bank.compose(codes, levels.predict(codes), generator)
    shift, scale = find_scaling(signal, ScalingConfig())
    gain = (1 + config.gain_sd * generator.standard_normal()) / scale
    varied = (signal - shift) * gain + config.offset_sd * generator.standard_normal()
    zeros = np.zeros(len(starts) - 1, np.float32)
    return PlacedRead(
        name,
        NormalisedRead(varied.astype(np.float32), 0, 0.0, 1.0),
        decode(codes),
        Place("composed", 0, len(codes), False),
        SignalAlignment(CONTEXT_BP // 2, starts, zeros, zeros, 1.0, 0.0),
    )
