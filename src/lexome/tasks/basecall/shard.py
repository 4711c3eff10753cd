"""Dividing a run's reads among machines: `--shard 2/8` calls the second of eight parts.

Which part a read belongs to follows from its id alone, so the machines need not know of each other, and
files may be split, joined or renamed in between.
"""

import hashlib
import re
from dataclasses import dataclass

from lexome.core.errors import UsageError
from lexome.core.read_ids import id_bytes

MAX_SHARDS = 100_000


@dataclass(frozen=True)
class Shard:
    """The part `index` (from 1) of `count` parts of about the same number of reads."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Reads "2/8".

        Raises:
            UsageError: if it is nothing like that, or there is no such part.
        """
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
        if match is None:
            raise UsageError(
                f"shard '{text}': write it as I/N, for example 2/8 for the second of eight parts"
            )
        index, count = map(int, match.groups())
        if not 1 <= index <= count <= MAX_SHARDS:
            raise UsageError(f"shard '{text}': I/N needs 1 <= I <= N <= {MAX_SHARDS}")
        return cls(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def holds(self, read_id: str) -> bool:
        """Whether a read belongs to this part; case and dashes of an id that is a UUID do not matter."""
        return shard_of(read_id, self.count) == self.index


def shard_of(read_id: str, count: int) -> int:
    """The part, from 1 to `count`, that a read belongs to."""
    # hashed, since a UUID's own bits need not be random: some hold a time or a counter
    digest = hashlib.blake2b(id_bytes(read_id), digest_size=8, person=b"lexome shard").digest()
    return int.from_bytes(digest, "big") % count + 1
