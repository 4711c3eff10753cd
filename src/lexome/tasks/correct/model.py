"""A read corrector ready to run: network in its engine, how windows are made, how qualities are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from lexome.checkpoint.store import Checkpoint, load
from lexome.core.config import from_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.decode.consensus import MAX_QUALITY, Calibration, parse_calibration
from lexome.engine.pipeline import Key
from lexome.features.input_range import Ranges, read_ranges
from lexome.features.pileup import PileupConfig

R = TypeVar("R")

SKIP_ABOVE = 45.0


class Scorer(Protocol):
    """What runs the network over windows, as `engine.windows.WindowEngine` does."""

    @property
    def num_rows(self) -> int:
        """Rows of a window, with the signal-to-noise ratios."""
        ...

    def run(
        self, items: Iterable[tuple[Key, np.ndarray]], post: Callable[[np.ndarray], R]
    ) -> Iterator[tuple[Key, R]]:
        """Runs (key, rows[R, L]) items in order; `post(scores_LK)` is called in the worker."""
        ...


@dataclass(frozen=True)
class Corrector:
    """What `run.correct_zmws` needs.

    Attributes:
        name: of the model.
        engine: runs the network.
        config: how windows are made.
        calibration: of the qualities that the network gives, or None.
        ccs_calibration: of the qualities of CCS bases that are kept, or None.
        skip_above: windows whose CCS bases have a higher mean quality than this are kept as they are; 0:
            none is.
        max_quality: the highest quality given to a base.
        input_range: of kinetics and signal that the network has learnt from, if that is known.
        digest: tells models of the same name apart.
        int8: the network multiplies in integers of 8 bits.
    """

    name: str
    engine: Scorer
    config: PileupConfig
    calibration: Calibration | None = None
    ccs_calibration: Calibration | None = None
    skip_above: float = SKIP_ABOVE
    max_quality: int = MAX_QUALITY
    input_range: Ranges | None = None
    digest: str = ""
    int8: bool = False


def open_corrector(
    model: str | Path | Checkpoint,
    *,
    threads: int = 1,
    int8: bool = False,
    calibration: str | None = None,
    ccs_calibration: str = "skip",
    skip_above: float = SKIP_ABOVE,
    max_quality: int = MAX_QUALITY,
) -> Corrector:
    """Loads a model for correction.

    Args:
        model: bundled name, folder, or a checkpoint in memory.
        threads: batches at a time.
        int8: multiply in integers of 8 bits.
        calibration: "threshold,w,b" or "skip"; None: the model's own.
        ccs_calibration: the same for CCS bases that are kept.
        skip_above: as in `Corrector`.
        max_quality: as in `Corrector`.

    Returns:
        The corrector.

    Raises:
        UsageError: for an unknown name, a model of another task, or settings that make no sense.
        BadInputError: if the folder is damaged, or the network takes other rows than its features make.
    """
    if not 0 <= max_quality <= MAX_QUALITY:
        raise UsageError(f"the highest quality must be 0 to {MAX_QUALITY}, not {max_quality}")
    if not skip_above >= 0:
        raise UsageError(f"windows cannot be skipped above a quality of {skip_above}; 0 skips none")
    checkpoint = model if isinstance(model, Checkpoint) else load(model)
    if checkpoint.task != "correct":
        raise UsageError(
            f"model {checkpoint.name} is for the task '{checkpoint.task}', not for read correction"
        )
    own = checkpoint.head.config.get("calibration")
    if own is not None and not isinstance(own, str):
        raise BadInputError(f"model {checkpoint.name}, head: the calibration must be text, not {own!r}")
    text = calibration if calibration is not None else own
    predicted = None if text is None else parse_calibration(text)
    kept = parse_calibration(ccs_calibration)
    config = pileup_config(checkpoint)
    # they load onnxruntime, perhaps torch: not before the cheap checks, and not to train
    from lexome.engine.windows import WindowEngine
    from lexome.tasks.basecall.journal import model_digest

    engine = WindowEngine(checkpoint, columns=config.width, int8=int8, threads=threads)
    if engine.num_rows != config.num_rows + 4:
        raise BadInputError(
            f"model {checkpoint.name}: its network takes {engine.num_rows} rows, its features make "
            f"{config.num_rows + 4}"
        )
    return Corrector(
        checkpoint.name, engine, config, predicted, kept, skip_above, max_quality, input_range(checkpoint),
        model_digest(checkpoint), int8,
    )  # fmt: skip


def input_range(checkpoint: Checkpoint) -> Ranges | None:
    """The kinetics and signal that a model has learnt from, as its record says; None if it does not.

    Raises:
        BadInputError: if the record makes no sense.
    """
    stated = checkpoint.provenance.get("input_range")
    if stated is None:
        return None
    try:
        return read_ranges(stated)
    except ValueError as error:
        raise BadInputError(f"model {checkpoint.name}: its record of the input range is damaged") from error


def pileup_config(checkpoint: Checkpoint) -> PileupConfig:
    """How the windows of a model are made: its features; what they leave out follows from its rows.

    Raises:
        UsageError: for an unknown key.
        BadInputError: for a value that makes no sense.
    """
    rows: Any = checkpoint.architecture.config.get("pileup", {})
    defaults: dict[str, Any] = {}
    if isinstance(rows, dict):
        names = {"passes": "max_passes", "ccs_qualities": "with_qualities"}
        defaults = {ours: rows[theirs] for theirs, ours in names.items() if theirs in rows}
    where = f"model {checkpoint.name}, features"
    try:
        return from_dict(PileupConfig, defaults | checkpoint.features, where)
    except ValueError as error:
        raise BadInputError(f"{where}: {error}") from error
