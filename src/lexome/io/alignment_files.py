"""Reading and writing SAM, BAM and CRAM files: whatever goes wrong becomes one error of ours.

htslib prints what it finds damaged, pysam raises many kinds of exceptions for it, some when a file is closed,
and prints those that it cannot raise.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pysam

from lexome.core.errors import BadInputError
from lexome.io.partial import explained

# LookupError: a tag of a type that there is not; OverflowError: a number that fits no field
_DAMAGE = (OSError, ValueError, LookupError, OverflowError, MemoryError)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Makes what goes wrong within the block an error of ours that names the file; nothing is printed.

    Raises:
        BadInputError: if the file is damaged or cannot be read.
    """
    verbosity, unraisable, uncaught = pysam.set_verbosity(0), sys.unraisablehook, sys.excepthook
    sys.unraisablehook = _without_pysam(unraisable)
    sys.excepthook = _say_nothing  # through it pysam prints what it cannot raise as well
    try:
        yield
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise BadInputError(f"{path}: cannot be read; it may be damaged or cut off ({reason})") from error
    finally:
        sys.unraisablehook, sys.excepthook = unraisable, uncaught
        pysam.set_verbosity(verbosity)


@contextmanager
def open_alignments(path: Path) -> Iterator[pysam.AlignmentFile]:
    """Opens a file for reading from its start to its end; its records are to be taken within `reading`.

    Raises:
        BadInputError: if it is damaged or cannot be read.
    """
    with reading(path):
        file = pysam.AlignmentFile(str(path), check_sq=False)
    try:
        yield file
    finally:
        with suppress(BadInputError), reading(path):  # after damage htslib reports it once more
            file.close()


def records_of(path: Path, file: pysam.AlignmentFile) -> Iterator[pysam.AlignedSegment]:
    """The records of an opened file, one after the other.

    Raises:
        BadInputError: at the first that cannot be read.
    """
    with reading(path):
        records = file.fetch(until_eof=True)
    while True:
        with reading(path):
            record = next(records, None)
        if record is None:
            return
        yield record


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Makes an error of the system within the block one of ours; htslib would print the same.

    Raises:
        LexomeError: if the file cannot be written.
    """
    verbosity = pysam.set_verbosity(0)
    try:
        with explained(path):
            yield
    finally:
        pysam.set_verbosity(verbosity)


def _without_pysam(hook: Callable[[Any], object]) -> Callable[[Any], None]:
    """Leaves out what pysam cannot raise: a file that it could not open cannot be closed either."""

    def called(unraisable: Any) -> None:
        if "pysam" not in str(unraisable.object):
            hook(unraisable)

    return called


def _say_nothing(*_: object) -> None:
    """An exception that ends the program leaves the block first."""
