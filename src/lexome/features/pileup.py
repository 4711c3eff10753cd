"""The subreads of a ZMW piled up on their CCS read: the rows that a read corrector sees.

Shapes: P passes, R rows, W columns, C bases of the CCS read.

Rows, in compact form (uint8), for P passes at most:

    0 .. P-1     bases          gap 0, A 1, T 2, C 3, G 4
    P .. 2P-1    pw             pulse width, up to 255
    2P .. 3P-1   ip             time between pulses, up to 255
    3P .. 4P-1   strand         1 forward, 2 reverse, 0 no such pass; the same in all columns
    4P           the CCS read   as bases
    4P+1         its qualities  Phred + 1, 0 at a gap; only if wanted

The network takes four more rows, the signal-to-noise ratio of the channels A, C, G, T, the same in all
columns: they are kept once per window, and `pileup_windows.network_rows` puts them in.

Source: layout and columns of DeepConsensus 1.2. Differs: a compact form; kinetics beyond 255 (frames of newer
chemistries) become 255 where 8 bits would wrap round; passes beyond the P first ones open no columns; letters
other than A, C, G, T are gaps, where they are undefined there. `like_deepconsensus` restores wrapping and
the columns of the passes that are not shown.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from lexome.core.zmw import Subread, Truth, ZmwOutcome, ZmwReads
from lexome.dp.kernels.pileup import check_cigar, columns_of, lay_out, longest_insertions

VOCABULARY = " ATCG"
FORWARD, REVERSE = 1, 2
MAX_KINETICS = 255  # the embeddings of pw and ip have 256 entries

_CODE_OF_BYTE = np.zeros(256, np.uint8)
for _code, _letter in enumerate(VOCABULARY):
    _CODE_OF_BYTE[[ord(_letter), ord(_letter.lower())]] = _code


@dataclass(frozen=True)
class PileupConfig:
    """How a pile-up is made; travels with the network.

    `max_passes` subreads are shown, the first ones of the file. An insertion of more than `max_insertion_bp`
    is left out (0: none is). A window has `width` columns; with `smart_windows` its CCS bases are those of
    the tag wl and it is filled up. `with_qualities` adds a row. `like_deepconsensus` keeps what
    that program does and lexome does better; see the modules.
    """

    max_passes: int = 20
    width: int = 100
    max_insertion_bp: int = 5
    with_qualities: bool = False
    smart_windows: bool = False
    like_deepconsensus: bool = False

    def __post_init__(self) -> None:
        if self.max_passes < 1 or self.width < 1:
            raise ValueError("max_passes and width must be at least 1")
        if self.max_insertion_bp < 0:
            raise ValueError(f"max_insertion_bp must be at least 0, is {self.max_insertion_bp}")

    @property
    def num_rows(self) -> int:
        """Rows in compact form; the network takes four more."""
        return 4 * self.max_passes + 1 + self.with_qualities


@dataclass(frozen=True)
class Pileup:
    """A ZMW in columns.

    `columns_C1` is the column of each CCS base and, at its end, the number W of columns (behind the last base
    there may be inserted ones); `rows_RW` has the rows as listed above. `num_passes` subreads are in them.
    """

    zmw: ZmwReads
    config: PileupConfig
    columns_C1: np.ndarray  # int64[C + 1]
    rows_RW: np.ndarray  # uint8[R, W]
    num_passes: int


def base_codes(sequence: str) -> UInt8[np.ndarray, " L"]:
    """Codes of the rows (gap 0, A 1, T 2, C 3, G 4); case is ignored and any other letter is a gap.

    >>> base_codes("ATcGN").tolist()
    [1, 2, 3, 4, 0]
    """
    return _CODE_OF_BYTE[np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)]


def decode_bases(codes: UInt8[np.ndarray, " L"]) -> str:
    """The sequence that codes stand for, gaps left out.

    >>> decode_bases(np.array([1, 0, 2, 3, 0, 4], np.uint8))
    'ATCG'
    """
    return np.frombuffer(VOCABULARY.encode(), np.uint8)[codes[codes > 0]].tobytes().decode()


def pile_up(zmw: ZmwReads, config: PileupConfig) -> Pileup:
    """Brings the subreads of a ZMW into common columns.

    Args:
        zmw: at least one subread.
        config: constants.

    Returns:
        The pile-up.

    Raises:
        UnusableZmwError: if there is no base, or a subread contradicts itself.
    """
    num_ccs = len(zmw.ccs.sequence)
    if num_ccs == 0:
        raise zmw.unusable(ZmwOutcome.EMPTY_CCS, "the CCS read has no bases")
    if not zmw.subreads:
        raise zmw.unusable(ZmwOutcome.NO_SUBREADS, "there are no subreads")
    shown = zmw.subreads[: config.max_passes]
    for subread in shown:
        check_aligned(zmw, subread)
        _check_kinetics(zmw, subread)
    spacing = zmw.subreads if config.like_deepconsensus else shown
    for subread in spacing[len(shown) :]:
        check_aligned(zmw, subread)
    columns_C1 = columns_of(longest_insertions(*_joined(spacing), num_ccs, config.max_insertion_bp))
    rows_RW = np.zeros((config.num_rows, int(columns_C1[-1])), np.uint8)
    _fill_subreads(rows_RW, shown, columns_C1, config)
    _fill_ccs(rows_RW, zmw, columns_C1, config)
    return Pileup(zmw, config, columns_C1, rows_RW, len(shown))


def check_aligned(zmw: ZmwReads, read: Subread | Truth, outcome: ZmwOutcome = ZmwOutcome.MALFORMED) -> None:
    """Refuses an alignment that does not fit its read or the CCS read.

    Raises:
        UnusableZmwError: with `outcome`.
    """
    read_bp, ccs_bp = check_cigar(read.cigar)
    if read_bp < 0:
        raise zmw.unusable(outcome, f"the alignment of {read.name} has an operation that makes no sense")
    if read_bp != len(read.sequence):
        reason = f"{read.name} has {len(read.sequence)} bases and an alignment of {read_bp}"
        raise zmw.unusable(outcome, reason)
    if read.ccs_start_bp < 0 or read.ccs_start_bp + ccs_bp > len(zmw.ccs.sequence):
        raise zmw.unusable(outcome, f"the alignment of {read.name} does not lie within the CCS read")


def _check_kinetics(zmw: ZmwReads, subread: Subread) -> None:
    if not len(subread.pw) == len(subread.ip) == len(subread.sequence):
        reason = (
            f"{subread.name} has {len(subread.sequence)} bases, {len(subread.pw)} values of pw and "
            f"{len(subread.ip)} of ip"
        )
        raise zmw.unusable(ZmwOutcome.MALFORMED, reason)


def _joined(
    reads: tuple[Subread, ...],
) -> tuple[Int64[np.ndarray, "O 2"], Int64[np.ndarray, " P1"], Int64[np.ndarray, " P"]]:
    """The operations of all reads, where each read's begin, and where each starts on the CCS read."""
    return (
        np.concatenate([read.cigar for read in reads]),
        _borders([len(read.cigar) for read in reads]),
        np.array([read.ccs_start_bp for read in reads], np.int64),
    )


def _borders(lengths: list[int]) -> Int64[np.ndarray, " P1"]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _fill_subreads(
    rows_RW: UInt8[np.ndarray, "R W"],
    shown: tuple[Subread, ...],
    columns_C1: Int64[np.ndarray, " C1"],
    config: PileupConfig,
) -> None:
    kinetics = (np.concatenate([s.pw for s in shown]), np.concatenate([s.ip for s in shown]))
    codes_B = base_codes("".join(subread.sequence for subread in shown))
    values_KB = np.stack([codes_B, *(_byte_kinetics(values, config) for values in kinetics)])
    cigar_O2, operations_P1, starts_P = _joined(shown)
    bases_P1 = _borders([len(subread.sequence) for subread in shown])
    passes = config.max_passes
    rows_KPW = rows_RW[: 3 * passes].reshape(3, passes, -1)
    lay_out(
        values_KB, bases_P1, cigar_O2, operations_P1, starts_P, columns_C1, config.max_insertion_bp, rows_KPW
    )
    for row, subread in enumerate(shown, 3 * passes):
        rows_RW[row] = FORWARD if subread.strand > 0 else REVERSE


def _byte_kinetics(values: np.ndarray, config: PileupConfig) -> UInt8[np.ndarray, " B"]:
    if config.like_deepconsensus:
        return (values & MAX_KINETICS).astype(np.uint8)
    return np.clip(values, 0, MAX_KINETICS).astype(np.uint8)


def _fill_ccs(
    rows_RW: UInt8[np.ndarray, "R W"],
    zmw: ZmwReads,
    columns_C1: Int64[np.ndarray, " C1"],
    config: PileupConfig,
) -> None:
    row = 4 * config.max_passes
    rows_RW[row, columns_C1[:-1]] = base_codes(zmw.ccs.sequence)
    if config.with_qualities and zmw.ccs.qualities is not None:
        if len(zmw.ccs.qualities) != len(zmw.ccs.sequence):
            raise zmw.unusable(ZmwOutcome.MALFORMED, "the CCS read has more or fewer qualities than bases")
        rows_RW[row + 1, columns_C1[:-1]] = np.minimum(zmw.ccs.qualities, 93) + 1
