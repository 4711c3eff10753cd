"""The finished reads of an output whose writing was cut off, however it was: what `--resume` goes on from.

A process that is killed, a full disk or a power failure leaves a file that ends anywhere: in the middle of a
line, of a record or of a compressed block, or in zeros. Everything before the damage is used, up to the last
read found: that one may be cut without showing it, or have lost alignments, so it is never given out.
"""

import io
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import pysam

from lexome.core.errors import BadInputError, UsageError
from lexome.io.bgzf import SoundBytes
from lexome.io.partial import PARTIAL

RESUMED = ".resumed"
MAX_LINE_BYTES = 1 << 28  # far longer than any record (a read of four million bases: 40 MB); else: damage
MAX_HEADER_BYTES = 1 << 28

Records = list[pysam.AlignedSegment | str]

_NOT_TEXT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # a line that lexome writes holds none of these
_SEQUENCE = re.compile(rb"[A-Za-z*=.]*")
# What htslib and pysam say of records that are cut or are none; a disk that fails is damage too: the reads
# behind it are called again.
_DAMAGE = (OSError, ValueError)


def salvage(path: Path) -> Iterator[tuple[str, Records]]:
    """Yields the complete reads of an output that may be cut off anywhere, but for the last one found.

    Args:
        path: a file that `output.open_output` wrote; the ending before `.partial` or `.resumed` says the
            format. One read is in memory at a time (of a CRAM: one container).

    Yields:
        (read id, records): for SAM, BAM and CRAM `pysam.AlignedSegment`s, the primary one first and the
        read's secondary and supplementary ones after it; for FASTQ and FASTA the text of the entry with its
        line ends. Damage ends the reads without an error.

    Raises:
        BadInputError: if the file cannot be opened or read at all.
        UsageError: if its ending is none of an output.
    """
    name = _final_name(path)
    if name.endswith((".bam", ".cram")):
        records = _hts_records(path)
    elif name.endswith(".sam"):
        records = _sam_records(path)
    elif name.removesuffix(".gz").endswith((".fastq", ".fq")):
        records = _text_records(path, _fastq_entry)
    elif name.removesuffix(".gz").endswith((".fasta", ".fa")):
        records = _text_records(path, _fasta_entry)
    else:
        raise UsageError(f"{path}: its ending is not that of an output of lexome")
    complete: tuple[str, Records] | None = None
    for read_id, group in groupby(records, itemgetter(0)):
        if complete is not None:
            yield complete
        complete = read_id, [record for _, record in group]


def _final_name(path: Path) -> str:
    """What the file would be called when complete, in lower case."""
    return path.name.lower().removesuffix(PARTIAL).removesuffix(RESUMED)


def _hts_records(path: Path) -> Iterator[tuple[str, pysam.AlignedSegment]]:
    _check_readable(path)
    # pysam prints an error it cannot raise when it drops a BAM file whose header it could not read
    if _final_name(path).endswith(".bam") and not _has_bam_header(path):
        return
    with ExitStack() as closing:
        try:
            with _quiet(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that the end is missing is why we are here
                file = pysam.AlignmentFile(str(path), check_sq=False, ignore_truncation=True)
        except _DAMAGE:
            return  # cut within the header
        closing.callback(_close, file)
        records = file.fetch(until_eof=True)
        while True:
            try:
                with _quiet():
                    segment = next(records, None)
            except _DAMAGE:
                return
            if segment is None:
                return
            yield segment.query_name or "", segment


def _has_bam_header(path: Path) -> bool:
    """Whether the header of a BAM file is whole: its text, then the name and length of each sequence."""
    with path.open("rb") as raw:
        stream = io.BufferedReader(SoundBytes(raw))

        def number() -> int:
            return struct.unpack("<I", stream.read(4))[0]

        def passes(size: int) -> bool:
            return size <= MAX_HEADER_BYTES and len(stream.read(size)) == size

        try:
            return (
                stream.read(4) == b"BAM\1"
                and passes(number())
                and all(passes(number() + 4) for _ in range(number()))
            )
        except struct.error:
            return False


def _close(file: pysam.AlignmentFile) -> None:
    with _quiet(), suppress(OSError):  # after damage htslib reports it once more
        file.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps htslib from printing what it finds damaged; damage is expected here."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)


def _sam_records(path: Path) -> Iterator[tuple[str, pysam.AlignedSegment]]:
    with _open(path) as stream:
        lines = _whole_lines(stream)
        head = bytearray()
        first = next(lines, b"")
        while first.startswith(b"@") and len(head) < MAX_HEADER_BYTES:
            head += first
            first = next(lines, b"")
        try:
            with _quiet():
                header = pysam.AlignmentHeader.from_text(head.decode())
        except _DAMAGE:
            return
        for line in chain([first], lines):
            try:
                with _quiet():
                    segment = pysam.AlignedSegment.fromstring(line.decode("ascii").rstrip("\n"), header)
            except _DAMAGE:  # includes text that is no ASCII
                return
            yield segment.query_name or "", segment


Entry = Callable[[bytes, Iterator[bytes]], bytes | None]


def _text_records(path: Path, entry_of: Entry) -> Iterator[tuple[str, str]]:
    with _open(path) as stream:
        lines = _whole_lines(stream)
        for first in lines:
            entry = entry_of(first, lines)
            if entry is None or not entry.isascii():
                return
            yield first[1:].split(b"\t", 1)[0].rstrip().decode("ascii"), entry.decode("ascii")


def _fastq_entry(first: bytes, lines: Iterator[bytes]) -> bytes | None:
    """The four lines of an entry; None if they are not as lexome writes them."""
    sequence, plus, qualities = (next(lines, b"") for _ in range(3))
    if not first.startswith(b"@") or plus != b"+\n" or len(qualities) != len(sequence):
        return None
    if not _SEQUENCE.fullmatch(sequence.rstrip(b"\n")) or b" " in qualities or b"\t" in qualities:
        return None
    return first + sequence + plus + qualities


def _fasta_entry(first: bytes, lines: Iterator[bytes]) -> bytes | None:
    sequence = next(lines, b"")
    whole = first.startswith(b">") and sequence and _SEQUENCE.fullmatch(sequence.rstrip(b"\n"))
    return first + sequence if whole else None


def _whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines with their ends, as far as they are whole and hold nothing but text."""
    while True:
        try:
            line = stream.readline(MAX_LINE_BYTES)
        except _DAMAGE:
            return
        if not line.endswith(b"\n") or _NOT_TEXT.search(line, 0, len(line) - 1):
            return
        yield line


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    _check_readable(path)
    with path.open("rb") as raw:
        if _final_name(path).endswith(".gz"):
            yield io.BufferedReader(SoundBytes(raw))
        else:
            yield raw


def _check_readable(path: Path) -> None:
    """Finds out whether the trouble is the file's end or the file: a missing one must not look empty."""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
