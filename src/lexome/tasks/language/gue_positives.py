"""Positives of a benchmark set: read, each sequence once, divided into training, validation and test."""

from collections.abc import Iterator, Sequence

import numpy as np

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError
from lexome.io.fastx import read_fastx
from lexome.tasks.language.gue_negatives import Example, Taken, is_plain
from lexome.tasks.language.gue_request import BuildReport, BuildRequest
from lexome.tasks.language.gue_sets import SPLITS
from lexome.tasks.language.leakage import on_either_strand
from lexome.tasks.language.regions import BedRegion, Genome, read_bed

_TRAIN, _DEV, _TEST = range(3)


def read_positives(
    request: BuildRequest, genome: Genome | None, taken: Taken, report: BuildReport
) -> list[Example]:
    """The positives that can be used: of A, C, G and T, and every sequence once, on either strand.

    A copy could come into another split. Why others are left out is counted in the report.

    Args:
        request: what to read.
        genome: of BED positives.
        taken: gets the places of all positives and the windows around them.
        report: gets the reasons.

    Raises:
        BadInputError: if the file cannot be read or does not fit the genome.
    """
    seen: set[str] = set()
    positives: list[Example] = []
    for one in _read(request, genome, taken, report):
        if not one.sequence or not is_plain(one.sequence):
            _count(report, "other letters than A, C, G and T, or none")
        elif (key := on_either_strand(one.sequence)) in seen:
            _count(report, "the same sequence, on either strand, as one before")
        else:
            seen.add(key)
            positives.append(one)
    return positives


def divided(request: BuildRequest, positives: Sequence[Example], rng: np.random.Generator) -> list[int]:
    """The split of each positive, an index into `gue_sets.SPLITS`: by contig, or at random.

    At random, those that overlap stay together.

    Raises:
        BadInputError: if a split gets none.
    """
    splits = _by_contig(request, positives) if request.test else _at_random(request, positives, rng)
    for split, name in enumerate(SPLITS):
        if split not in splits:
            raise BadInputError(
                f"{request.positives}: no positive is left for {name} ({len(splits)} can be used in all)"
            )
    return splits


def _read(
    request: BuildRequest, genome: Genome | None, taken: Taken, report: BuildReport
) -> Iterator[Example]:
    """Positives as they are in the file; their places, and the windows around them, are taken."""
    if not request.is_bed:
        for name, sequence, _ in read_fastx(request.positives):
            yield Example(name, sequence.upper().replace("U", "T"))
        return
    assert genome is not None
    for region in read_bed(request.positives, genome):
        taken.add(region.contig, region.start_bp, region.end_bp)
        start, end = region.start_bp, region.end_bp
        if request.length_bp is not None:
            start = (start + end - request.length_bp) // 2
            end = start + request.length_bp
        if start < 0 or end > genome.lengths_bp[region.contig]:
            _count(report, "their windows reach beyond the end of the contig")
            continue
        taken.add(region.contig, start, end)
        bases = genome.bases(region.contig, start, end)
        window = BedRegion(region.name, region.contig, start, end, region.is_reverse)
        yield Example(region.name, reverse_complement(bases) if region.is_reverse else bases, window)


def _count(report: BuildReport, reason: str) -> None:
    report.left_out[reason] = report.left_out.get(reason, 0) + 1


def _by_contig(request: BuildRequest, positives: Sequence[Example]) -> list[int]:
    of = dict.fromkeys(request.validation, _DEV) | dict.fromkeys(request.test, _TEST)
    splits = [of.get(one.region.contig, _TRAIN) for one in positives if one.region is not None]
    return splits


def _at_random(request: BuildRequest, positives: Sequence[Example], rng: np.random.Generator) -> list[int]:
    """Divides positives at random; those that overlap stay together."""
    groups = _overlapping(positives)
    wanted = max(1, round(request.held_out_share * len(positives)))
    splits = [_TRAIN] * len(positives)
    counts = [0, 0, 0]
    for group in (groups[i] for i in rng.permutation(len(groups))):
        split = next((s for s in (_TEST, _DEV) if counts[s] < wanted), _TRAIN)
        counts[split] += len(group)
        for i in group:
            splits[i] = split
    return splits


def _overlapping(positives: Sequence[Example]) -> list[list[int]]:
    """Indices of positives that are connected by overlaps; one without a place is alone."""
    placed = [(one.region.contig, one.region.start_bp, one.region.end_bp, i)
              for i, one in enumerate(positives) if one.region is not None]  # fmt: skip
    groups: list[list[int]] = [[i] for i, one in enumerate(positives) if one.region is None]
    last, reach = "", 0
    for contig, start, end, i in sorted(placed):
        if contig == last and start < reach:
            groups[-1].append(i)
            reach = max(reach, end)
        else:
            groups.append([i])
            last, reach = contig, end
    return groups
