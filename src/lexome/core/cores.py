"""How many cores there are for us."""

import os


def usable_cores() -> int:
    """The cores that this process may run on, at least 1; a batch system may give it fewer than all."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
