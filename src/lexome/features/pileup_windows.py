"""Windows of a pile-up, and back: which bases of a CCS read no window covers.

Shapes: R rows, W columns of the pile-up, L columns of a window, N windows.

Fixed windows have L columns each, whatever number of CCS bases that is. Smart windows are the stretches of
CCS bases that `ccs` itself worked on (tag wl); inserted columns between two of them belong to the first.
A window with more than L columns is marked as overflow. What is inserted behind the last CCS base belongs to
the last window as far as there is room.

Source: DeepConsensus 1.2. Differs: a window knows where its CCS bases begin and end, so that a missing window
is noticed (`uncovered`) where that program looks at the start alone, in other units; a fixed window
without any CCS base (only possible if long insertions are kept) stays, so that no true base is lost, unless
`like_deepconsensus`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from lexome.core.zmw import Window, ZmwOutcome, ZmwReads
from lexome.features.pileup import Pileup, PileupConfig, pile_up

MAX_SNR = 500  # the last ratio that networks have an embedding for, as in DeepConsensus


def windows_of(zmw: ZmwReads, config: PileupConfig) -> list[Window]:
    """The windows of a ZMW: `pile_up` and `cut_windows` in one.

    Raises:
        UnusableZmwError: if no windows can be made of it.
    """
    return cut_windows(pile_up(zmw, config))


def cut_windows(pileup: Pileup) -> list[Window]:
    """Cuts a pile-up into windows.

    Args:
        pileup: of one ZMW.

    Returns:
        The windows in the order of the read; together they cover all of its bases, each once.

    Raises:
        UnusableZmwError: if smart windows are wanted and the widths are missing or not those of the read.
    """
    config = pileup.config
    borders = _smart_borders(pileup) if config.smart_windows else _fixed_borders(pileup)
    # columns behind the last CCS base make no window of their own
    borders[-1] = max(borders[-1], min(pileup.columns_C1[-1], borders[-2] + config.width))
    first_base = np.searchsorted(pileup.columns_C1[:-1], borders)
    rows_NRL = _filled(pileup, borders)
    windows: list[Window] = []
    for i in range(len(borders) - 1):
        first, end = int(borders[i]), int(borders[i + 1])
        start_bp, end_bp = int(first_base[i]), int(first_base[i + 1])
        if start_bp == end_bp and config.like_deepconsensus:
            continue
        overflow = end - first > config.width
        rows_RL = pileup.rows_RW[:, first:end] if overflow else rows_NRL[i]
        window = Window(
            pileup.zmw.name, len(windows), rows_RL, pileup.zmw.subreads[0].snr, pileup.num_passes,
            start_bp, end_bp, first, end, overflow,
        )  # fmt: skip
        windows.append(window)
    return windows


def _fixed_borders(pileup: Pileup) -> Int64[np.ndarray, " N1"]:
    """The first column of each fixed window, and the column behind the last CCS base."""
    end = int(pileup.columns_C1[-2]) + 1
    return np.append(np.arange(0, end, pileup.config.width), end)


def _smart_borders(pileup: Pileup) -> Int64[np.ndarray, " N1"]:
    """The first column of each smart window, and the column behind the last CCS base."""
    zmw = pileup.zmw
    widths = zmw.ccs.window_widths
    if widths is None:
        reason = "smart windows need the tag wl of the CCS read, and it has none"
        raise zmw.unusable(ZmwOutcome.NO_WINDOW_WIDTHS, reason)
    num_ccs = len(zmw.ccs.sequence)
    # each one is looked at before the sum: large ones could wrap round
    if widths.ndim != 1 or not ((widths >= 1) & (widths <= num_ccs)).all() or widths.sum() != num_ccs:
        reason = f"the widths in the tag wl are not those of windows over {num_ccs} bases"
        raise zmw.unusable(ZmwOutcome.BAD_WINDOW_WIDTHS, reason)
    starts_bp = np.cumsum(widths)[:-1]
    return np.concatenate([[0], pileup.columns_C1[starts_bp], [pileup.columns_C1[-2] + 1]])


def _filled(pileup: Pileup, borders: Int64[np.ndarray, " N1"]) -> UInt8[np.ndarray, "N R L"]:
    """The rows of all windows, filled up to the width with gaps; those of overflow windows stay empty."""
    rows_RW, width = pileup.rows_RW, pileup.config.width
    num_windows = len(borders) - 1
    rows_NRL = np.zeros((num_windows, rows_RW.shape[0], width), np.uint8)
    if pileup.config.smart_windows:
        for i in range(num_windows):
            size = borders[i + 1] - borders[i]
            if size <= width:
                rows_NRL[i, :, :size] = rows_RW[:, borders[i] : borders[i + 1]]
    else:
        whole = num_windows - 1
        cut_RNL = rows_RW[:, : whole * width].reshape(rows_RW.shape[0], whole, width)
        rows_NRL[:whole] = cut_RNL.transpose(1, 0, 2)
        rows_NRL[whole, :, : borders[-1] - borders[-2]] = rows_RW[:, borders[-2] : borders[-1]]
    strands = slice(3 * pileup.config.max_passes, 4 * pileup.config.max_passes)
    rows_NRL[:, strands] = rows_RW[strands, :1]  # also where a window is filled up
    return rows_NRL


def network_rows(windows: Sequence[Window], config: PileupConfig) -> Float32[np.ndarray, "N rows L"]:
    """The rows of windows as a network takes them, with the signal-to-noise ratios as four more rows.

    Args:
        windows: none of them overflows; of any ZMWs.
        config: what they were made with.

    Returns:
        float32[N, R + 4, L]; see `expanded_rows`.
    """
    if not windows:
        return np.zeros((0, config.num_rows + 4, config.width), np.float32)
    compact_NRL = np.stack([window.rows_RL for window in windows])
    return expanded_rows(compact_NRL, np.stack([window.snr for window in windows]), config)


def expanded_rows(
    compact_NRL: UInt8[np.ndarray, "N R L"], snr_N4: Float[np.ndarray, "N 4"], config: PileupConfig
) -> Float32[np.ndarray, "N rows L"]:
    """Rows in compact form as a network takes them.

    Args:
        compact_NRL: as `features.pileup` lists them.
        snr_N4: signal-to-noise ratio of the channels.
        config: what the rows were made with.

    Returns:
        float32[N, R + 4, L]; qualities are Phred scores, -1 at a gap.
    """
    num_windows, _, width = compact_NRL.shape
    rows = np.empty((num_windows, config.num_rows + 4, width), np.float32)
    rows[:, :-4] = compact_NRL
    rows[:, -4:] = snr_N4[:, :, None]
    if config.with_qualities:
        rows[:, config.num_rows - 1] -= 1
    return rows


def clip_ratios(rows_NRL: Float32[np.ndarray, "N rows L"]) -> Float32[np.ndarray, "N rows L"]:
    """The same rows, changed in place: ratios above the last one that networks know become that one."""
    np.clip(rows_NRL[:, -4:], 0, MAX_SNR, out=rows_NRL[:, -4:])
    return rows_NRL


def uncovered(spans_bp: Iterable[tuple[int, int]], length_bp: int) -> list[tuple[int, int]]:
    """The stretches of a read that no window covers: empty if nothing is missing.

    Args:
        spans_bp: `ccs_start_bp` and `ccs_end_bp` of the windows that are there, in any order.
        length_bp: of the CCS read.

    Returns:
        (start, end) of each stretch.

    >>> uncovered([(60, 100), (0, 50)], 120)
    [(50, 60), (100, 120)]
    """
    missing: list[tuple[int, int]] = []
    end = 0
    for start_bp, end_bp in [*sorted(spans_bp), (length_bp, length_bp)]:
        if start_bp > end:
            missing.append((end, start_bp))
        end = max(end, end_bp)
    return missing
