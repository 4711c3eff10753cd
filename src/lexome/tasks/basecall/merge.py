"""`lexome merge`: the calls of a divided run in one file again."""

import heapq
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

import pysam

from lexome.core.errors import BadInputError, UsageError
from lexome.core.read_ids import IdSet
from lexome.io.alignment_files import open_alignments, records_of
from lexome.io.bgzf import BgzfWriter
from lexome.io.fastx import FastxRecord, read_fastx_records
from lexome.io.output import check_output
from lexome.io.partial import PARTIAL, explained, partial_of
from lexome.io.sorting import make_index
from lexome.tasks.basecall.parts import (
    FASTA,
    HTS,
    NO_SHARDS,
    Part,
    check_alike,
    in_shard_order,
    kind_of,
    read_part,
)
from lexome.tasks.basecall.resume import JOURNAL
from lexome.tasks.basecall.shard import Shard

SORTED = "SO:coordinate"
_INDICES = (".bai", ".csi", ".crai")


@dataclass
class MergeSummary:
    """What was joined so far."""

    parts: int = 0
    reads: int = 0


@dataclass(frozen=True)
class MergeRequest:
    """Which parts to join.

    `shards` says that they are all shards of one run; otherwise any calls by one model with the same settings
    are taken, in the order given.
    """

    parts: Sequence[Path]
    output: Path
    shards: bool = True
    command_line: str = "lexome merge"
    version: str = "unknown"


def merge(
    request: MergeRequest,
    on_progress: Callable[[int], None] = lambda reads: None,
) -> MergeSummary:
    """Joins parts: shard after shard, or by position if all parts are sorted.

    Nothing is left of the output if it cannot be completed.

    Args:
        request: what was asked for.
        on_progress: told how many reads are done.

    Returns:
        The counts.

    Raises:
        UsageError: if the parts do not belong together or the output cannot be written.
        BadInputError: if a part is damaged, a read is there twice or in a wrong shard.
        LexomeError: if writing fails.
    """
    parts = _checked(request)
    ordered = in_shard_order(parts) if request.shards else [(part, None) for part in parts]
    summary, seen = MergeSummary(len(parts)), IdSet()

    def check(part: Part, shard: Shard | None, read_id: str) -> None:
        if shard is not None and not shard.holds(read_id):
            raise BadInputError(
                f"{part.path}: read {read_id} is not of shard {shard}; is a part missing? {NO_SHARDS}"
            )
        if not seen.add(read_id):
            raise BadInputError(f"{part.path}: read {read_id} is there twice in the parts")
        summary.reads += 1
        on_progress(summary.reads)

    partial, made = partial_of(request.output), []
    try:
        if parts[0].kind == HTS:
            made = _join_alignments(request, ordered, check)
        else:
            _join_text(ordered, partial, check)
    except BaseException:
        with suppress(OSError):  # the error on its way out says more
            partial.unlink()
        raise
    with explained(request.output):
        for stale in _INDICES:
            request.output.with_name(request.output.name + stale).unlink(missing_ok=True)
        partial.replace(request.output)
        for index in made:
            index.replace(request.output.with_name(request.output.name + index.suffix))
    return summary


Check = Callable[[Part, Shard | None, str], None]
Ordered = Sequence[tuple[Part, Shard | None]]


def _checked(request: MergeRequest) -> list[Part]:
    if not request.parts:
        raise UsageError("no parts were given")
    check_output(request.output)
    unfinished = request.output.with_name(request.output.name + JOURNAL)
    if unfinished.exists():
        raise UsageError(
            f"{request.output}: an unfinished run of lexome basecall would be lost; finish it first"
        )
    places: set[Path] = set()
    for path in request.parts:
        if path.resolve() == request.output.resolve():
            raise UsageError(f"{path}: is a part and the output; choose another output")
        if path.resolve() in places:
            raise UsageError(f"{path}: is given twice")
        places.add(path.resolve())
    parts = [read_part(path) for path in request.parts]
    check_alike(parts)
    if kind_of(request.output) != parts[0].kind:
        raise UsageError(f"{request.output}: the parts are {parts[0].kind}; choose an ending for that")
    return parts


def _join_text(ordered: Ordered, partial: Path, check: Check) -> None:
    with explained(partial), ExitStack() as closing:
        stream: BinaryIO = closing.enter_context(partial.open("wb"))
        if partial.name.removesuffix(PARTIAL).lower().endswith(".gz"):
            stream = closing.enter_context(BgzfWriter(stream))  # pyright: ignore[reportAssignmentType]
        for part, shard in ordered:
            for entry in read_fastx_records(part.path):
                if (entry.qualities is None) != (part.kind == FASTA):
                    raise BadInputError(f"{part.path}: is not {part.kind}, as its name says")
                check(part, shard, entry.name)
                stream.write(_text(entry).encode())


def _text(entry: FastxRecord) -> str:
    title = f"{entry.name}\t{entry.comment}" if entry.comment else entry.name
    if entry.qualities is None:
        return f">{title}\n{entry.sequence}\n"
    letters = (entry.qualities + 33).astype("u1").tobytes().decode("ascii")
    return f"@{title}\n{entry.sequence}\n+\n{letters}\n"


def _join_alignments(request: MergeRequest, ordered: Ordered, check: Check) -> list[Path]:
    """Writes the partial file; gives the index of it that was made, if the records are sorted."""
    partial, kind = partial_of(request.output), request.output.suffix.lower()
    by_position = all(SORTED in part.header[0].split("\t") for part, _ in ordered)
    text = merged_header([part for part, _ in ordered], by_position, request.command_line, request.version)
    streams = [_segments(part, shard, check, by_position) for part, shard in ordered]
    segments = heapq.merge(*streams, key=_position) if by_position else chain.from_iterable(streams)
    with explained(partial), _alignment_file(partial, kind, text) as write:
        for segment in segments:
            write(segment)
    index = make_index(partial, kind[1:]) if by_position else None
    return [] if index is None else [index]


@contextmanager
def _alignment_file(path: Path, kind: str, header: str) -> Iterator[Callable[[pysam.AlignedSegment], object]]:
    """Opens a SAM, BAM or CRAM file; gives what writes a record."""
    if kind == ".sam":  # as text: htslib reports a full disk late and twice
        with path.open("w", encoding="utf-8") as stream:
            stream.write(header)
            yield lambda segment: stream.write(segment.to_string() + "\n")
        return
    mode, options = ("wb", None) if kind == ".bam" else ("wc", ["no_ref=1"])
    before = pysam.set_verbosity(0)
    try:
        parsed = pysam.AlignmentHeader.from_text(header)
        with pysam.AlignmentFile(str(path), mode, header=parsed, format_options=options) as file:
            yield file.write
    finally:
        pysam.set_verbosity(before)


def _segments(
    part: Part, shard: Shard | None, check: Check, by_position: bool
) -> Iterator[pysam.AlignedSegment]:
    last = (-1, -1)
    with open_alignments(part.path) as file:
        for segment in records_of(part.path, file):
            if by_position:
                if _position(segment) < last:
                    raise BadInputError(f"{part.path}: is not sorted, though its header says so")
                last = _position(segment)
            if not segment.is_secondary and not segment.is_supplementary:
                check(part, shard, segment.query_name or "")
            yield segment


def _position(segment: pysam.AlignedSegment) -> tuple[float, int]:
    """What sorted files are sorted by; what lies nowhere comes last."""
    sequence = segment.reference_id
    return (sequence if sequence >= 0 else math.inf, segment.reference_start)


def merged_header(parts: Sequence[Part], by_position: bool, command_line: str, version: str) -> str:
    """The header of the whole: that of the first part, the read groups of all, and how they were joined.

    Raises:
        UsageError: if two parts describe a read group differently.
    """
    lines = [f"@HD\tVN:1.6\t{SORTED if by_position else 'SO:unknown'}"]
    lines += [line for line in parts[0].header if line.startswith("@SQ\t")]
    programs = [line for line in parts[0].header if line.startswith("@PG\t")]
    lines += [re.sub(r" ?\bshard:\S+", "", line) for line in programs]
    used = {field[3:] for line in programs for field in line.split("\t") if field.startswith("ID:")}
    name = next(name for number in count(1) if (name := f"merge.{number}") not in used)
    last = next(field[3:] for field in programs[-1].split("\t") if field.startswith("ID:"))
    words = re.sub(r"[\t\r\n]", " ", command_line)
    lines.append(f"@PG\tID:{name}\tPN:lexome\tPP:{last}\tVN:{version}\tCL:{words}")
    groups: dict[str, tuple[str, Part]] = {}
    for part in parts:
        for line in part.header:
            if not line.startswith("@RG\t"):
                continue
            group = next(field for field in line.split("\t") if field.startswith("ID:"))
            known, other = groups.setdefault(group, (line, part))
            if known != line:
                raise UsageError(
                    f"{other.path} and {part.path}: describe the read group {group[3:]} differently"
                )
    return "".join(f"{line}\n" for line in [*lines, *(line for line, _ in groups.values())])
