"""A called read as SAM/BAM/CRAM records: one if it is not aligned, else one for each of its alignments.

Flags, clips and the tags of an alignment are as minimap2 and dorado write them by default: the primary record
holds the whole read with soft clips; a supplementary one only its piece, hard-clipped; a secondary one no
bases at all (SEQ and QUAL are '*').
"""

import array
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pysam

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import LexomeError
from lexome.core.records import Alignment, Basecall
from lexome.io.hts import MAX_PHRED, OutputHeader, Tag, check_lengths, printable, tags_of

REVERSE = 16
KIND_FLAGS: dict[Literal["primary", "secondary", "supplementary"], int] = {
    "primary": 0,
    "secondary": 256,
    "supplementary": 2048,
}
FLAGS_OF_KIND = 256 | 2048
MATCH, INSERTION, DELETION, SOFT_CLIP, HARD_CLIP = 0, 1, 2, 4, 5  # BAM codes of the CIGAR's operations


def records(
    call: Basecall, header: OutputHeader, emit_moves: bool, alignments: Sequence[Alignment] = ()
) -> list[pysam.AlignedSegment]:
    """The records of a call, the primary (or only) one first.

    Args:
        call: a called read.
        header: of the output; has the call's run and the sequences of the alignments.
        emit_moves: write the move table. It stays in the direction of the signal, as all tags of the call.
        alignments: as `Aligner.align` gives them; without any the record is an unaligned one.

    Raises:
        LexomeError: if the header lacks the run or a sequence, or the call is inconsistent.
    """
    check_lengths(call)
    tags = [tag if tag[2] != "B" else tag[:2] for tag in tags_of(call, header, emit_moves)]
    qualities = np.minimum(call.qualities, MAX_PHRED).astype(np.uint8)
    if not alignments:
        segment = pysam.AlignedSegment(header.pysam_header)
        segment.query_name = printable(call.read_id)
        segment.flag = 4
        _set_bases(segment, call.sequence, qualities)
        segment.set_tags(tags)
        return [segment]
    written = []
    for alignment in alignments:
        segment = pysam.AlignedSegment(header.pysam_header)
        segment.query_name = printable(call.read_id)
        _set_place(segment, alignment, header)
        if alignment.kind != "secondary":
            _set_bases(segment, *_bases_of(alignment, call.sequence, qualities))
        segment.cigartuples = _cigar_with_clips(alignment, len(call.sequence))
        segment.set_tags(tags + alignment_tags(alignment, alignments, len(call.sequence)))
        written.append(segment)
    return written


def alignment_of(segment: pysam.AlignedSegment) -> Alignment:
    """The alignment that a record of ours holds: what `records` was given for it.

    Raises:
        LexomeError: if the record lacks a tag that `records` writes.
    """
    tags: dict[str, Any] = dict(segment.get_tags())
    cigar = [(length, operation) for operation, length in segment.cigartuples or ()]
    clips = (SOFT_CLIP, HARD_CLIP)
    before = cigar[0][0] if cigar[0][1] in clips else 0
    after = cigar[-1][0] if cigar[-1][1] in clips else 0
    aligned = np.array([row for row in cigar if row[1] not in clips], np.int64).reshape(-1, 2)
    in_read = int(aligned[aligned[:, 1] != DELETION, 0].sum())
    query_start = after if segment.is_reverse else before
    try:
        return Alignment(
            kind=next(kind for kind, flag in KIND_FLAGS.items() if (segment.flag & FLAGS_OF_KIND) == flag),
            contig=segment.reference_name or "",
            reference_start_bp=segment.reference_start,
            reference_end_bp=segment.reference_end or 0,
            strand=-1 if segment.is_reverse else 1,
            query_start=query_start,
            query_end=query_start + in_read,
            cigar=aligned,
            mapping_quality=segment.mapping_quality,
            edit_distance=tags["NM"],
            ambiguous_bases=tags["nn"],
            md=tags["MD"],
        )
    except KeyError as error:
        raise LexomeError(f"read {segment.query_name}: its record lacks the tag {error.args[0]}") from error


def check_kept(segment: pysam.AlignedSegment, header: OutputHeader) -> None:
    """Refuses a record of an earlier output that was aligned to other sequences than the header has.

    A BAM record names its sequence by a number alone: under another header it would lie elsewhere.
    """
    index, ours = segment.reference_id, header.pysam_header
    if index >= 0 and (index >= ours.nreferences or ours.get_reference_name(index) != segment.reference_name):
        raise LexomeError(
            f"read {segment.query_name}: was aligned to {segment.reference_name}, which this reference does "
            "not have in the same place; was the earlier output made with another one?"
        )


def alignment_tags(alignment: Alignment, of_read: Sequence[Alignment], read_length: int) -> list[Tag]:
    """The tags of one alignment, in minimap2's order: NM, nn, tp, de, SA (of a split read), MD.

    minimap2's tags that mappy does not give (ms, AS, cm, s1, s2, rl) are left out.

    Args:
        alignment: the record's.
        of_read: all alignments of the read.
        read_length: bases.
    """
    tags: list[Tag] = [
        ("NM", alignment.edit_distance, "i"),
        ("nn", alignment.ambiguous_bases, "i"),
        ("tp", "S" if alignment.kind == "secondary" else "P", "A"),
        ("de", round(gap_compressed_divergence(alignment), 4), "f"),
    ]
    if alignment.kind != "secondary":
        others = [a for a in of_read if a is not alignment and a.kind != "secondary"]
        if others:
            tags.append(("SA", "".join(_other_piece(other, read_length) for other in others), "Z"))
    tags.append(("MD", alignment.md, "Z"))
    return tags


def gap_compressed_divergence(alignment: Alignment) -> float:
    """One minus the identity in which every gap counts as one difference, however long it is (tag de)."""
    lengths, operations = alignment.cigar.T
    is_gap = operations != MATCH
    matches = int(lengths.sum()) - alignment.edit_distance
    return 1.0 - matches / (int(lengths[~is_gap].sum()) + int(is_gap.sum()))


def _other_piece(other: Alignment, read_length: int) -> str:
    """An entry of the SA tag. As minimap2's, its CIGAR sums the gaps up in one insertion or deletion."""
    before, after = _clips(other, read_length)
    in_read = other.query_end - other.query_start
    in_reference = other.reference_end_bp - other.reference_start_bp
    parts = [
        (before, "S"),
        (min(in_read, in_reference), "M"),
        (in_read - in_reference, "I"),
        (in_reference - in_read, "D"),
        (after, "S"),
    ]
    cigar = "".join(f"{length}{letter}" for length, letter in parts if length > 0)
    strand = "+" if other.strand > 0 else "-"
    place = f"{other.contig},{other.reference_start_bp + 1},{strand}"
    return f"{place},{cigar},{other.mapping_quality},{other.edit_distance};"


def _cigar_with_clips(alignment: Alignment, read_length: int) -> list[tuple[int, int]]:
    clip = HARD_CLIP if alignment.kind == "supplementary" else SOFT_CLIP
    before, after = _clips(alignment, read_length)
    aligned = [(operation, length) for length, operation in alignment.cigar.tolist()]
    return [*([(clip, before)] if before else []), *aligned, *([(clip, after)] if after else [])]


def _clips(alignment: Alignment, read_length: int) -> tuple[int, int]:
    """Bases of the read before and after the alignment, in the direction of the reference."""
    before, after = alignment.query_start, read_length - alignment.query_end
    return (before, after) if alignment.strand > 0 else (after, before)


def _bases_of(alignment: Alignment, sequence: str, qualities: np.ndarray) -> tuple[str, np.ndarray]:
    """What a record holds of a read: all of it or (supplementary) its piece, in the reference's direction."""
    if alignment.kind == "supplementary":
        piece = slice(alignment.query_start, alignment.query_end)
        sequence, qualities = sequence[piece], qualities[piece]
    if alignment.strand < 0:
        return reverse_complement(sequence), qualities[::-1]
    return sequence, qualities


def _set_place(segment: pysam.AlignedSegment, alignment: Alignment, header: OutputHeader) -> None:
    segment.flag = KIND_FLAGS[alignment.kind] | (REVERSE if alignment.strand < 0 else 0)
    segment.reference_id = header.pysam_header.get_tid(alignment.contig)
    if segment.reference_id < 0:
        raise LexomeError(
            f"read {segment.query_name}: the header of the output lacks sequence {alignment.contig}"
        )
    segment.reference_start = alignment.reference_start_bp
    segment.mapping_quality = alignment.mapping_quality


def _set_bases(segment: pysam.AlignedSegment, sequence: str, qualities: np.ndarray) -> None:
    segment.query_sequence = sequence
    segment.query_qualities = array.array("B", qualities.tobytes())
