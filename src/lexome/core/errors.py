"""Errors that a user can act on: one line that says what, where and what to do."""

import difflib
from collections.abc import Iterable


class LexomeError(Exception):
    """Something failed that the user can understand; the command line prints it, no traceback (exit 1)."""

    exit_code = 1


class UsageError(LexomeError):
    """The request itself is wrong: a bad option, name or combination (exit 2)."""

    exit_code = 2


class BadInputError(LexomeError):
    """A file or record that cannot be read or makes no sense (exit 1)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Ends an error about an unknown name with the closest known ones.

    Args:
        name: what was asked for.
        known: the names that exist.

    Returns:
        Text such as "did you mean 'stride'? known: size, stride", to stand after the complaint.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    listed = ", ".join(names) if names else "none"
    if close:
        return f"did you mean {' or '.join(repr(c) for c in close)}? known: {listed}"
    return f"known: {listed}"
