"""The k-mer level tables that come with lexome."""

from importlib import resources

from lexome.core.errors import LexomeError, UsageError, nearest
from lexome.core.kmer_levels import read_kmer_levels
from lexome.core.records import KmerLevels

BUNDLED = {"r9.4.1": "r9.4.1_6mer_levels.tsv"}


def bundled_levels(name: str = "r9.4.1") -> KmerLevels:
    """Reads a k-mer level table that is part of the package.

    Args:
        name: the pore's name, a key of `BUNDLED`.

    Returns:
        The table, levels in pA.

    Raises:
        UsageError: if no table of that name exists.
        LexomeError: if the installed package lacks the file.
    """
    if name not in BUNDLED:
        raise UsageError(f"no bundled k-mer level table '{name}'; {nearest(name, BUNDLED)}")
    with resources.as_file(resources.files("lexome.zoo").joinpath(BUNDLED[name])) as path:
        if not path.is_file():
            raise LexomeError(
                f"this installation lacks {path}: install lexome again or give a table with --levels"
            )
        return read_kmer_levels(path)
