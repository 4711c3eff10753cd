"""Writing called reads: SAM, BAM, CRAM, FASTQ and FASTA, chosen by the output's ending.

A file is written as `<name>.partial`, in its final format, and renamed when it is complete. When something
stops the work, the partial file is closed properly and stays: its records can be read, the work be resumed.
"""

import gzip
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import pysam

from lexome.core.errors import LexomeError, UsageError, nearest
from lexome.core.records import Basecall
from lexome.io.hts import (
    MAX_MV_STRIDE,
    MAX_PHRED,
    OutputHeader,
    check_lengths,
    experiment_start,
    mean_qscore,
    printable,
    read_start,
    record,
)

PARTIAL = ".partial"


class Writer(Protocol):
    """Takes called reads one by one; `partial_path` is where they go, None for stdout."""

    partial_path: Path | None

    def write(self, call: Basecall) -> None:
        """Writes one read."""
        ...


def check_output(path: Path | None) -> None:
    """Finds out before any work whether an output can be written.

    Args:
        path: the output; None is stdout.

    Raises:
        UsageError: if the ending is unknown, the folder is missing or `path` is a folder.
    """
    if path is None:
        return
    _ending(path)
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file in it, for example {path / 'calls.bam'}")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: the folder {path.parent} does not exist")


@contextmanager
def open_output(path: Path | None, header: OutputHeader, emit_moves: bool = False) -> Iterator[Writer]:
    """Opens an output for called reads.

    The bytes depend on the header and the calls alone: no time stamps, no thread-dependent compression.

    Args:
        path: ends in .sam, .bam, .cram, .fastq, .fq, .fasta or .fa, the last four also with .gz; an existing
            file is replaced at the end, a `.partial` of earlier work at once. None writes SAM to stdout.
        header: program and runs.
        emit_moves: write the move table (SAM, BAM, CRAM: tag mv).

    Yields:
        A writer. When the block ends by an exception (or Ctrl-C), the reads written so far stay readable in
        `writer.partial_path`. If whoever reads stdout stops reading (`| head`), the block ends quietly.

    Raises:
        UsageError: as `check_output`, or for a stride that does not fit the move table.
        LexomeError: if the output cannot be written, or a read's run is not in the header.
    """
    check_output(path)
    if emit_moves and header.stride > MAX_MV_STRIDE:
        raise UsageError(f"the stride {header.stride} does not fit a move table (at most {MAX_MV_STRIDE})")
    writer = _open_writer(path, header, emit_moves)
    try:
        yield writer
        writer.close()
    except BaseException as error:
        if isinstance(error, BrokenPipeError) and isinstance(writer, _TextWriter) and writer.reader_gone:
            writer.abandon()
            return
        # the error on its way out says more than a second one from closing
        with suppress(OSError, LexomeError):
            writer.close()
        raise
    if path is not None and writer.partial_path is not None:
        writer.partial_path.replace(path)


class _TextWriter:
    """Text formats: bytes to a stream, record by record."""

    def __init__(self, path: Path | None, as_text: Callable[[Basecall], str], head: str = "") -> None:
        self.partial_path = path
        self.reader_gone = False
        self._as_text = as_text
        # goes out with the first record: a reader that left early is then noticed within the caller's block
        self._head = head
        self._closing = ExitStack()
        self._stream = _stdout(self._closing) if path is None else _file(path, self._closing)

    def write(self, call: Basecall) -> None:
        check_lengths(call)
        self._write(self._as_text(call))

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
        with _explained(self.partial_path):
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
    # no file name and no time in the gzip header: the same reads give the same bytes
    zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
    return closing.enter_context(zipped)  # pyright: ignore[reportReturnType]


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
        try:
            with _explained(path):
                self._file = pysam.AlignmentFile(str(path), mode, header=header.pysam_header)
        except LexomeError:
            pysam.set_verbosity(self._verbosity)
            raise

    def write(self, call: Basecall) -> None:
        segment = record(call, self._header, self._emit_moves)
        with _explained(self.partial_path):
            self._file.write(segment)

    def close(self) -> None:
        try:
            with _explained(self.partial_path):
                self._file.close()
        finally:
            pysam.set_verbosity(self._verbosity)


def _open_writer(path: Path | None, header: OutputHeader, emit_moves: bool) -> _TextWriter | _HtsWriter:
    def sam(call: Basecall) -> str:
        return record(call, header, emit_moves).to_string() + "\n"

    if path is None:
        return _TextWriter(None, sam, header.sam_text())
    partial = path.with_name(path.name + PARTIAL)
    ending = _ending(path)
    with _explained(partial):
        if ending == ".sam":
            return _TextWriter(partial, sam, header.sam_text())
        if ending in (".bam", ".cram"):
            return _HtsWriter(partial, "wb" if ending == ".bam" else "wc", header, emit_moves)
        if ending.startswith((".fastq", ".fq")):
            return _TextWriter(partial, lambda call: _fastq(call, header))
        return _TextWriter(partial, lambda call: _fasta(call, header))


@contextmanager
def _explained(path: Path | None) -> Iterator[None]:
    """Turns an error of the operating system into one that names the file; a closed pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise LexomeError(f"{path or 'stdout'}: cannot be written ({error.strerror or error})") from error


_ENDINGS = {
    ".sam",
    ".bam",
    ".cram",
    *(f"{e}{z}" for e in (".fastq", ".fq", ".fasta", ".fa") for z in ("", ".gz")),
}


def _ending(path: Path) -> str:
    """The ending that decides the format, in lower case; UsageError if it is none we write."""
    name = path.name.lower()
    ending = max((e for e in _ENDINGS if name.endswith(e)), key=len, default=None)
    if ending is None:
        given = "".join(path.suffixes[-2:]) if path.suffix.lower() == ".gz" else path.suffix
        raise UsageError(f"{path}: the ending decides the format; {nearest(given.lower(), _ENDINGS)}")
    return ending


def _fastq(call: Basecall, header: OutputHeader) -> str:
    letters = (np.minimum(call.qualities, MAX_PHRED).astype(np.uint8) + 33).tobytes().decode("ascii")
    return f"@{printable(call.read_id)}\t{_comment(call, header)}\n{call.sequence}\n+\n{letters}\n"


def _fasta(call: Basecall, header: OutputHeader) -> str:
    return f">{printable(call.read_id)}\t{_comment(call, header)}\n{call.sequence}\n"


def _comment(call: Basecall, header: OutputHeader) -> str:
    """The tags that dorado keeps in FASTQ; aligners copy them into their output (`minimap2 -y`)."""
    start = read_start(call)
    tags = [
        f"RG:Z:{header.read_group_of(call)}",
        *([f"st:Z:{start}"] if start else []),
        f"DS:Z:{printable(header.group_description(call.run))}",
        f"qs:f:{mean_qscore(call.qualities):g}",
        f"ch:i:{call.info.channel}",
        f"PU:Z:{printable(call.run.flow_cell or 'unknown')}",
        f"DT:Z:{printable(experiment_start(call.run) or 'unknown')}",
    ]
    return "\t".join(tags)
