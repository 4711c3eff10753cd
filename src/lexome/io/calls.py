"""Reading called reads back: sequence, qualities and tags from SAM, BAM, CRAM, FASTQ or FASTA."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from lexome.core.errors import UsageError
from lexome.io.alignment_files import open_alignments, reading, records_of
from lexome.io.fastx import read_fastx_records

_HTS_ENDINGS = (".sam", ".bam", ".cram")
_FASTX_ENDINGS = (".fastq", ".fq", ".fasta", ".fa", ".fna")
_CONVERT = {"i": int, "f": float, "Z": str, "A": str}


@dataclass(frozen=True)
class CalledRead:
    """A called read in its own orientation; `tags` by their two letters, as far as the file has any."""

    read_id: str
    sequence: str
    qualities: np.ndarray | None  # uint8[L], Phred
    tags: dict[str, Any] = field(default_factory=dict)


def read_calls(path: Path) -> Iterator[CalledRead]:
    """Yields the reads of a file of calls, aligned or not, in the file's order.

    Secondary and supplementary alignments are left out (they repeat a read); a read aligned to the reverse
    strand is turned back. A `.partial` file is read by the ending before it.

    Args:
        path: SAM, BAM, CRAM, FASTQ or FASTA by its ending, the last two also gzipped.

    Raises:
        UsageError: if the ending is none of these or the file is missing.
        BadInputError: if the file is damaged, cut off or of another format.
    """
    name = path.name.lower().removesuffix(".partial")
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if name.endswith(_HTS_ENDINGS):
        yield from _from_hts(path)
    elif name.removesuffix(".gz").endswith(_FASTX_ENDINGS):
        for entry in read_fastx_records(path):
            yield CalledRead(entry.name, entry.sequence, entry.qualities, _tags_in(entry.comment))
    else:
        known = ", ".join(_HTS_ENDINGS + _FASTX_ENDINGS)
        raise UsageError(
            f"{path}: cannot tell its format from its ending; known: {known} (the last five also .gz)"
        )


def _from_hts(path: Path) -> Iterator[CalledRead]:
    with open_alignments(path) as file:
        for segment in records_of(path, file):
            with reading(path):
                call = None if segment.is_secondary or segment.is_supplementary else _call_of(segment)
            if call is not None:
                yield call


def _call_of(segment: pysam.AlignedSegment) -> CalledRead:
    segment.to_string()  # htslib checks the tags for this; pysam reads them as they are, and crashes
    qualities = None if segment.query_qualities is None else segment.get_forward_qualities()
    return CalledRead(
        segment.query_name or "",
        segment.get_forward_sequence() or "",
        None if qualities is None else np.asarray(qualities, np.uint8),
        dict(segment.get_tags()),
    )


def _tags_in(comment: str) -> dict[str, Any]:
    """The SAM tags in a FASTQ comment (tab-separated, as basecallers write them); others are ignored."""
    tags: dict[str, Any] = {}
    for word in comment.split("\t"):
        name, kind, value = (*word.split(":", 2), "", "")[:3]
        if len(name) != 2 or kind not in _CONVERT:
            continue
        try:
            tags[name] = _CONVERT[kind](value)
        except ValueError:
            continue  # a comment that only looks like a tag
    return tags
