"""New stores: folders that get their name when they are complete, and leave nothing if they are not."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from lexome.core.errors import UsageError
from lexome.io.partial import explained, partial_of


class StoreWriter(Protocol):
    """What writes a store."""

    @property
    def is_whole(self) -> bool:
        """Whether all is written."""
        ...

    def close(self) -> None:
        """Closes the files, whole or not."""
        ...


@contextmanager
def new_store(path: Path) -> Iterator[Path]:
    """A folder to write a store into, for `finishing`; refuses one that is there.

    Raises:
        UsageError: if the folder exists.
        LexomeError: if it cannot be written.
    """
    if path.exists():
        raise UsageError(f"{path} exists already; choose another folder or remove it")
    partial = partial_of(path)
    with explained(path):
        shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed
        partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # the same command writes the same again


@contextmanager
def finishing(writer: StoreWriter, path: Path) -> Iterator[None]:
    """After the block, closes a writer's files and gives its folder its name if it is whole."""
    try:
        yield
        writer.close()
        if writer.is_whole:
            with explained(path):
                partial_of(path).rename(path)
    finally:
        writer.close()
