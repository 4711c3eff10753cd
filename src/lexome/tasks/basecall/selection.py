"""Which reads of the input are wanted: those of a list of ids, the first so many, or all."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from lexome.core.errors import BadInputError, UsageError
from lexome.core.records import RawRead


class Selection:
    """Reads wanted by id or by number; remembers which ids it has met.

    Args:
        read_ids: the ids wanted; None for all.
        max_reads: take no more reads than this; None for all.
    """

    def __init__(self, read_ids: frozenset[str] | None = None, max_reads: int | None = None) -> None:
        self.read_ids = read_ids
        self.max_reads = max_reads
        self._met: set[str] = set()

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.read_ids is None and self.max_reads is None

    def wants(self, read_id: str) -> bool:
        """Whether a read of this id is wanted; asked before its signal is decoded."""
        if self.read_ids is None:
            return True
        if read_id in self.read_ids:
            self._met.add(read_id)
            return True
        return False

    def first(self, reads: Iterable[RawRead]) -> Iterator[RawRead]:
        """The reads up to `max_reads`; what comes after is not even looked at."""
        return islice(reads, self.max_reads)

    @property
    def num_missing(self) -> int:
        """Ids that were asked for and not met; 0 if the search ended early because of `max_reads`."""
        if self.read_ids is None or (self.max_reads is not None and len(self._met) >= self.max_reads):
            return 0
        return len(self.read_ids - self._met)


def read_id_list(path: Path) -> frozenset[str]:
    """Reads a list of read ids.

    Args:
        path: a text file with one id per line. Only what stands before the first white space counts, so the
            first column of a table serves too; empty lines, and a first line `read_id`, are passed over.

    Returns:
        The ids.

    Raises:
        UsageError: if there is no such file.
        BadInputError: if it is no text or holds no id.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: the list of read ids cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not a list of read ids: it is no text") from error
    words = [words[0] for words in map(str.split, lines) if words]
    ids = frozenset(words[1:] if words[:1] == ["read_id"] else words)
    if not ids:
        raise BadInputError(f"{path}: holds no read id; one per line is expected")
    return ids
