"""Copies of chosen reads: FASTQ, or the records of SAM, BAM and CRAM as they are.

Both are written to `<name>.partial`; `io.corrected.named_at_end` gives them their name.
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pysam

from lexome.io.alignment_files import writing
from lexome.io.bgzf import BgzfWriter
from lexome.io.corrected_tags import tags_as_text
from lexome.io.hts import printable
from lexome.io.output import ending_of
from lexome.io.partial import explained, partial_of
from lexome.io.program_line import own_program, program_line, programs_in

MODES = {".sam": "w", ".bam": "wb", ".cram": "wc"}


class FastqCopy:
    """Writes FASTQ, compressed if the name says so, to `partial_path`."""

    def __init__(self, path: Path) -> None:
        self.partial_path = partial_of(path)
        self._closing = ExitStack()
        with explained(self.partial_path):
            self._stream = self._closing.enter_context(self.partial_path.open("wb"))
            if ending_of(path).endswith(".gz"):
                self._stream = self._closing.enter_context(BgzfWriter(self._stream))

    def write(self, title: str, sequence: str, qualities: np.ndarray) -> None:
        """Writes an entry; the title goes without its @."""
        letters = (qualities.astype(np.uint8) + 33).tobytes().decode("ascii")
        with explained(self.partial_path):
            self._stream.write(f"@{title}\n{sequence}\n+\n{letters}\n".encode())

    def write_record(self, record: pysam.AlignedSegment) -> None:
        """In the direction in which it was read."""
        tags = tags_as_text(record.get_tags(with_value_type=True))
        title = "\t".join(filter(None, (printable(record.query_name or ""), tags)))
        qualities = np.asarray(record.get_forward_qualities(), np.uint8)
        self.write(title, record.get_forward_sequence() or "", qualities)

    def close(self) -> None:
        """Ends the file; may be called again."""
        with explained(self.partial_path):
            self._closing.close()


class RecordCopy:
    """Copies records of SAM, BAM and CRAM to `partial_path`."""

    def __init__(self, path: Path, header: pysam.AlignmentHeader, version: str, command_line: str) -> None:
        self.partial_path = partial_of(path)
        mode = MODES[ending_of(path)]
        lines = str(header).strip("\n")  # an empty line within would end the header for htslib
        own = own_program("lexome-filter", programs_in(lines), version, command_line)
        text = f"{lines}\n{program_line(own)}\n".lstrip("\n")
        with writing(self.partial_path):
            self._file = pysam.AlignmentFile(
                str(self.partial_path), mode, header=pysam.AlignmentHeader.from_text(text)
            )

    def write_record(self, record: pysam.AlignedSegment) -> None:
        """Copies a record."""
        with writing(self.partial_path):
            self._file.write(record)

    def close(self) -> None:
        """Ends the file; may be called again."""
        with writing(self.partial_path):
            self._file.close()
