"""On what the reads of a correction depend: kept beside an unfinished output, compared on `--resume`."""

from collections.abc import Iterator
from dataclasses import dataclass

from lexome.decode.consensus import Calibration
from lexome.tasks.basecall.journal import InputFile, named_differences
from lexome.tasks.correct.model import Corrector
from lexome.tasks.correct.outcomes import Filters

_WORDS = {
    "lexome": "lexome",
    "model": "model",
    "int8": "--int8",
    "calibration": "calibration",
    "ccs_calibration": "calibration of CCS bases",
    "skip_above": "windows skipped above",
    "max_quality": "highest quality of a base",
    "min_quality": "lowest quality of a read",
    "min_length_bp": "fewest bases of a read",
    "shard": "shard",
}


@dataclass(frozen=True)
class CorrectSettings:
    """What the records of an output depend on; a journal (`basecall.journal`) holds it.

    Attributes:
        lexome: the version.
        model: its name.
        model_digest: a hash of its weights and configuration.
        int8: whether it multiplies in integers.
        calibration: of the network's qualities, "threshold,w,b" or None.
        ccs_calibration: of the qualities of CCS bases, likewise.
        skip_above: as in `Corrector`.
        max_quality: as in `Corrector`.
        min_quality: as in `Filters`.
        min_length_bp: as in `Filters`.
        shard: "2/8" or None.
        subreads: the file of the subreads.
        ccs: the file of the CCS reads.
    """

    lexome: str
    model: str
    model_digest: str
    int8: bool
    calibration: str | None
    ccs_calibration: str | None
    skip_above: float
    max_quality: int
    min_quality: float
    min_length_bp: int
    shard: str | None
    subreads: InputFile
    ccs: InputFile

    @classmethod
    def of(
        cls, corrector: Corrector, filters: Filters, version: str, shard: str | None, *files: InputFile
    ) -> "CorrectSettings":
        """The settings of a run.

        Args:
            corrector: what it corrects with.
            filters: which reads pass.
            version: of lexome.
            shard: "2/8" or None.
            files: the subreads and the CCS reads.
        """
        subreads, ccs = files
        return cls(
            version, corrector.name, corrector.digest, corrector.int8, _as_text(corrector.calibration),
            _as_text(corrector.ccs_calibration), float(corrector.skip_above), corrector.max_quality,
            float(filters.min_quality), filters.min_length_bp, shard, subreads, ccs,
        )  # fmt: skip

    def differences_from(self, there: "CorrectSettings") -> Iterator[str]:
        """In words, how these settings differ from those of an interrupted run."""
        yield from named_differences(there, self, _WORDS)
        for what, before, now in (
            ("subreads", there.subreads, self.subreads),
            ("CCS reads", there.ccs, self.ccs),
        ):
            if before.name != now.name:
                yield f"{what} {before.name} there, {now.name} here"
            elif before.size != now.size:
                yield f"the size of {now.name} has changed"


def _as_text(calibration: Calibration | None) -> str | None:
    if calibration is None:
        return None
    return f"{calibration.threshold!r},{calibration.scale!r},{calibration.bias!r}"
