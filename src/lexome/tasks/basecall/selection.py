"""Which reads of the input are wanted: by id, by shard, the first so many; less those called before."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lexome.core.errors import BadInputError, UsageError
from lexome.core.read_ids import id_bytes
from lexome.core.records import RawRead, RunInfo, Skipped
from lexome.tasks.basecall.shard import Shard

MAX_LIST_BYTES = 2**30  # 28 million UUIDs; a device given for the list would never end


class Selection:
    """Reads wanted by id or by number; remembers which ids it has met.

    Args:
        read_ids: the ids wanted, in capitals or not, with the dashes of a UUID or without; None for all.
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
        self._wanted = None if read_ids is None else frozenset(map(id_bytes, read_ids))
        self._met: set[bytes] = set()
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
        if self._wanted is not None:
            key = id_bytes(read_id)
            if key not in self._wanted:
                return False
            self._met.add(key)
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
        if self._wanted is None or (self.max_reads is not None and len(self._met) >= self.max_reads):
            return 0
        return len(self._wanted - self._met)


def of_known_runs(
    reads: Iterable[RawRead], runs: Sequence[RunInfo], on_skip: Callable[[Skipped], None]
) -> Iterator[RawRead]:
    """The reads of the runs that the output's header names; others are reported.

    There are others if a file was completed or replaced after its runs were looked up: the header is written
    by then, and one read must not end the work.

    Args:
        reads: of any runs.
        runs: those in the header.
        on_skip: told of every read of another run.
    """
    known = {run.run_id for run in runs}
    for read in reads:
        if read.info.run.run_id in known:
            yield read
            continue
        run = f"its run {read.info.run.run_id} was in no file when lexome began"
        on_skip(Skipped(read.read_id, f"{run}: {read.info.source} has changed since; call it again"))


def read_id_list(path: Path) -> frozenset[str]:
    """Reads a list of read ids.

    Args:
        path: a text file with one id per line. Only what stands before the first white space counts, so the
            first column of a table serves too; empty lines, and a first line `read_id`, are passed over.

    Returns:
        The ids.

    Raises:
        UsageError: if there is no such file.
        BadInputError: if it is no text, holds no id or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LIST_BYTES + 1)
        lines = content.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: the list of read ids cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not a list of read ids: it is no text") from error
    if len(content) > MAX_LIST_BYTES:
        raise BadInputError(f"{path}: too large for a list of read ids (more than {MAX_LIST_BYTES} bytes)")
    words = [words[0] for words in map(str.split, lines) if words]
    ids = frozenset(words[1:] if words[:1] == ["read_id"] else words)
    if not ids:
        raise BadInputError(f"{path}: holds no read id; one per line is expected")
    return ids
