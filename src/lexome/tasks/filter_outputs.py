"""Copies of chosen reads: FASTQ, or the records of SAM, BAM and CRAM as they are.

Both are written to `<name>.partial`; `io.corrected.named_at_end` gives them their name.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pysam

from lexome.io.bgzf import BgzfWriter
from lexome.io.corrected_tags import tags_as_text
from lexome.io.hts import printable
from lexome.io.output import ending_of
from lexome.io.partial import explained, partial_of

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
        text = f"{lines}\n{program_line(lines, version, command_line)}".lstrip("\n")
        with _quiet(self.partial_path):
            self._file = pysam.AlignmentFile(
                str(self.partial_path), mode, header=pysam.AlignmentHeader.from_text(text)
            )

    def write_record(self, record: pysam.AlignedSegment) -> None:
        """Copies a record."""
        with _quiet(self.partial_path):
            self._file.write(record)

    def close(self) -> None:
        """Ends the file; may be called again."""
        with _quiet(self.partial_path):
            self._file.close()


@contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """Errors of the system become ours; htslib would print the same."""
    verbosity = pysam.set_verbosity(0)
    try:
        with explained(path):
            yield
    finally:
        pysam.set_verbosity(verbosity)


def program_line(header: str, version: str, command_line: str) -> str:
    """The header line of this program, which follows the last one that no other follows.

    Args:
        header: as SAM text.
        version: of lexome.
        command_line: as it was typed.
    """
    lines = [line.split("\t")[1:] for line in header.splitlines() if line.startswith("@PG")]
    programs = [{word[:2]: word[3:] for word in words} for words in lines]
    names = [program.get("ID", "") for program in programs]
    followed = {program.get("PP") for program in programs}
    own, number = "lexome-filter", 0
    while own in names:
        number += 1
        own = f"lexome-filter.{number}"
    last = [name for name in names if name not in followed][-1:]
    fields = [f"ID:{own}", "PN:lexome", *(f"PP:{name}" for name in last), f"VN:{version}"]
    return "\t".join(["@PG", *fields, f"CL:{printable(command_line)}"]) + "\n"
