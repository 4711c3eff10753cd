"""Which reads of the input are wanted: by id, by shard, the first so many; less those called before."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lexome.core.errors import BadInputError, UsageError
from lexome.core.records import RawRead
from lexome.tasks.basecall.shard import Shard


class Selection:
    """Reads wanted by id or by number; remembers which ids it has met.

    Args:
        read_ids: the ids wanted; None for all.
        max_reads: take no more reads than this; None for all.
        shard: the part of the work that is done here; None for all.
    """

    def __init__(
        self,
        read_ids: frozenset[str] | None = None,
        max_reads: int | None = None,
        shard: Shard | None = None,
    ) -> None:
        self.read_ids = read_ids
        self.max_reads = max_reads
        self.shard = shard
        self._met: set[str] = set()
        self._is_done: Callable[[str], bool] | None = None
        self._passed: set[str] = set()  # done reads that were met: a second copy of one must not count again

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.read_ids is None and self.max_reads is None and self.shard is None

    def share(self, total_reads: int) -> float:
        """About which part of an input of so many reads is wanted, from 0 to 1."""
        part = 1.0 if self.shard is None else 1 / self.shard.count
        if self.read_ids is not None:
            part = min(part, len(self.read_ids) / max(1, total_reads))
        if self.max_reads is not None:
            part = min(part, self.max_reads / max(1, total_reads))
        return part

    def leave_out(self, is_done: Callable[[str], bool]) -> None:
        """From now on the reads that `is_done` knows are passed over; they count as taken all the same.

        The reads done must be the first ones of those wanted, as they are when work goes on after an
        interruption: `max_reads` then ends at the read where it would have ended without it.
        """
        self._is_done = is_done

    def wants(self, read_id: str) -> bool:
        """Whether a read of this id is wanted; asked before its signal is decoded."""
        if self.read_ids is not None:
            if read_id not in self.read_ids:
                return False
            self._met.add(read_id)
        if self.shard is not None and not self.shard.holds(read_id):
            return False
        if self._is_done is not None and self._is_done(read_id):
            self._passed.add(read_id)
            return False
        return True

    def first(self, reads: Iterable[RawRead]) -> Iterator[RawRead]:
        """The reads up to `max_reads`; what comes after is not even looked at."""
        taken = 0
        remaining = iter(reads)
        while self.max_reads is None or taken + len(self._passed) < self.max_reads:
            read = next(remaining, None)
            if read is None:
                return
            # on the way to this read others may have been passed, and it be one too many
            if self.max_reads is not None and taken + len(self._passed) >= self.max_reads:
                return
            taken += 1
            yield read

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
