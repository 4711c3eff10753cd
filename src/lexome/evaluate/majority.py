"""The simplest read corrector: the majority of the passes in every column. A network has to beat it.

Legend: N windows, P passes, R rows, L columns; symbols as in `decode.consensus` (0 the gap).
"""

import numpy as np
from jaxtyping import UInt8

NUM_SYMBOLS = 5


def majority_vote(rows_NRL: UInt8[np.ndarray, "N R L"], max_passes: int) -> UInt8[np.ndarray, "N L"]:
    """The symbol that most passes have, column by column; a gap counts as a symbol.

    A pass without any base in a window does not vote there. Where symbols have equally many votes, that of
    the CCS read is taken if it is one of them, otherwise the first.

    Args:
        rows_NRL: rows in compact form (`features.pileup`): the bases of the passes first, the CCS read in row
            4 P.
        max_passes: P.

    Returns:
        A symbol for every column.
    """
    bases_NPL = rows_NRL[:, :max_passes]
    votes_NP1 = (bases_NPL != 0).any(axis=2, keepdims=True)
    ccs_NL = rows_NRL[:, 4 * max_passes]
    twice_NLS = np.stack(
        [
            2 * ((bases_NPL == symbol) & votes_NP1).sum(axis=1) + (ccs_NL == symbol)
            for symbol in range(NUM_SYMBOLS)
        ],
        axis=2,
    )
    return twice_NLS.argmax(axis=2).astype(np.uint8)
