"""Gzip in blocks that each have a check sum (BGZF): of a cut file everything before the cut can be trusted.

A plain gzip stream has one check sum at its very end; what a power failure leaves of it can decode to letters
that look right and are wrong. Every program that reads gzip reads BGZF.

Source: the SAM specification, section 4.1 "The BGZF compression format".
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

CONTENT_BYTES = 0xFF00  # in a block: so many fit into one even if they cannot be compressed
LEVEL = 6
# gzip's header without time and name, with one extra field "BC" that will hold the size of the block less one
_HEADER = bytes.fromhex("1f8b0804 00000000 00ff 0600 4243 0200")
_SIZE = struct.Struct("<H")
_TRAILER = struct.Struct("<II")  # CRC-32 and length of the content
_START = len(_HEADER) + _SIZE.size
END = bytes.fromhex("1f8b0804 00000000 00ff 0600 4243 0200 1b00 0300 00000000 00000000")  # an empty block


class BgzfWriter(io.RawIOBase):
    """Compresses what is written to it into blocks; the same content gives the same bytes.

    Args:
        raw: where the blocks go; it stays open when this is closed.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._waiting = bytearray()

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: bytes, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Takes all of `data`; it reaches the file when a block is full, or at the end."""
        self._waiting += data
        while len(self._waiting) >= CONTENT_BYTES:
            block = bytes(self._waiting[:CONTENT_BYTES])
            del self._waiting[:CONTENT_BYTES]
            self._raw.write(_compressed(block))
        return len(data)

    def close(self) -> None:
        """Writes the rest, and the empty block by which a reader knows that nothing is missing."""
        if self.closed:
            return
        try:
            if self._waiting:
                self._raw.write(_compressed(bytes(self._waiting)))
            self._raw.write(END)
        finally:
            self._waiting.clear()
            super().close()


def _compressed(content: bytes) -> bytes:
    for level in (LEVEL, 0):
        deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        data = deflate.compress(content) + deflate.flush()
        size = _START + len(data) + _TRAILER.size
        if size <= 1 << 16:
            break
    return _HEADER + _SIZE.pack(size - 1) + data + _TRAILER.pack(zlib.crc32(content), len(content))


def sound_blocks(raw: BinaryIO) -> Iterator[bytes]:
    """The contents of the blocks of a BGZF file up to its end or the first one that is cut or damaged."""
    while True:
        start = raw.read(_START)
        if len(start) < _START or not start.startswith(_HEADER):
            return
        missing = _SIZE.unpack(start[-_SIZE.size :])[0] + 1 - _START
        rest = raw.read(max(0, missing))
        if len(rest) < max(missing, _TRAILER.size):
            return
        checksum, length = _TRAILER.unpack(rest[-_TRAILER.size :])
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflate.decompress(rest[: -_TRAILER.size], CONTENT_BYTES + 1)
        except zlib.error:
            return
        if not inflate.eof or len(content) != length or zlib.crc32(content) != checksum:
            return
        yield content


class SoundBytes(io.RawIOBase):
    """The content of a BGZF file as far as it is whole, as a stream; to be wrapped in `io.BufferedReader`."""

    def __init__(self, raw: BinaryIO) -> None:
        self._blocks = sound_blocks(raw)
        self._content = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fills a part of the buffer; 0 at the end."""
        while not self._content:
            content = next(self._blocks, None)
            if content is None:
                return 0
            self._content = memoryview(content)
        size = min(len(buffer), len(self._content))
        buffer[:size] = self._content[:size]
        self._content = self._content[size:]
        return size


def is_whole(raw: BinaryIO) -> bool:
    """Whether a file ends in the block that says that nothing is missing; the stream must be seekable."""
    size = raw.seek(0, io.SEEK_END)
    raw.seek(max(0, size - len(END)))
    return raw.read() == END
