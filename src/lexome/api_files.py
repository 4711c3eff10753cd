"""Files from Python: raw signal and called reads, read and written. `lexome.api` passes these on.

Nothing inside the package imports this module but `lexome.api`.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lexome import __version__
from lexome.core.errors import UsageError
from lexome.core.records import Basecall, RawRead, RunInfo, Skipped
from lexome.io.calls import CalledRead
from lexome.io.calls import read_calls as read_called
from lexome.io.hts import OutputHeader
from lexome.io.output import check_output, open_output
from lexome.io.pod5 import write_pod5
from lexome.io.signal_files import find_signal_files, iter_reads, runs_of
from lexome.tasks.basecall import choose

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
OnSkip = Callable[[Skipped], None]


class SkippedWarning(UserWarning):
    """A read or file was left out; the message says which and why."""


def read_signal(paths: Paths, *, recursive: bool = False, on_skip: OnSkip | None = None) -> Iterator[RawRead]:
    """Reads the raw signal of files, read by read.

    Args:
        paths: signal files or folders of them, one or several.
        recursive: look into the subfolders of folders too.
        on_skip: told of every file and read that cannot be read; by default that is a `SkippedWarning`.

    Returns:
        An iterator over the reads: files in the order of their paths, reads in their file's order.

    Raises:
        UsageError: if a path is missing or holds no signal files.
    """
    return iter_reads(find_signal_files(path_list(paths), recursive), on_skip or warn_of)


def read_runs(paths: Paths, *, recursive: bool = False) -> list[RunInfo]:
    """The runs that files of raw signal name, each once; no read is looked at.

    Args:
        paths: signal files or folders of them, one or several.
        recursive: look into the subfolders of folders too.

    Raises:
        UsageError: if a path is missing or holds no signal files.
    """
    return runs_of(find_signal_files(path_list(paths), recursive))


def choose_model(paths: Paths, *, recursive: bool = False) -> str:
    """The name of the bundled model that fits the reads of files, as `lexome basecall -m auto` chooses it.

    Args:
        paths: signal files or folders of them, one or several.
        recursive: look into the subfolders of folders too.

    Raises:
        UsageError: if a path is missing, the chemistry is not known, or no model fits; the message says what
            was found and which models would.
    """
    files = find_signal_files(path_list(paths), recursive)
    return choose.choose_model(runs_of(files), choose.bundled_signals(), files)


def write_signal(path: str | os.PathLike[str], reads: Iterable[RawRead]) -> int:
    """Writes raw reads, with all their metadata, into a POD5 file; an existing one is replaced.

    Args:
        path: the file; it appears when it is complete.
        reads: their ids must be UUIDs.

    Returns:
        The number of reads written.

    Raises:
        UsageError: if the folder does not exist.
        BadInputError: if a value does not fit POD5.
        LexomeError: if the file cannot be written.
    """
    return write_pod5(Path(path), reads)


def read_calls(path: str | os.PathLike[str]) -> Iterator[CalledRead]:
    """Reads called reads back, in the file's order; secondary and supplementary alignments are left out.

    Args:
        path: SAM, BAM, CRAM, FASTQ or FASTA by its ending, the last two also gzipped; lexome's or another
            caller's.

    Returns:
        An iterator over `CalledRead`s: read_id, sequence (as sequenced), qualities, tags.

    Raises:
        UsageError: if the file is missing or its ending unknown.
        BadInputError: if it is damaged.
    """
    return read_called(Path(path))


def write_calls(path: str | os.PathLike[str], calls: Iterable[Basecall], *, emit_moves: bool = False) -> int:
    """Writes called reads, for example those of `Basecaller.basecall` that are long enough.

    All of them are held in memory, since the head of a file names their runs; for whole files take
    `Basecaller.basecall_to_file`.

    Args:
        path: the file; its ending says the format, as in `Basecaller.basecall_to_file`.
        calls: reads called by one model.
        emit_moves: write the move table (not in FASTQ and FASTA).

    Returns:
        The number of reads written.

    Raises:
        UsageError: if there are none, they are of several models, or the ending is unknown.
        LexomeError: if the file cannot be written.
    """
    output = Path(path)
    check_output(output)
    kept = list(calls)
    models = sorted({(call.model_name, call.stride) for call in kept})
    if len(models) != 1:
        found = ", ".join(name for name, _ in models) or "there are none"
        raise UsageError(f"{output}: the calls of exactly one model are needed ({found})")
    runs: dict[str, RunInfo] = {}
    for call in kept:
        runs.setdefault(call.run.run_id, call.run)
    header = OutputHeader(list(runs.values()), *models[0], __version__, "lexome.write_calls")
    with open_output(output, header, emit_moves) as writer:
        for call in kept:
            writer.write(call)
    return len(kept)


def path_list(paths: Paths) -> list[Path]:
    """One path or several as a list.

    Raises:
        UsageError: if something among them is no path.
    """
    if isinstance(paths, str | os.PathLike):
        return [Path(paths)]
    try:
        return [Path(path) for path in paths]
    except TypeError as error:
        raise UsageError(f"reads must be paths or raw reads, not a mixture ({error})") from error


def warn_of(skipped: Skipped) -> None:
    """Tells of something skipped by a `SkippedWarning`."""
    warnings.warn(f"{skipped.name}: {skipped.reason}", SkippedWarning, stacklevel=2)
