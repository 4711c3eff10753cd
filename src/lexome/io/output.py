"""Writing called reads, aligned or not: SAM, BAM, CRAM, FASTQ and FASTA, chosen by the output's ending.

A file is written as `<name>.partial`, in its final format, and renamed when it is complete. When something
stops the work, the partial file is closed properly and stays: its records can be read, the work be resumed.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import pysam

from lexome.core.errors import LexomeError, UsageError, nearest
from lexome.core.records import Alignment, Basecall
from lexome.io.bgzf import BgzfWriter
from lexome.io.fastx_text import fasta_entry, fastq_entry
from lexome.io.hts import MAX_MV_STRIDE, OutputHeader, check_lengths
from lexome.io.hts_records import check_kept, records
from lexome.io.partial import PARTIAL, explained, partial_of
from lexome.io.sorting import remove_index, sort_and_index

Record = pysam.AlignedSegment | str
HTS_ENDINGS = (".sam", ".bam", ".cram")


class Writer(Protocol):
    """Takes called reads one by one; `partial_path` is where they go, None for stdout."""

    partial_path: Path | None

    def write(self, call: Basecall, alignments: Sequence[Alignment] = ()) -> None:
        """Writes one read: one record without alignments, else one for each of them.

        Args:
            call: a read of a run in the header.
            alignments: as `Aligner.align` gives them, the primary one first; none in FASTQ and FASTA.
        """
        ...

    def keep(self, record: Record) -> None:
        """Writes a record of an earlier output of the same format and header, unchanged.

        Args:
            record: for SAM, BAM and CRAM as pysam reads it, for FASTQ and FASTA its text with all line ends.

        Raises:
            LexomeError: if it was aligned to sequences that the header does not have in this order.
        """
        ...

    def close(self) -> None:
        """Ends the file, which gets its name at the end of `open_output`'s block; may be called again."""
        ...


def check_output(path: Path | None, *, aligned: bool = False, sort: bool = False) -> None:
    """Finds out before any work whether an output can be written.

    Args:
        path: the output; None is stdout.
        aligned: it is to hold alignments.
        sort: it is to be sorted by position.

    Raises:
        UsageError: if the ending is unknown or not fit for what is asked, the folder is missing or `path` is
            a folder.
    """
    if sort and (path is None or not aligned):
        missing = "give a reference" if path is not None else "name a file with -o"
        raise UsageError(f"{path or 'stdout'}: cannot be sorted by position; {missing}")
    if path is None:
        return
    if aligned and ending_of(path) not in HTS_ENDINGS:
        raise UsageError(
            f"{path}: alignments need SAM, BAM or CRAM; leave out the reference or change the ending"
        )
    ending_of(path)
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file in it, for example {path / 'calls.bam'}")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: the folder {path.parent} does not exist")


@contextmanager
def open_output(
    path: Path | None, header: OutputHeader, emit_moves: bool = False, *, sort: bool = False
) -> Iterator[Writer]:
    """Opens an output for called reads.

    The bytes depend on the header and the calls alone: no time stamps, no thread-dependent compression.

    Args:
        path: ends in .sam, .bam, .cram, .fastq, .fq, .fasta or .fa, the last four also with .gz; an existing
            file is replaced at the end, a `.partial` of earlier work at once. None writes SAM to stdout.
        header: program, runs and, if reads are aligned, the sequences of the reference.
        emit_moves: write the move table (SAM, BAM, CRAM: tag mv).
        sort: when all is written, sort by position and (BAM, CRAM) make an index beside the output.

    Yields:
        A writer. When the block ends by an exception (or Ctrl-C), the reads written so far stay readable in
        `writer.partial_path`. If whoever reads stdout stops reading (`| head`), the block ends quietly.

    Raises:
        UsageError: as `check_output`, or for a stride that does not fit the move table.
        LexomeError: if the output cannot be written, or a read's run is not in the header.
    """
    check_output(path, aligned=bool(header.sequences), sort=sort)
    if emit_moves and header.stride > MAX_MV_STRIDE:
        raise UsageError(f"the stride {header.stride} does not fit a move table (at most {MAX_MV_STRIDE})")
    writer = _open_writer(path, header, emit_moves)
    try:
        yield writer
        writer.close()
        if sort and path is not None:
            sort_and_index(partial_of(path), path)
            return
    except BaseException as error:
        if isinstance(error, BrokenPipeError) and isinstance(writer, _TextWriter) and writer.reader_gone:
            writer.abandon()
            return
        # the error on its way out says more than a second one from closing
        with suppress(OSError, LexomeError):
            writer.close()
        raise
    if path is not None and writer.partial_path is not None:
        remove_index(path)
        writer.partial_path.replace(path)


AsText = Callable[[Basecall, Sequence[Alignment]], str]
KeptText = Callable[[Record], str]


class _TextWriter:
    """Text formats: bytes to a stream, record by record."""

    def __init__(self, path: Path | None, as_text: AsText, kept_text: KeptText, head: str = "") -> None:
        self.partial_path = path
        self.reader_gone = False
        self._as_text, self._kept_text = as_text, kept_text
        # goes out with the first record: a reader that left early is then noticed within the caller's block
        self._head = head
        self._closing = ExitStack()
        self._stream = _stdout(self._closing) if path is None else _file(path, self._closing)

    def write(self, call: Basecall, alignments: Sequence[Alignment] = ()) -> None:
        check_lengths(call)
        self._write(self._as_text(call, alignments))

    def keep(self, record: Record) -> None:
        self._write(self._kept_text(record))

    def _write(self, text: str) -> None:
        with self._watched():
            self._stream.write((self._head + text).encode())
        self._head = ""

    def close(self) -> None:
        with self._watched(), self._closing:
            if self._head:
                self._write("")

    @contextmanager
    def _watched(self) -> Iterator[None]:
        with explained(self.partial_path):
            try:
                yield
            except BrokenPipeError:
                self.reader_gone = self.partial_path is None
                raise

    def abandon(self) -> None:
        """Sends what is still in stdout's buffer nowhere: the flush at exit would fail again."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _file(path: Path, closing: ExitStack) -> BinaryIO:
    raw = closing.enter_context(path.open("wb"))
    if not path.name.removesuffix(PARTIAL).lower().endswith(".gz"):
        return raw
    # in blocks with check sums: after a crash a reader must be able to tell what is whole
    return closing.enter_context(BgzfWriter(raw))  # pyright: ignore[reportReturnType]


def _stdout(closing: ExitStack) -> BinaryIO:
    stream = sys.stdout.buffer
    if isinstance(stream, io.RawIOBase):  # with PYTHONUNBUFFERED a write may stop half-way
        stream = io.BufferedWriter(stream)
        closing.callback(stream.detach)
    closing.callback(stream.flush)
    return stream


class _HtsWriter:
    """BAM and CRAM through htslib, in one thread."""

    def __init__(self, path: Path, mode: str, header: OutputHeader, emit_moves: bool) -> None:
        self.partial_path: Path | None = path
        self._header, self._emit_moves = header, emit_moves
        self._verbosity = pysam.set_verbosity(0)  # htslib would print to stderr what our errors say
        # CRAM: all bases in the file, so that it can be read wherever the reference is not
        options = ["no_ref=1"] if mode == "wc" and header.sequences else None
        try:
            with explained(path):
                self._file = pysam.AlignmentFile(
                    str(path), mode, header=header.pysam_header, format_options=options
                )
        except LexomeError:
            pysam.set_verbosity(self._verbosity)
            raise

    def write(self, call: Basecall, alignments: Sequence[Alignment] = ()) -> None:
        for segment in records(call, self._header, self._emit_moves, alignments):
            self._write(segment)

    def keep(self, record: Record) -> None:
        self._write(_kept_segment(record, self._header))

    def _write(self, segment: pysam.AlignedSegment) -> None:
        with explained(self.partial_path):
            self._file.write(segment)

    def close(self) -> None:
        try:
            with explained(self.partial_path):
                self._file.close()
        finally:
            pysam.set_verbosity(self._verbosity)


def _open_writer(path: Path | None, header: OutputHeader, emit_moves: bool) -> _TextWriter | _HtsWriter:
    def sam(call: Basecall, alignments: Sequence[Alignment]) -> str:
        return "".join(r.to_string() + "\n" for r in records(call, header, emit_moves, alignments))

    def kept_sam(record: Record) -> str:
        return _kept_segment(record, header).to_string() + "\n"

    if path is None:
        return _TextWriter(None, sam, kept_sam, header.sam_text())
    partial = partial_of(path)
    ending = ending_of(path)
    with explained(partial):
        if ending == ".sam":
            return _TextWriter(partial, sam, kept_sam, header.sam_text())
        if ending in (".bam", ".cram"):
            return _HtsWriter(partial, "wb" if ending == ".bam" else "wc", header, emit_moves)
        as_text = fastq_entry if ending.startswith((".fastq", ".fq")) else fasta_entry
        return _TextWriter(partial, lambda call, _: as_text(call, header), _kept_entry)


def _kept_segment(record: Record, header: OutputHeader) -> pysam.AlignedSegment:
    if isinstance(record, str):
        raise TypeError("a record of SAM, BAM or CRAM is kept as pysam.AlignedSegment")
    check_kept(record, header)
    return record


def _kept_entry(record: Record) -> str:
    if not isinstance(record, str) or not record.endswith("\n"):
        raise TypeError("an entry of FASTQ or FASTA is kept as its text, with all line ends")
    return record


_ENDINGS = {
    ".sam",
    ".bam",
    ".cram",
    *(f"{e}{z}" for e in (".fastq", ".fq", ".fasta", ".fa") for z in ("", ".gz")),
}


def ending_of(path: Path) -> str:
    """The ending that decides the format, in lower case; UsageError if it is none we write."""
    name = path.name.lower()
    ending = max((e for e in _ENDINGS if name.endswith(e)), key=len, default=None)
    if ending is None:
        given = "".join(path.suffixes[-2:]) if path.suffix.lower() == ".gz" else path.suffix
        raise UsageError(f"{path}: the ending decides the format; {nearest(given.lower(), _ENDINGS)}")
    return ending
