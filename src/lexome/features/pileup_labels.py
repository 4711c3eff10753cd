"""The true bases of each window of a pile-up.

Shapes: E elements of the truth's alignment, C bases of the CCS read, L bases that a label can have.

A label is the bases that the network should give for a window, left-aligned, filled up with 0 (codes as in
the rows: A 1, T 2, C 3, G 4).

A true base aligned to a CCS base belongs to the window of that base. A base that the CCS read lacks belongs
to the window of the column that it would have among the inserted ones, or of the last column before the next
CCS base if there are too few. So every aligned true base is in exactly one window.

Source: DeepConsensus 1.2 cuts labels by CCS coordinates. What differs: bases inserted exactly between two
windows, which are lost from both labels there, are kept; a window that the truth does not wholly cover gets
no label, where it gets an empty or partial one there (which teaches a network to delete); a window whose only
base is the first of the read keeps its label. `like_deepconsensus` restores all three, and the gaps within
labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Int64, UInt8

from lexome.core.zmw import Truth, Window, ZmwOutcome
from lexome.dp.kernels.pileup import DELETION, HARD_CLIP, INSERTION, SKIP, SOFT_CLIP
from lexome.features.pileup import Pileup, base_codes, check_aligned


class LabelOutcome(StrEnum):
    """Whether a window has a label; the values are meant for a table."""

    LABELLED = "labelled"
    TOO_LONG = "too_long"  # more true bases than columns
    NOT_COVERED = "not_covered"  # the truth does not reach over all of the window
    OVERFLOW = "overflow"  # the window itself is too wide


@dataclass(frozen=True)
class WindowLabel:
    """The true bases of a window, uint8[L]; all 0 unless the outcome is `LABELLED`."""

    codes_L: np.ndarray
    outcome: LabelOutcome


@dataclass(frozen=True)
class _Elements:
    """A truth's alignment, one element per base or gap.

    `ccs_E` is the CCS base that an element stands at, or the next one if it is `inserted_E`; `run_E` counts
    the elements of an insertion from 0. Clips are left out.
    """

    codes_E: np.ndarray  # uint8
    ccs_E: np.ndarray  # int64
    inserted_E: np.ndarray  # bool
    run_E: np.ndarray  # int64


def label_windows(pileup: Pileup, windows: Sequence[Window], truth: Truth) -> list[WindowLabel]:
    """Gives each window its true bases.

    Args:
        pileup: that the windows were cut from.
        windows: any of them.
        truth: of the same ZMW.

    Returns:
        One label for each window.

    Raises:
        UnusableZmwError: if the truth's alignment makes no sense.
    """
    check_aligned(pileup.zmw, truth, ZmwOutcome.MALFORMED_TRUTH)
    elements = _elements_of(truth)
    if pileup.config.like_deepconsensus:
        return _drifting_labels(pileup, windows, elements, truth.ccs_start_bp)
    columns_E = _columns_of(elements, pileup.columns_C1)
    # columns never fall, so the elements of a window stand together
    borders = [(window.first_column, _end_column(window, pileup)) for window in windows]
    cuts_N2 = np.searchsorted(columns_E, np.array(borders, np.int64).reshape(-1, 2))
    start_bp = truth.ccs_start_bp
    aligned_E = elements.ccs_E[~elements.inserted_E]
    end_bp = int(aligned_E[-1]) + 1 if len(aligned_E) else start_bp
    labels = []
    for window, (first, end) in zip(windows, cuts_N2, strict=True):
        codes = elements.codes_E[first:end]
        if window.ccs_start_bp < start_bp or window.ccs_end_bp > end_bp:
            labels.append(_no_label(LabelOutcome.NOT_COVERED, pileup))
        else:
            labels.append(_label(codes[codes > 0], window, pileup))
    return labels


def _end_column(window: Window, pileup: Pileup) -> int:
    """Where a window's label ends: behind everything if it holds the last CCS base."""
    is_last = window.ccs_end_bp == len(pileup.columns_C1) - 1
    return int(pileup.columns_C1[-1]) if is_last else window.end_column


def _label(codes: UInt8[np.ndarray, " l"], window: Window, pileup: Pileup) -> WindowLabel:
    if window.overflow:
        return _no_label(LabelOutcome.OVERFLOW, pileup)
    width = pileup.config.width
    if len(codes) > width:
        codes = codes[codes > 0]
    if len(codes) > width:
        return _no_label(LabelOutcome.TOO_LONG, pileup)
    return WindowLabel(np.pad(codes, (0, width - len(codes))), LabelOutcome.LABELLED)


def _no_label(outcome: LabelOutcome, pileup: Pileup) -> WindowLabel:
    return WindowLabel(np.zeros(pileup.config.width, np.uint8), outcome)


def _elements_of(truth: Truth) -> _Elements:
    lengths, operations = truth.cigar[:, 0], truth.cigar[:, 1]
    kept = ~np.isin(operations, [SOFT_CLIP, HARD_CLIP])
    clipped = int(lengths[0]) if len(lengths) and operations[0] == SOFT_CLIP else 0
    if len(lengths) > 1 and operations[0] == HARD_CLIP and operations[1] == SOFT_CLIP:
        clipped = int(lengths[1])
    operations_E = np.repeat(operations[kept], lengths[kept])
    inserted_E = operations_E == INSERTION
    gap_E = np.isin(operations_E, [DELETION, SKIP])
    ccs_E = truth.ccs_start_bp + np.cumsum(~inserted_E) - ~inserted_E
    codes_E = np.zeros(len(operations_E), np.uint8)
    num_bases = int((~gap_E).sum())
    codes_E[~gap_E] = base_codes(truth.sequence)[clipped : clipped + num_bases]
    # an insertion's elements count from the last element that is none
    place_E = np.arange(len(operations_E))
    last_E = np.maximum.accumulate(np.where(inserted_E, -1, place_E)) if len(place_E) else place_E
    return _Elements(codes_E, ccs_E.astype(np.int64), inserted_E, place_E - last_E - 1)


def _columns_of(elements: _Elements, columns_C1: Int64[np.ndarray, " C1"]) -> Int64[np.ndarray, " E"]:
    """The column that each element belongs to; never falls."""
    before_E = np.where(elements.ccs_E > 0, columns_C1[elements.ccs_E - 1], -1)
    inserted = np.minimum(before_E + 1 + elements.run_E, columns_C1[elements.ccs_E] - 1)
    return np.where(elements.inserted_E, np.maximum(inserted, 0), columns_C1[elements.ccs_E])


def _drifting_labels(
    pileup: Pileup, windows: Sequence[Window], elements: _Elements, start_bp: int
) -> list[WindowLabel]:
    """Labels as DeepConsensus cuts them.

    There a truth's inserted bases get places of their own at once and all that follows moves on, so a label's
    columns are not those of the window; a label is what lies between the places of its first and last CCS
    base, gaps included if they fit.
    """
    columns_C1 = pileup.columns_C1
    before_E = np.where(elements.ccs_E > 0, columns_C1[elements.ccs_E - 1], -1) + 1 + elements.run_E
    drift_E = np.cumsum(elements.inserted_E) - elements.inserted_E
    place_E = np.where(
        elements.inserted_E, before_E + drift_E - elements.run_E, columns_C1[elements.ccs_E] + drift_E
    )
    row = np.zeros(int(place_E.max(initial=-1)) + 1, np.uint8)
    row[place_E] = elements.codes_E
    aligned = ~elements.inserted_E
    place_A, ccs_A = place_E[aligned], elements.ccs_E[aligned]
    labels = []
    for window in windows:
        first, end = np.searchsorted(ccs_A, [window.ccs_start_bp, window.ccs_end_bp])
        places = place_A[first:end]
        codes = row[places[0] : places[-1] + 1] if places.any() else row[:0]
        labels.append(_label(codes, window, pileup))
    return labels
