"""What PacBio sequencing gives of one molecule: the records of read correction; numpy only.

A ZMW (a hole of the chip) reads one circular molecule again and again: its subreads. `ccs` makes one circular
consensus sequence (CCS) of them, or two when it is told to keep the strands apart.

Source: the PacBio BAM format, version 5 to 12 (names, tags pw, ip, sn, np, rq, ec, wl).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from lexome.core.errors import BadInputError

Tag = tuple[str, Any, str]


class ZmwOutcome(StrEnum):
    """What became of a ZMW, or of one of its records; the values are meant for a table."""

    USED = "used"
    # of the subreads
    NO_SUBREADS = "no_subreads"  # there is a CCS read, nothing is aligned to it
    UNMAPPED = "unmapped"
    SECONDARY = "secondary"
    SUPPLEMENTARY = "supplementary"
    EMPTY = "empty"  # no bases
    NO_KINETICS = "no_kinetics"  # pw or ip is missing
    NO_SNR = "no_snr"  # sn is missing
    MALFORMED = "malformed"  # a record contradicts itself or its CCS read
    NOT_CONTIGUOUS = "not_contiguous"  # records of the ZMW stand in more than one place of the file
    TRUNCATED = "truncated"  # the file is cut off or damaged within or before the ZMW
    # of the CCS read
    NO_CCS = "no_ccs"
    EMPTY_CCS = "empty_ccs"
    DUPLICATE_CCS = "duplicate_ccs"
    CCS_DIFFERS = "ccs_differs"  # it is not the sequence that the subreads were aligned to
    NO_WINDOW_WIDTHS = "no_window_widths"  # smart windows are wanted and wl is missing
    BAD_WINDOW_WIDTHS = "bad_window_widths"
    # of the truth
    NO_TRUTH_RANGE = "no_truth_range"
    NO_TRUTH_ALIGNMENT = "no_truth_alignment"
    SUPPLEMENTARY_TRUTH = "supplementary_truth"
    MALFORMED_TRUTH = "malformed_truth"
    NO_SPLIT = "no_split"


@dataclass(frozen=True)
class ZmwReport:
    """A CCS read (or subreads without one) that was not used, and why.

    `name` is the CCS read's name, or `<movie>/<hole>` if there is none.
    """

    name: str
    outcome: ZmwOutcome
    detail: str


class UnusableZmwError(BadInputError):
    """One ZMW makes no sense; the others can go on. `report` has the reason as it stands in a table."""

    def __init__(self, report: ZmwReport) -> None:
        super().__init__(f"{report.name}: {report.detail}")
        self.report = report


@dataclass(frozen=True)
class Subread:
    """One pass over the molecule, aligned to its CCS read.

    Everything is in the direction of the CCS read (files keep the kinetics in the direction of sequencing).

    Attributes:
        name: `<movie>/<hole>/<start>_<end>`.
        sequence: all bases, soft-clipped ones too.
        pw: pulse width of each base: codes (uint8, CodecV1) or frames (uint16).
        ip: the time between each base's pulse and the one before, likewise.
        strand: +1, or -1 if the pass read the other strand.
        ccs_start_bp: where the alignment starts on the CCS read, from 0.
        cigar: rows of (length, BAM code of the operation), int64[O, 2].
        snr: signal-to-noise ratio of the four channels (A, C, G, T), float32[4].
    """

    name: str
    sequence: str
    pw: np.ndarray
    ip: np.ndarray
    strand: int
    ccs_start_bp: int
    cigar: np.ndarray
    snr: np.ndarray


@dataclass(frozen=True)
class Ccs:
    """A consensus read; `qualities` are Phred scores (uint8[C]) or None, `tags` all that the file had."""

    name: str
    sequence: str
    qualities: np.ndarray | None
    tags: tuple[Tag, ...] = ()

    def tag(self, name: str) -> Any:
        """The value of a tag, None if the read does not have it."""
        return next((value for key, value, _ in self.tags if key == name), None)

    @property
    def num_passes(self) -> int | None:
        """Full passes over the molecule (np)."""
        return self.tag("np")

    @property
    def read_quality(self) -> float | None:
        """Predicted accuracy (rq); -1 in a reject."""
        return self.tag("rq")

    @property
    def effective_coverage(self) -> float | None:
        """Mean coverage by subreads (ec)."""
        return self.tag("ec")

    @property
    def window_widths(self) -> np.ndarray | None:
        """The widths of smart windows (wl) in bases of the read, int64."""
        widths = self.tag("wl")
        return None if widths is None else np.asarray(widths, np.int64)


@dataclass(frozen=True)
class ZmwReads:
    """A CCS read with the subreads aligned to it, in the file's order.

    `unused` counts the records that were left out, by reason.
    """

    ccs: Ccs
    subreads: tuple[Subread, ...]
    unused: Mapping[ZmwOutcome, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The CCS read's name."""
        return self.ccs.name

    def unusable(self, outcome: ZmwOutcome, detail: str) -> UnusableZmwError:
        """An error that says why this ZMW cannot be used."""
        return UnusableZmwError(ZmwReport(self.name, outcome, detail))


@dataclass(frozen=True)
class Truth:
    """The true sequence of a molecule, aligned to its CCS read.

    `contig`, `contig_start_bp` and `contig_end_bp` (end excluded) say where on the genome all of `sequence`
    comes from; `split` is the part of the data that the place belongs to (train, eval or test). The other
    fields are as in `Subread`.
    """

    name: str
    sequence: str
    ccs_start_bp: int
    cigar: np.ndarray
    contig: str
    contig_start_bp: int
    contig_end_bp: int
    split: str


@dataclass(frozen=True)
class Window:
    """A stretch of columns of one ZMW's pile-up: what the network corrects at once.

    Windows of a read follow each other without a gap: the `ccs_end_bp` of one is the `ccs_start_bp` of the
    next, so that what is missing can be seen.

    Attributes:
        name: of the CCS read.
        index: the number of the window within its read, from 0.
        rows_RL: the rows in compact form (`features.pileup` has the layout), uint8[R, L]; filled up with gaps
            to the width that the network takes, wider in an overflow window.
        snr: of the ZMW, float32[4].
        num_passes: subreads in the rows.
        ccs_start_bp: first base of the CCS read in the window.
        ccs_end_bp: the base behind its last one.
        first_column: of the pile-up.
        end_column: the column behind its last one.
        overflow: it is wider than the network takes, so that its CCS bases are kept as they are.
    """

    name: str
    index: int
    rows_RL: np.ndarray
    snr: np.ndarray
    num_passes: int
    ccs_start_bp: int
    ccs_end_bp: int
    first_column: int
    end_column: int
    overflow: bool
