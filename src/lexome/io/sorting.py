"""Sorting alignments by position, with an index for random access, through samtools (in pysam)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pysam
from pysam.utils import SamtoolsError

from lexome.core.errors import LexomeError
from lexome.io.alignment_files import writing
from lexome.io.partial import PARTIAL

SORT_MEMORY_MIB = 256  # per thread; more is sorted in pieces on disk, beside the output
MAX_BAI_BP = 2**29  # longer sequences need the other kind of index (.csi)


def sort_and_index(path: Path, target: Path | None = None, *, threads: int = 1) -> None:
    """Sorts alignments by position and makes the index that viewers and variant callers need.

    The bytes depend on the records alone, not on the threads. Until all is done `path` stays as it is; what
    is made meanwhile lies in a folder beside the target, `.NAME.sorting`, and is removed, whatever happens.

    Args:
        path: a complete SAM, BAM or CRAM file by its ending, which may be followed by `.partial`.
        target: where the sorted file goes (its index beside it: BAM .bai, with a sequence of more than 512
            Mbp .csi; CRAM .crai; SAM none); `path` is then removed. Default: in the place of `path`.
        threads: that sort.

    Raises:
        LexomeError: if it cannot be done.
    """
    target = path if target is None else target
    with writing(target):
        _sort(path, target, threads)
    if path != target:
        path.unlink()


def remove_index(path: Path) -> None:
    """Removes the index of a file that is about to be replaced: it would lead to the wrong places."""
    for ending in (".bai", ".csi", ".crai"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _sort(path: Path, target: Path, threads: int) -> None:
    kind = path.name.removesuffix(PARTIAL).rpartition(".")[2].lower()
    with _folder_beside(target) as folder:
        made = folder / f"sorted.{kind}"
        # CRAM: how its blocks are compressed is found out by trials that threads share: with more than one
        # of them the bytes may differ from run to run
        workers = 0 if kind == "cram" else threads - 1
        # no_ref: as it was written; no @PG: the path of a temporary folder is different every time
        _samtools(
            path, "sort", "--no-PG", "-@", str(workers), "-m", f"{SORT_MEMORY_MIB}M",
            "-O", "cram,no_ref=1" if kind == "cram" else kind,
            "-T", f"{folder}/part", "-o", str(made), str(path.absolute()),
        )  # fmt: skip
        index = make_index(made, kind, path)
        remove_index(target)
        made.replace(target)
        if index is not None:
            index.replace(target.with_name(target.name + index.suffix))


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """A folder for what is made meanwhile; that of a sort which was killed had the same name, and goes."""
    folder = target.with_name(f".{target.name}.sorting")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_index(made: Path, kind: str, named: Path | None = None) -> Path | None:
    """Indexes a sorted file of a kind ("sam", "bam", "cram"); gives the index beside it, None for SAM.

    An error names the file `named`, if that is another one.
    """
    if kind == "sam":
        return None
    with pysam.AlignmentFile(str(made)) as file:
        longest = max(file.lengths, default=0)
    suffix = ".crai" if kind == "cram" else ".csi" if longest > MAX_BAI_BP else ".bai"
    index = made.with_name(made.name + suffix)
    _samtools(named or made, "index", *(["-c"] if suffix == ".csi" else []), "-o", str(index), str(made))
    return index


def _samtools(path: Path, command: str, *arguments: str) -> None:
    try:
        getattr(pysam, command)(*arguments, catch_stdout=False)
    except SamtoolsError as error:
        reason = str(error).rpartition("stderr=")[2].replace("\\n", " ").strip(" '")
        done = {"sort": "sorted", "index": "indexed"}[command]
        raise LexomeError(f"{path}: cannot be {done} ({reason})") from error
