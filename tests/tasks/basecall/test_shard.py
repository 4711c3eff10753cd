"""Which part of the reads is whose."""

import random
import subprocess
import sys
import uuid

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.basecall.shard import Shard, shard_of

IDS = [str(uuid.UUID(int=random.Random(3).getrandbits(128) + n)) for n in range(20_000)]


@pytest.mark.parametrize("count", [1, 2, 3, 8, 100])
@pytest.mark.parametrize(
    "ids", [IDS, [str(uuid.UUID(int=n << 90)) for n in range(20_000)]], ids=["counted", "high"]
)
def test_every_read_has_one_part_and_the_parts_are_about_equal(count: int, ids: list[str]) -> None:
    shards = [Shard(index, count) for index in range(1, count + 1)]
    sizes = [0] * count
    for read_id in ids[:: 1 if count < 100 else 4]:
        (index,) = [shard.index for shard in shards if shard.holds(read_id)]
        sizes[index - 1] += 1
    mean = sum(sizes) / count
    assert all(abs(size - mean) < 5 * mean**0.5 for size in sizes), sizes


def test_it_is_the_same_forever_and_everywhere() -> None:
    """A changed hash would mix the parts that different versions or machines made."""
    read_id = "0f0e0d0c-0b0a-4908-8706-050403020100"
    assert [shard_of(read_id, count) for count in (1, 2, 3, 8, 1000)] == [1, 2, 2, 2, 498]
    assert shard_of("read_1", 1000) == 612
    code = f"from lexome.tasks.basecall.shard import shard_of; print(shard_of({read_id!r}, 1000))"
    environment = {"PYTHONHASHSEED": "77", "PATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert int(run.stdout) == 498


def test_the_way_a_uuid_is_written_does_not_matter() -> None:
    for read_id in IDS[:50]:
        assert (
            shard_of(read_id.upper(), 97) == shard_of(read_id.replace("-", ""), 97) == shard_of(read_id, 97)
        )


@pytest.mark.parametrize("text", ["1/1", "3/8", "8/8", " 2/3 "])
def test_parse(text: str) -> None:
    assert str(Shard.parse(text)) == text.strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (text, "as I/N")
        for text in ("", "3", "3/", "/8", "a/b", "1/2/3", "-1/2", "1.0/2", "٣/8", "1 / 2", "9999999999/2")
    ]
    + [(text, "1 <= I <= N") for text in ("0/8", "9/8", "0/0", "1/0", "1/100001")],
)
def test_what_is_no_part(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Shard.parse(text)
