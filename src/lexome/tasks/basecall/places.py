"""Where reads lie in a reference: from a table or by mapping their calls."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lexome.core.errors import BadInputError

TABLE_COLUMNS = ("read_id", "contig", "r_st", "r_en", "strand")


@dataclass(frozen=True)
class Place:
    """A read's stretch of the reference, 0-based, end excluded, in the reference's forward coordinates."""

    contig: str
    start_bp: int
    end_bp: int
    is_reverse: bool


def read_places(path: Path, reference: Mapping[str, str]) -> dict[str, Place]:
    """Reads the places of reads.

    Args:
        path: a tab-separated table (`.tsv`) with the columns read_id, contig, r_st, r_en, strand (+ or -), or
            calls of the reads (SAM, BAM, FASTQ, FASTA), which are mapped here (minimap2, map-ont, best
            primary hit).
        reference: contigs by name.

    Returns:
        The place of each read that has one.

    Raises:
        BadInputError: if the table lacks a column or holds nonsense.
    """
    if path.suffix == ".tsv":
        return _read_table(path, reference)
    return _map_calls(path, reference)


def _read_table(path: Path, reference: Mapping[str, str]) -> dict[str, Place]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            missing = [c for c in TABLE_COLUMNS if c not in (reader.fieldnames or [])]
            if missing:
                raise BadInputError(
                    f"{path}: column {missing[0]} is missing; needed: {', '.join(TABLE_COLUMNS)}"
                )
            places: dict[str, Place] = {}
            for number, row in enumerate(reader, 2):
                if row["read_id"] in places:
                    raise ValueError(
                        f"line {number}: read {row['read_id']} is there already; one place per read"
                    )
                try:
                    places[row["read_id"]] = _place_of(row, reference)
                except ValueError as error:
                    raise ValueError(f"line {number}: {error}") from error
    except (OSError, csv.Error, ValueError) as error:
        raise BadInputError(f"{path}: cannot be read as a table of places ({error})") from error
    return places


def _place_of(row: Mapping[str, str | None], reference: Mapping[str, str]) -> Place:
    contig, start, end, strand = (row[column] or "" for column in TABLE_COLUMNS[1:])
    if contig not in reference:
        raise ValueError(f"contig {contig} is not in the reference")
    if strand not in ("+", "-"):
        raise ValueError(f"strand is neither + nor -, but '{strand}'")
    place = Place(contig, int(start), int(end), strand == "-")
    if not 0 <= place.start_bp < place.end_bp <= len(reference[contig]):
        raise ValueError(f"{start} to {end} is not within contig {contig} of {len(reference[contig])} bases")
    return place


def _map_calls(path: Path, reference: Mapping[str, str]) -> dict[str, Place]:
    import mappy

    from lexome.io.calls import read_calls

    aligners = {}
    for (
        name,
        sequence,
    ) in reference.items():  # one index per contig keeps mappy's in-memory constructor usable
        aligners[name] = mappy.Aligner(seq=sequence, preset="map-ont")
    places = {}
    for call in read_calls(path):
        best = None
        for name, aligner in aligners.items():
            for hit in aligner.map(call.sequence):
                if hit.is_primary and (best is None or hit.mlen > best[1].mlen):
                    best = (name, hit)
        if best is not None:
            name, hit = best
            places[call.read_id] = Place(name, hit.r_st, hit.r_en, hit.strand < 0)
    return places
