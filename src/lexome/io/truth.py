"""Reading the true sequences of ZMWs, aligned to their CCS reads, for training.

Three files say all: the alignments (BAM), where on a genome each truth comes from (BED: contig, start,
end, name of the CCS read) and which chromosome a contig belongs to (two columns).

Source: the inputs of `deepconsensus preprocess` 1.2; its division of the human chromosomes.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pysam

from lexome.core.errors import BadInputError
from lexome.core.zmw import Truth, ZmwOutcome, ZmwReport
from lexome.io.alignment_files import open_alignments, reading
from lexome.io.record_offsets import RecordOffsets

Place = tuple[str, int, int]

HUMAN_SPLIT: Mapping[str, str] = {
    **{f"chr{name}": "train" for name in [*range(1, 19), "X", "Y"]},
    **{f"chr{name}": "eval" for name in (21, 22)},
    **{f"chr{name}": "test" for name in (19, 20)},
}


class Truths:
    """Finds the truth of a ZMW; made by `open_truths`."""

    def __init__(
        self,
        file: pysam.AlignmentFile,
        alignments: RecordOffsets,
        places: Mapping[str, Place],
        split_of: Callable[[str], str | None],
        path: Path,
    ) -> None:
        self._file, self._alignments, self._places, self._split_of = file, alignments, places, split_of
        self._path = path

    def of(self, name: str) -> Truth | ZmwReport:
        """The truth of a CCS read, or why there is none.

        Args:
            name: of the CCS read.
        """
        if name not in self._places:
            return ZmwReport(name, ZmwOutcome.NO_TRUTH_RANGE, "the BED file does not say where it comes from")
        contig, start_bp, end_bp = self._places[name]
        with reading(self._path):  # htslib looks at the whole header now, and complains
            number = self._file.get_tid(name)
        if number not in self._alignments:
            return ZmwReport(name, ZmwOutcome.NO_TRUTH_ALIGNMENT, "no truth is aligned to it")
        split = self._split_of(name)
        if split is None:
            reason = f"it, or its contig {contig}, belongs to no part of the data"
            return ZmwReport(name, ZmwOutcome.NO_SPLIT, reason)
        record = self._alignments.read(number)
        if record.is_supplementary or record.is_secondary:
            reason = "the first alignment of its truth is a supplementary or secondary one"
            return ZmwReport(name, ZmwOutcome.SUPPLEMENTARY_TRUTH, reason)
        with reading(self._path):
            sequence = record.query_sequence or ""
            cigar_O2 = np.array(record.cigartuples, np.int64).reshape(-1, 2)[:, ::-1].copy()
        hard_clipped = int(cigar_O2[cigar_O2[:, 1] == pysam.CHARD_CLIP, 0].sum())
        if len(sequence) + hard_clipped != end_bp - start_bp:
            reason = f"its truth has {len(sequence)} bases, the BED file says {end_bp - start_bp}"
            return ZmwReport(name, ZmwOutcome.MALFORMED_TRUTH, reason)
        return Truth(
            record.query_name or "",
            sequence,
            record.reference_start,
            cigar_O2,
            contig,
            start_bp,
            end_bp,
            split,
        )


@contextmanager
def open_truths(
    alignments: Path,
    places: Path,
    chromosomes: Path | None,
    split: Mapping[str, str] = HUMAN_SPLIT,
    *,
    by_name: Mapping[str, str] | None = None,
) -> Iterator[Truths]:
    """Opens the truth of a data set.

    Args:
        alignments: truth aligned to the CCS reads, BAM; of several records of one CCS read the first counts.
        places: BED file.
        chromosomes: contig and chromosome per line; of no use with `by_name`.
        split: part of the data by chromosome.
        by_name: part of the data by CCS read instead; those that are not in it belong to none.

    Raises:
        BadInputError: if a file cannot be read.
    """
    intervals = read_places(places)
    if by_name is None:
        contigs = {row[0]: row[1] for _, row in _rows(chromosomes, 2)} if chromosomes is not None else {}
        splits = {contig: split[name] for contig, name in contigs.items() if name in split}
        by_name = {name: splits[place[0]] for name, place in intervals.items() if place[0] in splits}
    with open_alignments(alignments) as file:
        offsets = RecordOffsets(alignments, file, file.nreferences, _number_of)
        yield Truths(file, offsets, intervals, by_name.get, alignments)


def read_places(path: Path) -> dict[str, Place]:
    """Where on a genome each truth comes from, by the name of the CCS read: contig, start, end (BED).

    Raises:
        BadInputError: if the file cannot be read.
    """
    return dict(_places(path))


def _number_of(record: pysam.AlignedSegment) -> int:
    return -1 if record.is_unmapped else record.reference_id


def _places(path: Path) -> Iterator[tuple[str, Place]]:
    for line, (contig, start, end, name, *_) in _rows(path, 4):
        if not (start.isdecimal() and end.isdecimal() and int(start) <= int(end)):
            raise BadInputError(f"{path}, line {line}: {start} to {end} is no place on a contig")
        yield name, (contig, int(start), int(end))


def _rows(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table with blanks or tabs between at least so many columns, with their numbers."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read ({error})") from error
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < columns:
            raise BadInputError(f"{path}, line {number}: has {len(fields)} columns instead of {columns}")
        yield number, fields
