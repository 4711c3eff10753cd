"""The results of a benchmark in its folder, kept model by model, so that a stopped run goes on.

Until all is measured they are in `frontier.json.partial`, then in `frontier.json`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.core.errors import BadInputError, UsageError
from lexome.io.partial import partial_of
from lexome.report.files import write_json

RESULTS = "frontier.json"
SETTINGS = ("lexome_version", "machine", "protocol", "data")
MAX_BYTES = 256 << 20


def read_kept(folder: Path, settings: Mapping[str, Any], *, resume: bool) -> dict[str, Any]:
    """What a folder holds of an earlier run.

    Args:
        folder: of the results; need not exist.
        settings: of the present run, by the names of `SETTINGS`, as plain values.
        resume: whether what is there may be taken.

    Returns:
        `models` and `commands` of the earlier run, both empty if there was none.

    Raises:
        UsageError: if there are results and they were not asked for, or were measured with other settings:
            figures of two machines or of two sets of reads do not belong into one picture.
        BadInputError: if they cannot be read.
    """
    whole = folder / RESULTS
    path = next((one for one in (partial_of(whole), whole) if one.exists()), None)
    if path is None:
        return {"models": [], "commands": []}
    if not resume:
        raise UsageError(f"{path}: holds results; --resume goes on with them, or name another folder with -o")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        there = json.loads(path.read_text(encoding="utf-8"))
        kept = {"models": list(there["models"]), "commands": list(there["commands"])}
        differing = next(_differences({k: there[k] for k in SETTINGS}, settings), None)
        _ = [(model["label"], model["digest"]) for model in kept["models"]]  # those of a model
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{path}: no results of this benchmark that can be read ({error}); remove it to begin anew"
        ) from error
    if differing:
        raise UsageError(
            f"{path}: was measured otherwise and cannot be gone on with: {differing}; name another folder"
        )
    return kept


def keep(folder: Path, figures: Mapping[str, Any]) -> None:
    """Writes what is measured so far."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(partial_of(folder / RESULTS), figures)


def finish(folder: Path, figures: Mapping[str, Any]) -> None:
    """Writes the results of the whole run."""
    write_json(folder / RESULTS, figures)
    partial_of(folder / RESULTS).unlink(missing_ok=True)


def _differences(there: Any, here: Any, name: str = "") -> Iterator[str]:
    """Where two plain values differ, as "machine.processor: A there, B here"."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in {**there, **here}:
            yield from _differences(there.get(key), here.get(key), f"{name}.{key}".removeprefix("."))
    elif _plain(there) != _plain(here):
        yield f"{name}: {there} there, {here} here"


def _plain(value: Any) -> Any:
    """A value as JSON gives it back: tuples are lists."""
    return (
        [_plain(one) for one in value]
        if isinstance(value, Sequence) and not isinstance(value, str)
        else value
    )
