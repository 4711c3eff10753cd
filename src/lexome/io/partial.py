"""Files on their way: `<name>.partial` until they are complete, and errors that name them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lexome.core.errors import LexomeError

PARTIAL = ".partial"


def partial_of(path: Path) -> Path:
    """Where a file is written until it is complete."""
    return path.with_name(path.name + PARTIAL)


@contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Turns an error of the operating system into one that names the file; a closed pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # htslib does not tell why it could not write
        reason = error.strerror or f"is the disk full? {error}"
        raise LexomeError(f"{path or 'stdout'}: cannot be written ({reason})") from error
