"""The true bases of molecules, found by the name of their read: from alignments to CCS reads, or from FASTA.

Shapes: R true bases.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pysam

from lexome.core.alphabet import encode
from lexome.core.errors import BadInputError, UsageError
from lexome.io.alignment_files import open_alignments, reading
from lexome.io.fastx import read_reference
from lexome.io.record_offsets import RecordOffsets

_FASTA_ENDINGS = (".fasta", ".fa", ".fna")
_OWN_NAME, _READ_NAME = "/truth", "/ccs"


@dataclass(frozen=True)
class TrueRead:
    """The true bases of a molecule, in the direction of its read.

    Attributes:
        codes: base codes, uint8[R].
        unknown_before_bp: bases at the beginning of the CCS read of which no truth is known.
        unknown_after_bp: the same at its end.
    """

    codes: np.ndarray
    unknown_before_bp: int = 0
    unknown_after_bp: int = 0


class TrueReads(Protocol):
    """The molecules of which the truth is known, numbered from 0; to be used by one thread."""

    @property
    def names(self) -> Sequence[str]:
        """Names of their reads."""
        ...

    @property
    def bases(self) -> int:
        """True bases of all."""
        ...

    def number_of(self, name: str) -> int:
        """The number of a read's molecule, -1 if its truth is not known."""
        ...

    def of(self, number: int) -> TrueRead:
        """The truth of a molecule."""
        ...


@contextmanager
def open_true_reads(path: Path) -> Iterator[TrueReads]:
    """Opens the truth of a set of reads.

    Args:
        path: alignments of the true molecules to their CCS reads (BAM; of several of one CCS read the first
            primary one counts, its soft-clipped bases do not), or FASTA. Sequences of a FASTA file have the
            names of the reads, or `/truth` in place of `/ccs`.

    Raises:
        UsageError: if the file is missing or its ending is unknown.
        BadInputError: if it is damaged, or holds nothing or a name twice.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    name = path.name.lower()
    if name.removesuffix(".gz").endswith(_FASTA_ENDINGS):
        yield _Fasta(path)
    elif name.endswith(".bam"):
        with open_alignments(path) as file:
            yield _Alignments(path, file)
    else:
        raise UsageError(
            f"{path}: the truth must be .bam (true molecules aligned to their CCS reads) or .fasta[.gz]"
        )


class _Fasta:
    """All true bases in memory, one byte for each."""

    def __init__(self, path: Path) -> None:
        sequences = read_reference(path)
        self.names = [_read_name(name) for name in sequences]
        self._codes = [encode(sequence) for sequence in sequences.values()]
        self.bases = sum(map(len, self._codes))
        self._numbers = {name: number for number, name in enumerate(self.names)}
        if len(self._numbers) < len(self.names):
            raise BadInputError(f"{path}: two sequences are the truth of one read")

    def number_of(self, name: str) -> int:
        return self._numbers.get(name, -1)

    def of(self, number: int) -> TrueRead:
        return TrueRead(self._codes[number])


def _read_name(name: str) -> str:
    return name.removesuffix(_OWN_NAME) + _READ_NAME if name.endswith(_OWN_NAME) else name


class _Alignments:
    """Of a BAM file only where the records stand is in memory."""

    def __init__(self, path: Path, file: pysam.AlignmentFile) -> None:
        self._path, self._file = path, file
        lengths: dict[int, int] = {}

        def number_of(record: pysam.AlignedSegment) -> int:
            if record.is_unmapped or record.is_secondary or record.is_supplementary:
                return -1
            lengths.setdefault(record.reference_id, record.query_alignment_length)
            return record.reference_id

        self._records = RecordOffsets(path, file, file.nreferences, number_of)
        if not lengths:
            raise BadInputError(f"{path}: holds no aligned record, so no truth of any read")
        self.bases = sum(lengths.values())
        self._contigs = sorted(lengths)
        self._numbers = {contig: number for number, contig in enumerate(self._contigs)}
        with reading(path):
            self.names = [file.get_reference_name(contig) for contig in self._contigs]

    def number_of(self, name: str) -> int:
        with reading(self._path):  # htslib looks at the whole header now, and complains
            return self._numbers.get(self._file.get_tid(name), -1)

    def of(self, number: int) -> TrueRead:
        record = self._records.read(self._contigs[number])
        with reading(self._path):
            sequence, end = record.query_alignment_sequence, record.reference_end
            length = self._file.get_reference_length(self.names[number])
        if not sequence or end is None or end > length:
            raise BadInputError(f"{self._path}: the truth of {self.names[number]} has no bases")
        return TrueRead(encode(sequence), record.reference_start, length - end)
