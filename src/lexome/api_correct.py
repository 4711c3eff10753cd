"""Read correction from Python: the work of `lexome correct`. Found as `lexome.load_corrector`.

Nothing inside the package imports this module.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lexome.core.cores import usable_cores
from lexome.io.subreads import read_zmws
from lexome.tasks.correct.model import SKIP_ABOVE, Corrector, open_corrector
from lexome.tasks.correct.run import Corrected, NotCorrected, correct_zmws

__all__ = ["Corrected", "NotCorrected", "ReadCorrector", "load_corrector"]

OnFailure = Callable[[NotCorrected], None]


def load_corrector(
    model: str | os.PathLike[str],
    *,
    threads: int | None = None,
    int8: bool = False,
    skip_windows_above: float = SKIP_ABOVE,
    calibration: str | None = None,
) -> "ReadCorrector":
    """Loads a model that corrects PacBio reads.

    Args:
        model: name of a bundled model, or the folder of one.
        threads: batches worked on at a time; None: all cores. The reads do not depend on it.
        int8: multiply in integers of 8 bits: faster, a little less exact.
        skip_windows_above: keep windows whose CCS bases have a higher mean quality; 0: correct all.
        calibration: "threshold,w,b" or "skip"; None: the model's own.

    Returns:
        The corrector.

    Raises:
        UsageError: for an unknown name, a model of another task, or settings that make no sense.
        BadInputError: if the model's folder is damaged.
    """
    return ReadCorrector(
        open_corrector(
            model if isinstance(model, str) else Path(model), threads=threads or usable_cores(), int8=int8,
            skip_above=skip_windows_above, calibration=calibration,
        )
    )  # fmt: skip


class ReadCorrector:
    """A model ready to correct reads; made by `load_corrector`."""

    def __init__(self, corrector: Corrector) -> None:
        self._corrector = corrector

    def __repr__(self) -> str:
        return f"<ReadCorrector {self.name}>"

    @property
    def name(self) -> str:
        """The model's name."""
        return self._corrector.name

    def correct(
        self,
        subreads: str | os.PathLike[str],
        ccs: str | os.PathLike[str],
        on_failure: OnFailure = lambda one: None,
    ) -> Iterator[Corrected]:
        """Corrects CCS reads with their subreads, one after the other, in the order of the subreads.

        Reads of any quality are given: `Corrected.qualities` are there to choose by.

        Args:
            subreads: BAM of subreads aligned to their CCS reads, together by ZMW.
            ccs: BAM of the CCS reads, in any order.
            on_failure: told of every ZMW that gives no read, and why.

        Yields:
            The corrected reads; memory does not grow with their number.

        Raises:
            BadInputError: if a file cannot be read or is damaged; what stands before the damage is yielded.
        """
        zmws = read_zmws(
            Path(subreads), Path(ccs), lambda r: on_failure(NotCorrected(r.name, r.outcome, r.detail))
        )
        yield from correct_zmws(zmws, self._corrector, on_failure)
