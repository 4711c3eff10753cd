"""BGZF: what gzip and htslib read, and of a damaged file nothing but what was written."""

import gzip
import io
import random
import subprocess
from pathlib import Path

import pysam
import pytest

from lexome.io.bgzf import CONTENT_BYTES, BgzfWriter, SoundBytes, is_whole, sound_blocks

RNG = random.Random(5)
CONTENTS = {
    "nothing": b"",
    "a word": b"word",
    "one block": RNG.randbytes(CONTENT_BYTES),
    "one block and a byte": b"A" * (CONTENT_BYTES + 1),
    "noise, which cannot be compressed": RNG.randbytes(300_000),
    "text": "".join(RNG.choice("ACGT\n") for _ in range(400_000)).encode(),
}


def compressed(content: bytes, piece: int = 10_000) -> bytes:
    raw = io.BytesIO()
    with BgzfWriter(raw) as stream:
        for start in range(0, len(content), piece):
            stream.write(content[start : start + piece])
    assert not raw.closed
    return raw.getvalue()


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
class TestAnyContent:
    def test_gzip_reads_it(self, content: bytes, tmp_path: Path) -> None:
        assert gzip.decompress(compressed(content)) == content
        path = tmp_path / "a.gz"
        path.write_bytes(compressed(content))
        assert subprocess.run(["gzip", "-dc", path], capture_output=True, check=True).stdout == content

    def test_htslib_takes_it_for_its_own(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "a.gz").write_bytes(compressed(content))
        with pysam.BGZFile(str(tmp_path / "a.gz")) as file:
            assert file.read() == content

    def test_we_read_what_htslib_writes(self, content: bytes, tmp_path: Path) -> None:
        with pysam.BGZFile(str(tmp_path / "a.gz"), "w") as file:
            file.write(content)
        with (tmp_path / "a.gz").open("rb") as raw:
            assert b"".join(sound_blocks(raw)) == content
            assert is_whole(raw)

    def test_the_bytes_depend_on_the_content_alone(self, content: bytes) -> None:
        assert compressed(content, 7919) == compressed(content, 1 << 30) == compressed(content)

    def test_blocks_are_no_larger_than_allowed(self, content: bytes) -> None:
        data, sizes = compressed(content), []
        while data:
            sizes.append(int.from_bytes(data[16:18], "little") + 1)
            data = data[sizes[-1] :]
        assert sizes[-1] == 28
        assert max(sizes) <= 65536

    def test_of_damage_only_what_is_before_it(self, content: bytes) -> None:
        data = compressed(content)
        rng = random.Random(1)
        for _ in range(60):
            damaged = bytearray(data)
            place = rng.randrange(len(data))
            kind = rng.randrange(4)
            if kind == 0:
                del damaged[place:]
            elif kind == 1:
                damaged[place:] = bytes(len(data) - place)
            elif kind == 2:
                damaged[place : place + 50] = rng.randbytes(50)
            else:
                damaged[place] ^= 1 << rng.randrange(8)
            left = io.BufferedReader(SoundBytes(io.BytesIO(damaged))).read()
            assert content.startswith(left)
            first_bad = sum(1 for _ in sound_blocks(io.BytesIO(data[:place])))
            assert len(left) >= min(first_bad * CONTENT_BYTES, len(content))

    def test_whether_it_is_whole(self, content: bytes) -> None:
        data = compressed(content)
        assert is_whole(io.BytesIO(data))
        for cut in (data[:-1], data[:-28], b"", b"short"):
            assert not is_whole(io.BytesIO(cut))


def test_lines_across_blocks() -> None:
    lines = [b"x" * n + b"\n" for n in (10, CONTENT_BYTES, 3 * CONTENT_BYTES, 0, 5)]
    stream = io.BufferedReader(SoundBytes(io.BytesIO(compressed(b"".join(lines)))))
    assert list(stream) == lines


def test_a_full_disk_is_noticed() -> None:
    class Full(io.BytesIO):
        def write(self, data, /) -> int:
            raise OSError(28, "No space left on device")

    stream = BgzfWriter(Full())
    stream.write(b"waits")
    with pytest.raises(OSError, match="No space"):
        stream.close()
    stream.close()


def test_a_damaged_size_does_not_make_it_read_the_whole_file() -> None:
    class Watched(io.BytesIO):
        asked: list[int] = []

        def read(self, size: int | None = -1, /) -> bytes:
            self.asked.append(-1 if size is None else size)
            return super().read(size)

    data = bytearray(compressed(b"word" * 1000))
    for size in (0, 5, 17, 25):
        data[16:18] = size.to_bytes(2, "little")
        assert list(sound_blocks(Watched(data))) == []
    assert min(Watched.asked) >= 0
