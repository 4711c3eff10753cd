"""Result files of benchmarks: what they hold, how they are written and read.

Legend: N sequences, K outputs.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from lexome.core.errors import BadInputError, UsageError
from lexome.evaluate.classification import METRICS, figure_intervals, figures_of
from lexome.io.partial import explained, partial_of
from lexome.tasks.language.gue_answer import Answer
from lexome.tasks.language.gue_sets import FoundSet
from lexome.tasks.language.gue_splits import Trial
from lexome.tasks.language.labelled import LabelledSet
from lexome.tasks.language.leakage import duplicates, leakage

RESULTS = "results"
ROLES = ("majority", "kmer", "cnn", "scratch", "model")  # in the order of columns
_NEEDED = {
    "set": ("group", "suite", "metric", "published", "note"),
    "protocol": ("text", "published"),
    "sizes": ("tested",),
    "leakage": ("same", "reverse", "lines"),
    "cost": ("cpu_s", "parameters", "bases_per_token", "relative_flops"),
    "data_sha256": ("training", "tested"),
    "settings": (),
}
DNABERT2_PARAMETERS = 113_330_688  # without the tables that tokens are looked up in
DNABERT2_BASES_PER_TOKEN = 4.9


def about_set(found: FoundSet, parts: Sequence[Trial], folds: int) -> dict[str, Any]:
    """All of a result that does not depend on the contender."""
    described, protocol = found.described, found.protocol
    leaks = [leakage(part.training, part.tested) for part in parts]
    copies = [duplicates(part.training) for part in parts]
    return {
        "set": {
            "name": described.name,
            "group": described.group,
            "suite": described.suite,
            "length_bp": described.length_bp,
            "num_classes": parts[0].training.target.num_outputs,
            "metric": described.metric,
            "published": described.published,
            "note": described.note,
        },
        "protocol": {
            "name": protocol.name,
            "text": protocol.value,
            "published": protocol.is_published,
            "folds": folds if len(parts) > 1 else None,
        },
        "kind": parts[0].training.target.kind,
        "sizes": {
            "training": [len(part.training) for part in parts],
            "stopping": [len(part.stopping) for part in parts],
            "tested": sum(len(part.tested) for part in parts),
        },
        "leakage": {
            "same": sum(one.same for one in leaks),
            "reverse": sum(one.reverse for one in leaks),
            "other_label": sum(one.other_label for one in leaks),
            "lines": [one.line("tested", "training") for one in leaks],
        },
        "duplicates": [one.line("training") for one in copies],
        "data_sha256": {
            "training": _data_sha256([s for part in parts for s in (part.training, part.stopping)]),
            "tested": _data_sha256([part.tested for part in parts]),
        },
    }


def _data_sha256(sets: Sequence[LabelledSet]) -> str:
    made = hashlib.sha256()
    for one in sets:
        made.update("\n".join(one.sequences).encode())
        made.update(np.ascontiguousarray(one.truth).tobytes())
    return made.hexdigest()


def scored(answers: Sequence[Answer], parts: Sequence[Trial], kind: Any, result: Path) -> dict[str, Any]:
    """Figures over the tested sequences of all trials; writes the predictions beside the result."""
    predictions_NK = np.concatenate([one.predictions_NK for one in answers])
    truth = np.concatenate([part.tested.truth for part in parts])
    path = predictions_file(result)
    made = {
        "figures": figures_of(kind, predictions_NK, truth),
        "intervals": figure_intervals(kind, predictions_NK, truth),
        "predictions": path.name,
    }
    partial = partial_of(path)
    with explained(path):
        with partial.open("wb") as file:
            np.savez(file, predictions=predictions_NK, truth=truth)
        partial.replace(path)
    return made


def cost(answers: Sequence[Answer]) -> dict[str, Any]:
    """What the trials took together, and the network of the first."""
    first = answers[0]
    relative = None
    if first.network_parameters is not None and first.bases_per_token:
        own = first.network_parameters / first.bases_per_token
        relative = own / (DNABERT2_PARAMETERS / DNABERT2_BASES_PER_TOKEN)
    return {
        "cpu_s": round(sum(one.cpu_s for one in answers), 3),
        "parameters": first.parameters,
        "network_parameters": first.network_parameters,
        "bases_per_token": first.bases_per_token,
        "relative_flops": relative,
    }


def versions() -> dict[str, str]:
    """Of what made a result."""
    names = ("lexome", "torch", "numpy", "scikit-learn")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version_of(name)
        except ModuleNotFoundError:  # an extra
            continue
    return found


def predictions_file(result: Path) -> Path:
    """Where the predictions of a result are."""
    return result.with_suffix(".npz")


def read_json(path: Path) -> dict[str, Any]:
    """Reads a result or settings.

    Raises:
        BadInputError: if it is damaged.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: cannot be read ({error}); remove it") from error
    if not isinstance(read, dict):
        raise BadInputError(f"{path}: is no result of a benchmark; remove it")
    return read


def check_settings(there: dict[str, Any], asked: dict[str, Any], path: Path) -> None:
    """Compares what a result was made with and what is asked for.

    Raises:
        UsageError: if they differ.
    """
    differing = sorted(key for key in {*there, *asked} if there.get(key) != asked.get(key))
    if differing:
        raise UsageError(
            f"{path}: was made with other settings (different: {', '.join(differing)}); choose another "
            "folder or label, or remove it"
        )


@dataclass(frozen=True, eq=False)
class Result:
    """A result as read: its JSON, the predictions (N, K) and the truth."""

    data: Mapping[str, Any]
    predictions_NK: np.ndarray
    truth: np.ndarray
    path: Path

    @property
    def set_name(self) -> str:
        """The set."""
        return self.data["set"]["name"]

    @property
    def contender(self) -> str:
        """Its column."""
        return self.data["contender"]["name"]


def read_results(output: Path) -> list[Result]:
    """All results of a folder that `gue.run_gue` filled.

    Raises:
        UsageError: if there is none.
        BadInputError: if one is damaged.
    """
    paths = sorted((output / RESULTS).rglob("*.json"))
    if not paths:
        raise UsageError(f"{output}: holds no results of `lexome lm gue run`")
    return [_read(path) for path in paths]


def _read(path: Path) -> Result:
    data = read_json(path)
    try:
        # opened here, because numpy leaves a file open that it cannot read
        with predictions_file(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            result = Result(data, arrays["predictions"], arrays["truth"], path)
        _check(result)
    except (OSError, EOFError, LookupError, TypeError, ValueError, BadZipFile) as error:
        raise BadInputError(f"{path}: a damaged result ({error}); remove it and run again") from error
    return result


def _check(result: Result) -> None:
    """Whether a result holds what tables are made of; an error of any kind if not."""
    data = result.data
    for part, keys in _NEEDED.items():
        _ = [data[part][key] for key in keys]
    if not isinstance(result.set_name, str) or not isinstance(result.contender, str):
        raise ValueError("a name is no text")
    if data["contender"]["role"] not in ROLES:
        raise ValueError(f"no contender is called '{data['contender']['role']}'")
    if data["kind"] not in METRICS or data["set"]["metric"] not in METRICS[data["kind"]]:
        raise ValueError(f"no figure '{data['set']['metric']}' for '{data['kind']}'")
    figures_of(data["kind"], result.predictions_NK, result.truth, [data["set"]["metric"]])
