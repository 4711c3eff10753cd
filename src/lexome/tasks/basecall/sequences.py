"""Genomes whose sequence composed signal may show, without the stretches that must stay unseen."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import mappy
import numpy as np

from lexome.core.errors import BadInputError
from lexome.io.fastx import read_reference
from lexome.tasks.basecall.intervals import Interval

# short seeds and a low bar: rRNA genes of other phyla are to be found, at 75% identity
SEEDS = {"k": 11, "w": 3, "min_cnt": 2, "min_chain_score": 20, "min_dp_score": 30}
ALL_CHAINS = 0x800000  # minimap2's flag: a weaker hit is no worse for there being a better one elsewhere
QUERY_BP, QUERY_STEP_BP = 1000, 500
MARGIN_BP = 200  # left out on both sides of what aligns


def read_genomes(paths: Sequence[Path], known: Mapping[str, str]) -> dict[str, str]:
    """Reads the genomes to take slices of.

    A contig whose name stands for another sequence already is called by its file's name, too.

    Args:
        paths: FASTA files.
        known: contigs that have a name already.

    Returns:
        Contigs by name, in capitals.

    Raises:
        BadInputError: for a file that cannot be read.
    """
    genomes: dict[str, str] = {}
    for path in paths:
        for name, sequence in read_reference(path).items():
            is_taken = genomes.get(name, known.get(name, sequence)) != sequence
            genomes[f"{path.name}:{name}" if is_taken else name] = sequence
    return genomes


def without_intervals(genomes: Mapping[str, str], intervals: Iterable[Interval]) -> dict[str, str]:
    """The genomes with N in place of the intervals."""
    masked = {name: bytearray(sequence.encode("ascii")) for name, sequence in genomes.items()}
    for interval in intervals:
        if interval.contig in masked:
            contig = masked[interval.contig]
            start, end = max(0, interval.start_bp), min(len(contig), interval.end_bp)
            contig[start:end] = b"N" * max(0, end - start)
    return {name: contig.decode("ascii") for name, contig in masked.items()}


def similar_intervals(genomes: Mapping[str, str], unseen: Sequence[Path]) -> list[Interval]:
    """Where sequences that must stay unseen, or relatives of them, lie in the genomes.

    They are cut into overlapping pieces of 1000 bases, which are searched for with minimap2 in every contig
    on both strands, all hits kept; 200 bases on both sides of a hit belong to it.

    Args:
        genomes: contigs by name.
        unseen: FASTA files.

    Returns:
        Intervals that do not overlap, by contig and start.

    Raises:
        BadInputError: for a file that cannot be read, or a contig that minimap2 cannot index.
    """
    queries = [
        sequence[start : start + QUERY_BP]
        for path in unseen
        for sequence in read_reference(path).values()
        for start in range(0, max(1, len(sequence) - QUERY_BP + QUERY_STEP_BP), QUERY_STEP_BP)
    ]
    found: list[Interval] = []
    for name, sequence in genomes.items():
        aligner = mappy.Aligner(seq=sequence, extra_flags=ALL_CHAINS, **SEEDS)
        if not aligner:
            raise BadInputError(f"contig {name} cannot be indexed by minimap2")
        hits = np.array(
            [(hit.r_st, hit.r_en) for query in queries for hit in aligner.map(query)], np.int64
        ).reshape(-1, 2)
        found.extend(Interval(name, start, end) for start, end in _joined(hits, len(sequence)))
    return found


def _joined(hits: np.ndarray, length_bp: int) -> list[tuple[int, int]]:
    """Hits with their margins, overlapping ones joined."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(hits.tolist()):
        start, end = max(0, start - MARGIN_BP), min(length_bp, end + MARGIN_BP)
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
