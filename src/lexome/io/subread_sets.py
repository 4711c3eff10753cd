"""What the user names as subreads or CCS reads, into BAM files: one of them, a PacBio data set, or a list.

A data set (`.subreadset.xml`, `.consensusreadset.xml`) names its files as external resources, and indexes and
scraps within these. A list (FOFN) is a text file of names, one per line.

Source: PacBio's data set format (PacBioBaseDataModel). Differs: filters of a data set are not applied, which
is said; a document type, and so any entity, is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

import pysam

from lexome.core.errors import BadInputError
from lexome.io.alignment_files import open_alignments, records_of
from lexome.io.subreads import hole_of

MAX_BYTES = 16 * 2**20  # of a data set or list; those of a whole movie have some thousand
MAX_FILES = 10_000
_KINDS = ("subreadbamfile", "consensusreadbamfile", "ccsbamfile")  # ends of the type of a resource
_HTS = (".bam", ".sam", ".cram")


@dataclass(frozen=True)
class ReadSet:
    """The files behind a name, in order, and how many filters of a data set were not applied."""

    files: tuple[Path, ...]
    num_filters: int = 0


def read_set(path: Path) -> ReadSet:
    """Finds the files that a BAM file, a data set or a list stands for; names are relative to its folder.

    Args:
        path: ends in .bam, .sam, .cram: that file; in .xml: a data set; else a list.

    Raises:
        BadInputError: if it cannot be read, is no such file, names none, one twice or one that is not there.
    """
    ending = path.suffix.lower()
    if ending in _HTS:
        if not path.is_file():
            raise BadInputError(f"{path}: no such file")
        return ReadSet((path,))
    content = _content(path)
    names, num_filters = _of_data_set(path, content) if ending == ".xml" else (_of_list(path, content), 0)
    if not names:
        raise BadInputError(f"{path}: names no file of reads")
    if len(names) > MAX_FILES:
        raise BadInputError(f"{path}: names {len(names)} files, more than {MAX_FILES}")
    files = tuple(path.parent / name for name in names)
    known: set[Path] = set()
    for file in files:
        if not file.is_file():
            raise BadInputError(f"{path}: names {file}, which is not there")
        if file.suffix.lower() not in _HTS:
            raise BadInputError(f"{path}: names {file}, which is no BAM, SAM or CRAM file")
        if file.resolve() in known:
            raise BadInputError(f"{path}: names {file} twice")
        known.add(file.resolve())
    return ReadSet(files, num_filters)


def holes(files: tuple[Path, ...]) -> Iterator[tuple[str, list[pysam.AlignedSegment]]]:
    """The records of files that stand together by `<movie>/<hole>`, in memory one such group at a time.

    Yields:
        The hole and its records; a hole whose records stand in several places comes several times.

    Raises:
        BadInputError: if a file is damaged; all groups that end before that come first.
    """
    for path in files:
        with open_alignments(path) as file:
            for hole, group in groupby(records_of(path, file), lambda one: hole_of(one.query_name or "")):
                yield hole, list(group)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(content) > MAX_BYTES:
        raise BadInputError(f"{path}: is larger than {MAX_BYTES >> 20} MiB; no list of files is")
    return content


def _of_list(path: Path, content: bytes) -> list[Path]:
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"{path}: is no list of files (not text); reads end in .bam, .sam or .cram, a data set in .xml"
        ) from error
    if any("\0" in line for line in lines):
        raise BadInputError(f"{path}: is no list of files (it holds zero bytes)")
    return [Path(line.strip()) for line in lines if line.strip() and not line.startswith("#")]


def _of_data_set(path: Path, content: bytes) -> tuple[list[Path], int]:
    """The files of reads that a data set names, and the number of its filters."""
    names: list[str] = []
    filters = 0

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal filters
        kind = element.rpartition(" ")[2]
        if kind == "Filter":
            filters += 1
        if kind == "ExternalResource" and _is_reads(attributes):
            names.append(attributes.get("ResourceId", ""))

    def refuse(*_: object) -> None:
        raise BadInputError(
            f"{path}: has a document type; data sets have none, and it is not read for safety"
        )

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise BadInputError(f"{path}: is no readable XML ({error})") from error
    return [_path_of(path, name) for name in names], filters


def _is_reads(attributes: dict[str, str]) -> bool:
    """Whether a resource holds reads; one without a type does if it looks so and is not said to be scraps."""
    kind, name = attributes.get("MetaType", "").lower(), attributes.get("ResourceId", "").lower()
    if kind:
        return kind.endswith(_KINDS)
    return name.endswith(".bam") and not name.endswith("scraps.bam")


def _path_of(path: Path, name: str) -> Path:
    parts = urlsplit(name)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if parts.scheme and len(parts.scheme) > 1:
        raise BadInputError(f"{path}: names {name}, which is no file of this machine")
    if not name:
        raise BadInputError(f"{path}: an external resource has no ResourceId")
    return Path(name)
