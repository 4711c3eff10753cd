"""The route of a ZMW: subreads -> pile-up -> windows -> network -> one corrected read.

Windows of many ZMWs share the batches; memory does not grow with the number of ZMWs.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from jaxtyping import Float, UInt8

from lexome.core.errors import LexomeError
from lexome.core.zmw import Ccs, UnusableZmwError, Window, ZmwOutcome, ZmwReads
from lexome.decode.consensus import call_columns, probabilities, spell
from lexome.dp.kernels.edit import matches_and_edits
from lexome.features.pileup_windows import clip_ratios, network_rows, windows_of
from lexome.tasks.correct.model import Corrector
from lexome.tasks.correct.stitch import MissingWindowError, Piece, mean_quality, stitch

MAX_OPEN = 100  # ZMWs on their way; with more of them the engine finishes what it has first

Called = tuple[str, np.ndarray]


class Fate(StrEnum):
    """What is done with a window."""

    CORRECTED = "corrected"
    SKIPPED = "skipped"  # its CCS bases are good enough
    OVERFLOW = "overflow"  # it is wider than what the network takes


class Failure(StrEnum):
    """Why a ZMW with windows gives no read; the values are meant for a table."""

    NO_SCORES = "no_scores"  # the network gives something that is no number
    MISSING_WINDOW = "missing_window"


@dataclass(frozen=True)
class NotCorrected:
    """A ZMW that gives no read, and why."""

    name: str
    outcome: ZmwOutcome | Failure
    reason: str


@dataclass(frozen=True)
class Corrected:
    """A corrected read.

    Attributes:
        ccs: what was corrected.
        sequence: the corrected bases.
        qualities: of these, Phred scores (uint8).
        fates: how many windows of the read had which fate.
        changes: substituted, inserted and deleted bases, counted window by window.
        num_passes: subreads that the network saw.
        num_unused: subreads that were left out.
    """

    ccs: Ccs
    sequence: str
    qualities: np.ndarray
    fates: dict[Fate, int]
    changes: int
    num_passes: int
    num_unused: int


@dataclass(eq=False)
class _OpenZmw:
    """A ZMW whose windows are on their way; of its subreads nothing is kept but in those not yet called."""

    ccs: Ccs
    num_passes: int
    num_unused: int
    spans_bp: list[tuple[int, int]]
    fates: list[Fate]
    called: dict[int, Called | None] = field(default_factory=dict)  # by the number of the window

    @property
    def is_complete(self) -> bool:
        return len(self.called) == self.fates.count(Fate.CORRECTED)


def correct_zmws(
    zmws: Iterable[ZmwReads], corrector: Corrector, on_failure: Callable[[NotCorrected], None]
) -> Iterator[Corrected]:
    """Corrects ZMWs, in input order.

    A ZMW that cannot be corrected is reported and left out; it never stops the others. A read does not
    depend on its neighbours. If `zmws` fails, all ZMWs before are corrected first.

    Args:
        zmws: read ahead only as far as the engine's batches need.
        corrector: network and settings.
        on_failure: told of every ZMW that gives no read.

    Yields:
        One read for every other ZMW; it has no bases if the network found none.

    Raises:
        LexomeError: as `zmws` does, at the end.
    """
    feed = _Feed(iter(zmws), corrector, on_failure)

    def call(scores_LK: np.ndarray) -> Called | None:
        return call_window(scores_LK, corrector)

    while not feed.has_ended:
        for (zmw, index), called in corrector.engine.run(feed.windows(), call):
            zmw.called[index] = called
            yield from _finished(feed.opened, corrector, on_failure)
        # none is under way any more: what is not complete now lacks a window for good
        yield from _finished(feed.opened, corrector, on_failure, also_incomplete=True)
    if feed.error is not None:
        raise feed.error


class _Feed:
    """Gives out the windows for the network, and keeps track of the ZMWs that they are of."""

    def __init__(
        self, zmws: Iterator[ZmwReads], corrector: Corrector, on_failure: Callable[[NotCorrected], None]
    ) -> None:
        self.opened: deque[_OpenZmw] = deque()
        self.has_ended = False
        self.error: LexomeError | None = None
        self._zmws, self._corrector, self._on_failure = zmws, corrector, on_failure

    def windows(self) -> Iterator[tuple[tuple[_OpenZmw, int], Float[np.ndarray, "R L"]]]:
        """Windows until all are given out, or too many ZMWs wait to be finished."""
        config = self._corrector.config
        while len(self.opened) < MAX_OPEN:
            try:
                zmw = next(self._zmws, None)
            except LexomeError as error:  # what is on its way is finished first
                self.error, zmw = error, None
            if zmw is None:
                self.has_ended = True
                return
            try:
                windows = self._windows_of(zmw)
            except UnusableZmwError as error:
                report = error.report
                self._on_failure(NotCorrected(report.name, report.outcome, report.detail))
                continue
            fates = [fate_of(window, zmw.ccs, self._corrector.skip_above) for window in windows]
            spans_bp = [(window.ccs_start_bp, window.ccs_end_bp) for window in windows]
            opened = _OpenZmw(zmw.ccs, windows[0].num_passes, sum(zmw.unused.values()), spans_bp, fates)
            self.opened.append(opened)
            for index, (window, fate) in enumerate(zip(windows, fates, strict=True)):
                if fate == Fate.CORRECTED:
                    yield (opened, index), clip_ratios(network_rows([window], config))[0]

    def _windows_of(self, zmw: ZmwReads) -> list[Window]:
        if self._corrector.config.with_qualities and zmw.ccs.qualities is None:
            raise zmw.unusable(
                ZmwOutcome.MALFORMED, "the model needs qualities of the CCS read, and it has none"
            )
        return windows_of(zmw, self._corrector.config)


def fate_of(window: Window, ccs: Ccs, skip_above: float) -> Fate:
    """What is to be done with a window.

    Args:
        window: of the read.
        ccs: the read; without qualities no window of it is skipped.
        skip_above: a window is skipped if the mean quality of its CCS bases is higher; 0: none is.
    """
    if window.overflow:
        return Fate.OVERFLOW
    if skip_above == 0 or ccs.qualities is None or window.ccs_start_bp == window.ccs_end_bp:
        return Fate.CORRECTED
    quality = mean_quality(ccs.qualities[window.ccs_start_bp : window.ccs_end_bp])
    return Fate.SKIPPED if quality > skip_above else Fate.CORRECTED


def call_window(scores_LK: Float[np.ndarray, "L K"], corrector: Corrector) -> Called | None:
    """Bases and qualities of a window from its scores; None if a score is no number."""
    if not np.isfinite(scores_LK).all():
        return None
    symbols_NL, qualities_NL = call_columns(
        probabilities(scores_LK[None]), corrector.calibration, corrector.max_quality
    )
    return spell(symbols_NL[0], qualities_NL[0])


def _finished(
    opened: deque[_OpenZmw],
    corrector: Corrector,
    on_failure: Callable[[NotCorrected], None],
    also_incomplete: bool = False,
) -> Iterator[Corrected]:
    """The reads at the head of the queue whose windows are all there."""
    while opened and (also_incomplete or opened[0].is_complete):
        zmw = opened.popleft()
        if None in zmw.called.values():
            reason = "the network gives scores that are no numbers; is the model damaged?"
            on_failure(NotCorrected(zmw.ccs.name, Failure.NO_SCORES, reason))
            continue
        try:
            yield _joined(zmw, corrector)
        except MissingWindowError as error:
            reason = f"{error}; please report this as a bug of lexome"
            on_failure(NotCorrected(zmw.ccs.name, Failure.MISSING_WINDOW, reason))


def _joined(zmw: _OpenZmw, corrector: Corrector) -> Corrected:
    kept_C = _kept_qualities(zmw.ccs, corrector)
    pieces: list[Piece] = []
    changes = 0
    for i, ((start_bp, end_bp), fate) in enumerate(zip(zmw.spans_bp, zmw.fates, strict=True)):
        before = zmw.ccs.sequence[start_bp:end_bp]
        found = zmw.called.get(i) if fate == Fate.CORRECTED else (before, kept_C[start_bp:end_bp])
        if found is not None:  # else `stitch` finds it missing
            pieces.append(Piece(i, start_bp, end_bp, *found))
            changes += _edits(before, found[0])
    sequence, qualities = stitch(pieces, len(zmw.fates), len(zmw.ccs.sequence))
    fates = {fate: zmw.fates.count(fate) for fate in Fate}
    return Corrected(zmw.ccs, sequence, qualities, fates, changes, zmw.num_passes, zmw.num_unused)


def _kept_qualities(ccs: Ccs, corrector: Corrector) -> UInt8[np.ndarray, " C"]:
    """The qualities of CCS bases where they are kept; 0 (nothing is known) if the read has none."""
    if ccs.qualities is None:
        return np.zeros(len(ccs.sequence), np.uint8)
    quality = ccs.qualities.astype(np.float64)
    if corrector.ccs_calibration is not None:
        quality = corrector.ccs_calibration(quality)
    return np.round(np.clip(quality, 0, corrector.max_quality)).astype(np.uint8)


def _edits(before: str, after: str) -> int:
    if before == after:
        return 0
    codes = [np.frombuffer(text.encode("ascii", "replace"), np.uint8) for text in (before, after)]
    return int(matches_and_edits(*codes)[1])
