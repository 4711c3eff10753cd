"""Finding a record of a BAM file by number, whatever its order, with eight bytes of memory for each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam

from lexome.core.errors import BadInputError
from lexome.io.alignment_files import reading

_NONE = -1


class RecordOffsets:
    """Where in a BAM file the first record of each number stands.

    The file is read once from its start to its end when this is made.

    Args:
        path: of the file.
        file: the same, open; it must stay open.
        count: numbers go from 0 to below this.
        number_of: the number of a record; -1: the record is not wanted.
        on_repeated: told of every further record of a number.

    Raises:
        BadInputError: if the file is no BAM file or is damaged.
    """

    def __init__(
        self,
        path: Path,
        file: pysam.AlignmentFile,
        count: int,
        number_of: Callable[[pysam.AlignedSegment], int],
        on_repeated: Callable[[pysam.AlignedSegment], None] = lambda _: None,
    ) -> None:
        if not file.is_bam:
            raise BadInputError(f"{path}: is not a BAM file; convert it (samtools view -b)")
        self._path, self._file = path, file
        self._offsets = np.full(count, _NONE, np.int64)
        with reading(path):
            records = file.fetch(until_eof=True)
        while True:
            with reading(path):
                offset = file.tell()
                record = next(records, None)
                number = _NONE if record is None else number_of(record)
            if record is None:
                break
            if number == _NONE:
                continue
            if self._offsets[number] == _NONE:
                self._offsets[number] = offset
            else:
                on_repeated(record)

    def __contains__(self, number: int) -> bool:
        return 0 <= number < len(self._offsets) and bool(self._offsets[number] != _NONE)

    def read(self, number: int) -> pysam.AlignedSegment:
        """The record of a number that is there.

        Raises:
            BadInputError: if the file has changed and cannot be read any more.
        """
        with reading(self._path):
            self._file.seek(int(self._offsets[number]))
            record = next(self._file.fetch(until_eof=True), None)
        if record is None:
            raise BadInputError(f"{self._path}: became shorter while it was read")
        return record
