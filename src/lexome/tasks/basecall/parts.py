"""The parts of a run that was divided: what each one is, whether it is whole, and where it belongs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lexome.core.errors import BadInputError, UsageError
from lexome.io.alignment_files import open_alignments, reading
from lexome.io.bgzf import is_whole
from lexome.io.fastx import read_fastx_records
from lexome.io.partial import PARTIAL, partial_of
from lexome.tasks.basecall.shard import Shard, shard_of

HTS, FASTQ, FASTA = "SAM, BAM or CRAM", "FASTQ", "FASTA"
_KINDS = {
    ".sam": HTS,
    ".bam": HTS,
    ".cram": HTS,
    ".fastq": FASTQ,
    ".fq": FASTQ,
    ".fasta": FASTA,
    ".fa": FASTA,
}
# the empty container at the end of a CRAM file of version 3
_CRAM_END = bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b")
NO_SHARDS = "to join parts that are not the shards of one run, add --no-shards"


@dataclass(frozen=True)
class Part:
    """A file of called reads.

    Attributes:
        path: the file.
        kind: HTS, FASTQ or FASTA.
        header: the lines of its header; none in FASTQ and FASTA.
        first_id: of its first read; None if it holds none.
        model: what the file says of the model, None if nothing.
        settings: likewise of the settings of the run.
        shard: likewise of the shard.
    """

    path: Path
    kind: str
    header: tuple[str, ...]
    first_id: str | None
    model: str | None
    settings: str | None
    shard: Shard | None


def kind_of(path: Path) -> str:
    """HTS, FASTQ or FASTA, by the ending.

    Raises:
        UsageError: if it is none of these.
    """
    name = path.name.lower()
    kind = _KINDS.get(Path(name.removesuffix(".gz")).suffix)
    if kind is None or (kind == HTS and name.endswith(".gz")):
        raise UsageError(f"{path}: no name of called reads; known: .sam .bam .cram .fastq[.gz] .fasta[.gz]")
    return kind


def read_part(path: Path) -> Part:
    """Looks at a part's end and beginning.

    Raises:
        UsageError: if it is missing, belongs to an unfinished run, or lexome basecall did not write it.
        BadInputError: if it is cut off or damaged.
    """
    kind = kind_of(Path(path.name.removesuffix(PARTIAL)))
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if path.name.endswith(PARTIAL) or partial_of(path).exists():
        raise UsageError(f"{path}: its run is not finished; go on with it (lexome basecall --resume)")
    if not _is_whole(path):
        raise BadInputError(f"{path}: is cut off; call it anew")
    if kind != HTS:
        first = next(read_fastx_records(path), None)
        comment = "" if first is None else first.comment
        return Part(path, kind, (), first and first.name, _word("basecall_model=", comment), None, None)
    with open_alignments(path) as file, reading(path):
        lines = tuple(str(file.header).splitlines())
        first = next(file.fetch(until_eof=True), None)
    program = next((line for line in lines if line.startswith("@PG\t") and "\tPN:lexome" in line), None)
    if program is None:
        raise UsageError(f"{path}: was not written by lexome basecall (its header has no @PG line of lexome)")
    groups = " ".join(line for line in lines if line.startswith("@RG\t"))
    shard = _word("shard:", program)
    return Part(
        path, kind, lines, first and first.query_name, _word("basecall_model=", groups),
        _word("settings:", program), Shard.parse(shard) if shard else None,
    )  # fmt: skip


def _word(key: str, text: str) -> str | None:
    """What follows `key` up to the next blank or tab."""
    found = re.search(rf"(?<![^\s:]){key}(\S+)", text)
    return found and found[1]


def _is_whole(path: Path) -> bool:
    """Whether a file has its end; gzip that is not BGZF shows only when it is read that it has none."""
    name = path.name.lower()
    with reading(path), path.open("rb") as raw:
        in_blocks = raw.read(4) == b"\x1f\x8b\x08\x04"
        size = raw.seek(0, 2)
        raw.seek(max(0, size - len(_CRAM_END)))
        end = raw.read()
        if name.endswith(".cram"):
            return end == _CRAM_END
        if name.endswith(".bam") or in_blocks:
            return is_whole(raw)
    return size == 0 or end.endswith(b"\n") or name.endswith(".gz")


def check_alike(parts: Sequence[Part]) -> None:
    """Refuses parts of different kinds, or that were called by different models or with different settings.

    Raises:
        UsageError: naming two that differ.
    """
    first = parts[0]
    for part in parts[1:]:
        both = f"{first.path} and {part.path}"
        if part.kind != first.kind:
            raise UsageError(f"{both}: cannot be joined, one is {first.kind}, the other {part.kind}")
        if part.settings != first.settings:
            raise UsageError(f"{both}: were called with different settings (see their @PG lines)")
        if _lines(part, "@SQ") != _lines(first, "@SQ"):
            raise UsageError(f"{both}: are aligned to different references")
    # a part without reads, or whose runs have no groups, does not say its model
    models: dict[str, Part] = {}
    for part in parts:
        if part.model is not None:
            models.setdefault(part.model, part)
    if len(models) > 1:
        (one, part), (other, another), *_ = models.items()
        raise UsageError(
            f"{part.path} and {another.path}: were called by different models, {one} and {other}"
        )


def _lines(part: Part, kind: str) -> list[tuple[str, ...]]:
    """The names and lengths in a header's lines of one kind (CRAM adds check sums of its own)."""
    return [
        tuple(field for field in line.split("\t") if field[:3] in ("SN:", "LN:"))
        for line in part.header
        if line.startswith(f"{kind}\t")
    ]


def in_shard_order(parts: Sequence[Part]) -> list[tuple[Part, Shard]]:
    """Finds out which shard each part is.

    Their headers say it; of FASTQ and FASTA it follows from the id of the first read. Whether all the others
    belong to the shard is checked when they are read.

    Raises:
        UsageError: if these are not all shards of one run, each once.
    """
    counts = {part.shard and part.shard.count for part in parts}
    if counts - {None, len(parts)}:
        part = next(part for part in parts if part.shard and part.shard.count != len(parts))
        missing = _missing(parts, part.shard.count) if part.shard and len(counts) == 1 else ""
        raise UsageError(f"{part.path}: is shard {part.shard}, but there are {len(parts)} parts{missing}")
    found: dict[int, Part] = {}
    empty = []
    for part in parts:
        if part.shard is not None:
            index = part.shard.index
        elif part.first_id is not None:
            index = shard_of(part.first_id, len(parts))
        else:
            empty.append(part)
            continue
        if index in found:
            raise UsageError(
                f"{found[index].path} and {part.path}: both are shard {index} of {len(parts)}; is one given "
                f"twice, or another missing? {NO_SHARDS}"
            )
        found[index] = part
    for index in range(1, len(parts) + 1):
        if index not in found:
            found[index] = empty.pop(0)
    return [(found[index], Shard(index, len(parts))) for index in sorted(found)]


def _missing(parts: Sequence[Part], count: int) -> str:
    there = {part.shard.index for part in parts if part.shard}
    missing = [f"{index}/{count}" for index in range(1, count + 1) if index not in there]
    return f"; missing: {', '.join(missing[:10])}{' ...' if len(missing) > 10 else ''}" if missing else ""
