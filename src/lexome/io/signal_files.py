"""Finding signal files and reading all of them as one stream; the ending decides which reader a file gets."""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, Protocol, cast

from lexome.core.errors import BadInputError, UsageError
from lexome.core.records import RawRead, RunInfo, Skipped
from lexome.io.signal_checks import SignalTotals

OnSkip = Callable[[Skipped], None]


class _Reader(Protocol):
    """What the module of a kind of signal file must offer: its reads, its runs and its totals."""

    def iter_reads(
        self, path: Path, on_skip: OnSkip, wanted: Callable[[str], bool] | None
    ) -> Iterator[RawRead]: ...

    def read_runs(self, path: Path) -> list[RunInfo]: ...

    def count(self, path: Path) -> SignalTotals: ...


# Modules, not functions: only what the given files need is loaded.
_READERS = {
    ".pod5": "lexome.io.pod5",
    ".fast5": "lexome.io.fast5",
    ".slow5": "lexome.io.slow5",
    ".blow5": "lexome.io.slow5",
}
_COMPRESSED = (".gz", ".bgz", ".zst", ".bz2", ".xz")


def find_signal_files(inputs: Sequence[Path], recursive: bool) -> list[Path]:
    """Lists the signal files that are meant by files and folders.

    Hidden files (a name that begins with a dot) in folders are left out; symbolic links are followed.

    Args:
        inputs: files or folders.
        recursive: look into subfolders too.

    Returns:
        The files, each once, sorted by path: the order of `inputs` and of the disk does not matter.
        A folder's compressed signal files are listed too, so that `iter_reads` reports them.

    Raises:
        UsageError: if an input is missing or no signal file, or a folder holds none that can be read.
    """
    found: dict[Path, Path] = {}
    for path in inputs:
        if path.is_dir():
            files = _in_folder(path, recursive)
        elif path.is_file():
            _check_ending(path)
            files = [path]
        else:
            raise UsageError(f"{path}: no such file or folder")
        for file in files:
            found.setdefault(file.resolve(), file)
    if not found:
        raise UsageError("no signal files were given")
    return sorted(found.values(), key=str)


def iter_reads(
    files: Sequence[Path], on_skip: OnSkip, wanted: Callable[[str], bool] | None = None
) -> Iterator[RawRead]:
    """Yields the reads of all files, file after file.

    Of several reads with one id the first is kept and the others are reported; for this about 100 bytes per
    read stay in memory. A file that cannot be read is reported too, and the others go on.

    Args:
        files: as `find_signal_files` lists them.
        on_skip: told of every file and read that is not used, and why.
        wanted: asked with the read id before the signal is decoded; a read not wanted is passed over.

    Raises:
        BadInputError: if the only file, or every one of several, cannot be read.
    """
    seen: set[bytes] = set()
    failures: list[BadInputError] = []
    for file in files:
        try:
            for read in _reader(file).iter_reads(file, on_skip, wanted):
                key = _compact(read.read_id)
                if key in seen:
                    on_skip(
                        Skipped(
                            read.read_id, f"there again in {file.name}; the first read of this id is kept"
                        )
                    )
                    continue
                seen.add(key)
                yield read
        except BadInputError as error:
            if len(files) == 1:
                raise
            failures.append(error)
            on_skip(Skipped(str(file), str(error).removeprefix(f"{file}: ")))
    if failures and len(failures) == len(files):
        raise BadInputError(f"none of the {len(files)} files can be read; the first: {failures[0]}")


def runs_of(files: Sequence[Path]) -> list[RunInfo]:
    """The runs that the files name, each once, in the files' order; only the run tables are read.

    An output header needs the runs before the first read is called. A file that cannot be read is left out
    here: `iter_reads` reports it. Of several descriptions of one run the first counts.
    """
    runs: dict[str, RunInfo] = {}
    for file in files:
        try:
            for run in _reader(file).read_runs(file):
                runs.setdefault(run.run_id, run)
        except BadInputError:
            continue  # said once, by `iter_reads`
    return list(runs.values())


def summarise(files: Sequence[Path]) -> SignalTotals:
    """How many reads and samples the files hold, for progress and estimates; no signal is decoded.

    What cannot be read is left out, as in `runs_of`; reads that are there twice count twice.
    """
    reads = samples = 0
    for file in files:
        try:
            totals = _reader(file).count(file)
        except BadInputError:
            continue  # said once, by `iter_reads`
        reads, samples = reads + totals.reads, samples + totals.samples
    return SignalTotals(reads, samples)


def _reader(file: Path) -> _Reader:
    ending = file.suffix.lower()
    if _is_compressed(file.name):
        raise BadInputError(f"{file}: compressed files are not read; decompress it first")
    if ending not in _READERS:
        raise BadInputError(f"{file}: no signal file; {_known()}")
    return cast(_Reader, importlib.import_module(_READERS[ending]))


def _check_ending(file: Path) -> None:
    """Refuses a file named by the user before any work starts."""
    try:
        _reader(file)
    except BadInputError as error:
        raise UsageError(str(error)) from error


def _in_folder(folder: Path, recursive: bool) -> list[Path]:
    files = list(_signal_files_below(folder) if recursive else _signal_files_in(folder))
    if any(file.suffix.lower() in _READERS for file in files):
        return files
    if files:
        _check_ending(min(files))
    if not recursive and any(file.suffix.lower() in _READERS for file in _signal_files_below(folder)):
        raise UsageError(f"{folder}: no signal files in this folder, but in its subfolders: add --recursive")
    where = "this folder and its subfolders" if recursive else "this folder"
    raise UsageError(f"{folder}: no signal files in {where}; {_known()}")


def _signal_files_in(folder: Path) -> Iterator[Path]:
    try:
        names = os.listdir(folder)
    except OSError as error:
        _refuse_folder(error)
    yield from (folder / name for name in names if _is_signal_name(name) and (folder / name).is_file())


def _signal_files_below(folder: Path) -> Iterator[Path]:
    visited: set[Path] = set()  # a link to a folder above would lead round in circles
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_refuse_folder):
        real = Path(place).resolve()
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in names if _is_signal_name(name))


def _refuse_folder(error: OSError) -> NoReturn:
    raise UsageError(f"{error.filename}: the folder cannot be read ({error.strerror})") from error


def _is_signal_name(name: str) -> bool:
    is_hidden = name.startswith(".")
    return not is_hidden and (Path(name).suffix.lower() in _READERS or _is_compressed(name))


def _is_compressed(name: str) -> bool:
    inner, ending = os.path.splitext(name.lower())
    return ending in _COMPRESSED and Path(inner).suffix in _READERS


def _known() -> str:
    return f"this version reads files ending in {', '.join(sorted(_READERS))}"


def _compact(read_id: str) -> bytes:
    """A read id in as few bytes as possible: read ids are UUIDs, 16 bytes instead of 36 letters."""
    try:
        return bytes.fromhex(read_id.replace("-", ""))
    except ValueError:
        return read_id.encode()
