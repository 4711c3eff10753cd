"""Reading a k-mer level table: how the current depends on the bases in the pore."""

from pathlib import Path

import numpy as np

from lexome.core.alphabet import NO_BASE, encode
from lexome.core.errors import BadInputError
from lexome.core.records import KmerLevels

MAX_K = 9


def read_kmer_levels(path: Path, centre: int | None = None) -> KmerLevels:
    """Reads a table of tab-separated columns, the first line naming them; `#` lines are comments.

    Args:
        path: the table; needs the columns `kmer` and `level_mean` (pA), and takes `level_stdv` (pA) if there.
            ONT's legacy model files and the table bundled with lexome have this form.
        centre: see `KmerLevels`; default: k // 2 - 1 for k = 6 (R9.4's third base), else k // 2.

    Returns:
        The table, complete: all 4**k k-mers.

    Raises:
        BadInputError: if columns, k-mers or numbers are missing or wrong.
    """
    try:
        lines = [line for line in path.read_text(encoding="ascii").splitlines() if line and line[0] != "#"]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read as a k-mer table ({error})") from error
    header = lines[0].split("\t") if lines else []
    if "kmer" not in header or "level_mean" not in header:
        raise BadInputError(
            f"{path}: a k-mer table needs the columns 'kmer' and 'level_mean' in its first line"
        )
    kmer_column, mean_column = header.index("kmer"), header.index("level_mean")
    sd_column = header.index("level_stdv") if "level_stdv" in header else None
    rows = [line.split("\t") for line in lines[1:]]
    k = len(rows[0][kmer_column]) if rows and len(rows[0]) > kmer_column else 0
    if not 1 <= k <= MAX_K or len(rows) != 4**k:
        raise BadInputError(
            f"{path}: expected all 4^k k-mers with k from 1 to {MAX_K}, found {len(rows)} rows, k={k}"
        )
    mean_pa = np.full(4**k, np.nan, np.float32)
    sd_pa = np.ones(4**k, np.float32)
    for number, row in enumerate(rows, 2):
        try:
            codes = encode(row[kmer_column])
            if len(codes) != k or (codes == NO_BASE).any():
                raise ValueError(f"bad k-mer {row[kmer_column]!r}")
            index = int((codes.astype(np.int64) * 4 ** np.arange(k - 1, -1, -1)).sum())
            mean_pa[index] = float(row[mean_column])
            if sd_column is not None:
                sd_pa[index] = float(row[sd_column])
        except (ValueError, IndexError) as error:
            raise BadInputError(f"{path}, row {number}: {error}") from error
    if not np.isfinite(mean_pa).all() or not np.isfinite(sd_pa).all():
        raise BadInputError(f"{path}: some k-mers have no level or one that is no number")
    if centre is None:
        centre = k // 2 - 1 if k == 6 else k // 2
    return KmerLevels(path.stem, k, centre, mean_pa, sd_pa)
