"""The DNA alphabet and its codes.

Two codings are in use, and both are named wherever they appear:
- base codes: A 0, C 1, G 2, T 3 (states of the CRF, tables of levels);
- targets: A 1, C 2, G 3, T 4, and 0 for "no base" (training stores, blank in CTC), as in bonito's training
  data.
"""

import numpy as np

BASES = "ACGT"
COMPLEMENT = str.maketrans("ACGTUNRYKMBVDHacgtunrykmbvdh", "TGCAANYRMKVBHDtgcaanyrmkvbhd")  # S and W stay
NO_BASE = 255

_CODE_OF_BYTE = np.full(256, NO_BASE, np.uint8)
for _code, _base in enumerate(BASES):
    _CODE_OF_BYTE[ord(_base)] = _code
    _CODE_OF_BYTE[ord(_base.lower())] = _code
_BYTE_OF_CODE = np.frombuffer(BASES.encode(), np.uint8)


def encode(sequence: str) -> np.ndarray:
    """Turns a sequence into base codes (uint8: A 0, C 1, G 2, T 3, else `NO_BASE`); case is ignored.

    >>> encode("AcgTN").tolist()
    [0, 1, 2, 3, 255]
    """
    return _CODE_OF_BYTE[np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)]


def decode(codes: np.ndarray) -> str:
    """Turns base codes 0..3 back into an upper-case sequence.

    >>> decode(np.array([0, 1, 2, 3]))
    'ACGT'
    """
    return _BYTE_OF_CODE[codes].tobytes().decode()


def reverse_complement(sequence: str) -> str:
    """The sequence of the other strand, 5' to 3'; IUPAC codes become those of the other bases, case is kept.

    >>> reverse_complement("AACgN")
    'NcGTT'
    >>> reverse_complement("ARMB")
    'VKYT'
    """
    return sequence.translate(COMPLEMENT)[::-1]


def kmer_index(codes: np.ndarray, k: int) -> np.ndarray:
    """Index of every k-mer of a code sequence; the last base varies fastest.

    Args:
        codes: base codes 0..3, shape (L,).
        k: bases in a k-mer.

    Returns:
        int64 array of shape (max(0, L - k + 1),), values in [0, 4**k).

    >>> kmer_index(encode("AACT"), 2).tolist()
    [0, 1, 7]
    """
    count = len(codes) - k + 1
    if count <= 0:
        return np.zeros(0, np.int64)
    index = np.zeros(count, np.int64)
    for i in range(k):
        index = index * 4 + codes[i : i + count]
    return index
