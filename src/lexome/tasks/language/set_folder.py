"""Folders of labelled tables, as `lexome lm finetune` and the GUE runner read them; whole or not at all."""

import csv
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lexome.core.errors import UsageError
from lexome.io.partial import PARTIAL, explained

META_FILE = "meta.json"
TRAIN, DEV, TEST, TEST_SPECIES = "train", "dev", "test", "test_species"
SPLITS = (TRAIN, DEV, TEST, TEST_SPECIES)


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """A folder under another name beside it, which gets its own when the block ends; else it is removed.

    Raises:
        UsageError: if there is something of that name.
        LexomeError: if it cannot be written.
    """
    if output.exists():
        raise UsageError(f"{output}: is there already; remove it or name another folder")
    with explained(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(PARTIAL, f"{output.name}.", output.parent))
    try:
        yield folder
        with explained(output):
            folder.chmod(0o777 & ~_umask())  # mkdtemp makes it for one user only
            os.replace(folder, output)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a table, .csv or .tsv, in a folder of `new_folder`.

    Raises:
        LexomeError: if it cannot be written.
    """
    delimiter = "\t" if path.suffix == ".tsv" else ","
    with explained(path), path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def tables_of(folder: Path) -> dict[str, Path]:
    """The tables of a folder by split, in the order of `SPLITS`, as far as they are there.

    Raises:
        UsageError: if there is no folder, or one without a training set.
    """
    found = {split: folder / f"{split}.csv" for split in SPLITS if (folder / f"{split}.csv").is_file()}
    if TRAIN not in found:
        raise UsageError(f"{folder}: no {TRAIN}.csv there; make the folder with the command 'prepare'")
    return found
