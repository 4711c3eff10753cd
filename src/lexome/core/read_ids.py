"""Read ids in few bytes: for sets of millions of them, and for hashing them the same way everywhere."""

import hashlib

import numpy as np

ID_BYTES = 16
_FEWEST_PENDING = 100_000


def id_bytes(read_id: str) -> bytes:
    """A read id as 16 bytes: read ids are UUIDs, which have just as many; of any other text, a hash.

    Upper and lower case and the dashes of a UUID do not matter.

    Returns:
        16 bytes; two ids have the same only if they are the same UUID (for other texts: in all likelihood).
    """
    digits = read_id.replace("-", "")
    if len(digits) == 2 * ID_BYTES and digits.isascii() and digits.isalnum():
        try:
            return bytes.fromhex(digits)
        except ValueError:
            pass  # letters beyond f: some other kind of name
    return hashlib.blake2b(read_id.encode("utf-8", "surrogateescape"), digest_size=ID_BYTES).digest()


class IdSet:
    """A growing set of read ids that takes little more than 16 bytes for each.

    New ids wait in a plain set; when it has grown to an eighth of the whole they are sorted in.
    """

    def __init__(self) -> None:
        self._high = np.zeros(0, np.uint64)  # both halves of the ids, sorted
        self._low = np.zeros(0, np.uint64)
        self._pending: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._high) + len(self._pending)

    def __contains__(self, read_id: str) -> bool:
        key = id_bytes(read_id)
        return key in self._pending or self._is_sorted_in(key)

    def add(self, read_id: str) -> bool:
        """Adds an id; whether it was new."""
        key = id_bytes(read_id)
        if key in self._pending or self._is_sorted_in(key):
            return False
        self._pending.add(key)
        if len(self._pending) >= max(_FEWEST_PENDING, len(self._high) // 8):
            self._sort_in()
        return True

    def _is_sorted_in(self, key: bytes) -> bool:
        high, low = np.frombuffer(key, ">u8").astype(np.uint64)
        first, end = np.searchsorted(self._high, high, "left"), np.searchsorted(self._high, high, "right")
        return bool((self._low[first:end] == low).any())

    def _sort_in(self) -> None:
        new = np.frombuffer(b"".join(self._pending), ">u8").astype(np.uint64).reshape(-1, 2)
        high, low = np.concatenate([self._high, new[:, 0]]), np.concatenate([self._low, new[:, 1]])
        order = np.argsort(high, kind="stable")
        self._high, self._low = high[order], low[order]
        self._pending.clear()
