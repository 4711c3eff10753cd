"""The journal of a run: the settings on which its records depend, kept beside the unfinished output.

An interrupted output may only be continued with the same settings, else OUT would be made half with these and
half with those.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lexome.checkpoint.store import Checkpoint, config_of
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError
from lexome.engine.onnx import graph_key
from lexome.io.partial import explained

MAX_BYTES = 1 << 28

# what a setting is called in a message; those without a name have words of their own
_WORDS = {
    "lexome": "lexome",
    "model": "model",
    "engine": "engine",
    "chunk_size": "chunk size",
    "overlap": "overlap",
    "beam_width": "beam width",
    "trim": "trimming",
    "emit_moves": "move table",
    "min_qscore": "lowest quality",
    "shard": "shard",
    "max_reads": "number of reads",
}


class RunSettings(Protocol):
    """What a journal can hold: a dataclass of plain values on which the records of an output depend."""

    @property
    def lexome(self) -> str:
        """The version."""
        ...

    def differences_from(self, there: Any) -> Iterator[str]:
        """In words, how these settings differ from others of the same class."""
        ...


@dataclass(frozen=True)
class InputFile:
    """An input file by its name without folder (it may have been moved) and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Settings:
    """What the records of an output depend on.

    Attributes:
        lexome: the version.
        model: its name.
        model_digest: from `model_digest`.
        engine: which engine on what kind of device, for example "onnx on cpu": their scores are not the same
            to the last bit.
        chunk_size: samples.
        overlap: samples.
        trim: whether the start of a read is trimmed.
        emit_moves: whether records hold the move table.
        min_qscore: reads below go to a file of their own; None: there is none.
        reference: the reference as the user named it, for messages; None without alignment.
        reference_digest: from `file_digest`.
        shard: "2/8" or None.
        read_ids: from `ids_digest`; None for all.
        max_reads: None for all.
        files: the input in the order in which it is called.
        beam_width: of the decoder; None for the best path without a beam.
    """

    lexome: str
    model: str
    model_digest: str
    engine: str
    chunk_size: int
    overlap: int
    trim: bool
    emit_moves: bool
    min_qscore: float | None
    reference: str | None
    reference_digest: str | None
    shard: str | None
    read_ids: str | None
    max_reads: int | None
    files: tuple[InputFile, ...]
    beam_width: int | None = None

    @property
    def digest(self) -> str:
        """What all shards of a run have in common, as 8 hexadecimal digits for the header of the output."""
        common = to_dict(self)
        for own in ("files", "shard", "engine", "reference"):
            del common[own]
        return hashlib.sha256(json.dumps(common, sort_keys=True).encode()).hexdigest()[:8]

    def differences_from(self, there: "Settings") -> Iterator[str]:
        """In words, how these settings differ from those of an interrupted run."""
        yield from named_differences(there, self, _WORDS)
        if there.reference_digest != self.reference_digest:
            if there.reference == self.reference:
                yield f"the content of the reference {self.reference} has changed"
            else:
                yield _two("reference", there.reference, self.reference)
        if there.read_ids != self.read_ids:
            words = {True: "no list of read ids", False: "a list of read ids"}
            if there.read_ids is None or self.read_ids is None:
                yield f"{words[there.read_ids is None]} there, {words[self.read_ids is None]} here"
            else:
                yield "the list of read ids has changed"
        yield from _file_difference(there.files, self.files)


def input_files(files: Sequence[Path]) -> tuple[InputFile, ...]:
    """The input files as the journal names them; a file that cannot be looked at has the size -1."""

    def size(path: Path) -> int:
        try:
            return path.stat().st_size
        except OSError:
            return -1  # reported, with its reason, when it is to be read

    return tuple(InputFile(path.name, size(path)) for path in files)


def model_digest(checkpoint: Checkpoint) -> str:
    """Tells models apart: a hash of the weights and of all configuration that shows in the calls."""
    features = json.dumps(config_of(checkpoint)["features"], sort_keys=True)
    return hashlib.sha256(f"{graph_key(checkpoint)} {features}".encode()).hexdigest()


def file_digest(path: Path) -> str:
    """A hash of a file's content.

    Raises:
        UsageError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error


def ids_digest(read_ids: Iterable[str]) -> str:
    """A hash of a set of read ids; their order does not matter."""
    return hashlib.sha256("\n".join(sorted(read_ids)).encode()).hexdigest()


def write_journal(path: Path, settings: RunSettings, on_new: Callable[[int], None] = lambda _: None) -> None:
    """Writes a journal; it is replaced whole or not at all, and on the disk when this returns.

    Args:
        path: the journal.
        settings: its content.
        on_new: told the descriptor of the new file before that takes its place.

    Raises:
        LexomeError: if it cannot be written.
    """
    new = path.with_name(f"{path.name}.new")
    with explained(path), new.open("w", encoding="utf-8") as file:
        try:
            json.dump(to_dict(settings), file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
            on_new(file.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def read_journal(path: Path) -> dict[str, Any] | None:
    """The content of a journal; None if there is none that can be read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("lexome"), str) else None


def differences(journal: Mapping[str, Any], settings: RunSettings) -> list[str]:
    """In which settings an interrupted run and the present one differ, in words.

    Input files that are called after all of the interrupted run's are no difference: its records are the
    first ones of the present run nevertheless.

    Args:
        journal: from `read_journal`.
        settings: of the present run.

    Returns:
        For example ["model fast there, hac here"]; empty if the run can be continued.
    """
    if journal["lexome"] != settings.lexome:  # another version's journal may have other entries
        return [_two("lexome", journal["lexome"], settings.lexome)]
    try:
        there = from_dict(type(settings), journal, "journal")
    except UsageError:
        return ["its journal is damaged"]
    return list(settings.differences_from(there))


def named_differences(there: Any, here: Any, words: Mapping[str, str]) -> Iterator[str]:
    """In which fields, and in which model, two settings of the same class differ.

    Args:
        there: of an interrupted run; has `model` and `model_digest` besides the fields named.
        here: of the present one.
        words: what a field is called.
    """
    for name, word in words.items():
        before, now = getattr(there, name), getattr(here, name)
        if before != now:
            yield _two(word, before, now)
    if there.model == here.model and there.model_digest != here.model_digest:
        yield f"the weights or the configuration of model {here.model} have changed"


def _file_difference(there: Sequence[InputFile], here: Sequence[InputFile]) -> Iterator[str]:
    if here[: len(there)] == there:
        return
    sizes = {file.name: file.size for file in here}
    missing = [file.name for file in there if file.name not in sizes]
    changed = [file.name for file in there if sizes.get(file.name, file.size) != file.size]
    known = {file.name for file in there}
    new = [file.name for file in here[: len(there)] if file.name not in known]
    if missing:
        yield f"input file {_some(missing)} there, not here"
    if changed:
        yield f"the size of input file {_some(changed)} has changed"
    if new:
        yield f"input file {_some(new)} only here, and it would be called before others"
    if not (missing or changed or new):
        yield "the input files have another order"


def _some(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _two(what: str, there: object, here: object) -> str:
    def word(value: object) -> object:
        return (
            {True: "on", False: "off"}[value]
            if isinstance(value, bool)
            else "none"
            if value is None
            else value
        )

    return f"{what} {word(there)} there, {word(here)} here"
