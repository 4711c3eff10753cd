"""What a part is, and where it belongs; joining whole files is tested in test_merge.py."""

from pathlib import Path
from uuid import UUID

import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.basecall.parts import (
    FASTA,
    FASTQ,
    HTS,
    Part,
    check_alike,
    in_shard_order,
    kind_of,
    read_part,
)
from lexome.tasks.basecall.shard import Shard


def part(name: str, shard: str | None = None, first_id: str | None = None, model: str | None = None) -> Part:
    return Part(Path(name), HTS, (), first_id, model, None, Shard.parse(shard) if shard else None)


def id_of(index: int, count: int) -> str:
    """The id of some read in a shard."""
    return next(str(UUID(int=n)) for n in range(1000) if Shard(index, count).holds(str(UUID(int=n))))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.bam", HTS), ("A.SAM", HTS), ("a.b.cram", HTS), ("a.fastq", FASTQ), ("a.fq.gz", FASTQ),
        ("a.fasta.gz", FASTA), ("a.FA", FASTA), ("a.bam.gz", None), ("a.txt", None), ("bam", None),
        ("a.gz", None),
    ],
)  # fmt: skip
def test_kinds(name: str, kind: str | None) -> None:
    if kind is not None:
        assert kind_of(Path(name)) == kind
    else:
        with pytest.raises(UsageError, match="no name of called reads"):
            kind_of(Path(name))


def test_order() -> None:
    by_header = [part("c", "3/3"), part("a", "1/3"), part("b", "2/3")]
    by_id = [part("c", None, id_of(3, 3)), part("a", None, id_of(1, 3)), part("b", None, id_of(2, 3))]
    mixed = [part("c", "3/3"), part("a", None, id_of(1, 3)), part("b")]
    for parts in (by_header, by_id, mixed):
        assert [(p.path.name, str(s)) for p, s in in_shard_order(parts)] == [
            ("a", "1/3"), ("b", "2/3"), ("c", "3/3"),
        ]  # fmt: skip
    assert [str(shard) for _, shard in in_shard_order([part("a"), part("b")])] == ["1/2", "2/2"]
    assert [str(shard) for _, shard in in_shard_order([part("a", "1/1")])] == ["1/1"]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([part("a", "1/30")], r"a: is shard 1/30, but there are 1 parts; missing: 2/30, .*, 11/30 \.\.\.$"),
        ([part("a", "1/3"), part("b", "3/3")], "there are 2 parts; missing: 2/3$"),
        ([part("a", "1/2"), part("b", "2/3")], "b: is shard 2/3, but there are 2 parts$"),
        ([part("a", "1/2"), part("b", "1/2")], "a and b: both are shard 1 of 2"),
        ([part("a", None, id_of(2, 2)), part("b", "2/2")], "a and b: both are shard 2 of 2"),
    ],
)
def test_what_is_not_all_shards_once(parts: list[Part], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        in_shard_order(parts)


def test_a_part_that_does_not_say_its_model_fits_any() -> None:
    check_alike([part("a"), part("b", model="fast"), part("c", model="fast"), part("d")])
    with pytest.raises(UsageError, match="b and c: .*different models, fast and hac"):
        check_alike([part("a"), part("b", model="fast"), part("c", model="hac")])


@pytest.mark.parametrize("ending", [".bam", ".cram", ".sam", ".fastq", ".fastq.gz"])
@pytest.mark.parametrize("content", [b"nothing of the kind", b"\x1f\x8b\x08\x04", b"BAM\1", b"CRAM\3\0"])
def test_files_that_are_something_else(tmp_path: Path, ending: str, content: bytes, capfd) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(content + b"\n")
    with pytest.raises((BadInputError, UsageError), match=r"a\."):
        read_part(path)
    assert capfd.readouterr().err == ""


def test_an_empty_text_is_a_shard_without_reads(tmp_path: Path) -> None:
    (tmp_path / "a.fastq").write_bytes(b"")
    found = read_part(tmp_path / "a.fastq")
    assert (found.kind, found.first_id, found.model) == (FASTQ, None, None)
