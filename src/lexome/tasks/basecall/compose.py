"""A training store of signal composed of real events: what `lexome prepare composed` does.

A network that has seen one small genome hundreds of times learns it by heart; composed signal shows it real
current over sequence that it has never seen. Reads over validation intervals give no events.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.core.alphabet import decode, encode
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.core.records import Skipped
from lexome.features.alignment import SignalAlignment
from lexome.features.signal import NormalisedRead, SignalConfig
from lexome.io.chunks import LabelledChunk, write_store
from lexome.io.fastx import read_reference
from lexome.simulate.compose import CONTEXT_BP, EventBank, RealRead
from lexome.simulate.genome import random_genome
from lexome.tasks.basecall.places import Place
from lexome.tasks.basecall.prepare import Interval, LabelReport, PlacedRead, label_chunks
from lexome.tasks.basecall.stores import PrepareRequest, level_table, placed_reads

MAX_RESIDUAL = 0.6  # a base that fits worse is no event
MAX_DWELL_SAMPLES = 80  # nor is a stall
MIN_PIECE_BP = 20


@dataclass(frozen=True)
class ComposeConfig:
    """How much and how varied.

    `pieces` of `piece_bp` random bases each are composed, with gain and offset drawn per piece.
    """

    pieces: int = 3000
    piece_bp: int = 2000
    gain_sd: float = 0.05
    offset_sd: float = 0.05
    seed: int = 11


def compose_store(
    request: PrepareRequest,
    config: ComposeConfig,
    output: Path,
    on_progress: Callable[[float], None] = lambda reads: None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> LabelReport:
    """Makes a store of composed chunks.

    Args:
        request: the real reads, their places, and the stretches whose events must not be used.
        config: how much to compose.
        output: the folder to write; must not exist.
        on_progress: told how many real reads were looked at.
        on_skip: told of every file and read that cannot be read.

    Returns:
        The report on the composed chunks.

    Raises:
        LexomeError: for input that cannot be read, or an output that exists.
    """
    if output.exists():
        raise UsageError(f"{output} exists already; choose another folder or remove it")
    report = LabelReport(Counter(), Counter())
    reference = read_reference(request.reference)
    signal = SignalConfig()
    placed = placed_reads(request, reference, level_table(request), signal, report, on_progress, on_skip)
    bank = EventBank(piece for read in placed for piece in real_pieces(read, request.validation))
    generator = np.random.default_rng(config.seed)
    genome = encode(random_genome(config.pieces * config.piece_bp, config.seed))
    made = LabelReport(Counter(), Counter())
    chunks: list[LabelledChunk] = []
    for number in range(config.pieces):
        codes = genome[number * config.piece_bp : (number + 1) * config.piece_bp]
        read = _composed_read(codes, number, bank, config, generator)
        chunks.extend(label_chunks(read, (), request.labels, made))
    meta = {
        "task": "basecall",
        "composed_of": [path.name for path in request.reads],
        "without": [to_dict(i) for i in request.validation],
        "scaling": to_dict(signal.scaling),
        "labels": to_dict(request.labels),
        "compose": to_dict(config),
    }
    write_store(output, chunks, meta)
    return made


def real_pieces(read: PlacedRead, held_out: Iterable[Interval]) -> Iterator[RealRead]:
    """The stretches of a placed read that give events: well fitting, no stalls, outside of `held_out`."""
    alignment = read.alignment
    count = len(alignment.residuals)
    codes = encode(read.sequence)[alignment.first_bp : alignment.first_bp + count]
    signal = ((read.normalised.signal - alignment.offset) / alignment.gain).astype(np.float32)
    along = alignment.first_bp + np.arange(count)
    place_bp = read.place.end_bp - 1 - along if read.place.is_reverse else read.place.start_bp + along
    good = ~(alignment.residuals > MAX_RESIDUAL) & (np.diff(alignment.starts) < MAX_DWELL_SAMPLES)
    for interval in held_out:
        if interval.contig == read.place.contig:
            good &= (place_bp < interval.start_bp) | (place_bp >= interval.end_bp)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first >= MIN_PIECE_BP:
            starts = alignment.starts[first : last + 1]
            yield RealRead(signal[starts[0] : starts[-1]], codes[first:last], starts - starts[0])


def _composed_read(
    codes: np.ndarray, number: int, bank: EventBank, config: ComposeConfig, generator: np.random.Generator
) -> PlacedRead:
    """A composed piece in the form that `label_chunks` cuts."""
    signal, starts = bank.compose(codes, generator)
    gain = 1 + config.gain_sd * generator.standard_normal()
    varied = signal * gain + config.offset_sd * generator.standard_normal()
    zeros = np.zeros(len(starts) - 1, np.float32)
    return PlacedRead(
        f"composed-{number}",
        NormalisedRead(varied.astype(np.float32), 0, 0.0, 1.0),
        decode(codes),
        Place("composed", 0, len(codes), False),
        SignalAlignment(CONTEXT_BP // 2, starts, zeros, zeros, 1.0, 0.0),
    )
