"""What an experiment's finished trials say together: one row for all seeds of a network.

Shapes: S seeds, C chunks.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from lexome.evaluate.paired import difference, mean_interval
from lexome.tasks.bench.published import published
from lexome.tasks.bench.sets import EXPERIMENTS
from lexome.tasks.bench.trials import (
    VALIDATION,
    Result,
    Settings,
    Trial,
    read_identities,
    read_result,
)


def summary(experiment: str, trials: Sequence[Trial], settings: Settings, folder: Path) -> dict[str, Any]:
    """The figures of an experiment, ready for JSON.

    Args:
        experiment: a key of `EXPERIMENTS`.
        trials: of it, finished or not.
        settings: of them.
        folder: that holds their folders.

    Returns:
        `rows`: for every network its labels, parameters, the seeds there are, and per judged store the mean
        label identity over chunks and seeds with its 95 % bootstrap interval over chunks, each seed's own
        mean, and the mean loss; `missing`: trials that are not finished; `ordering`: see `ordering`.
    """
    asked = EXPERIMENTS[experiment]
    groups: dict[tuple[Any, ...], list[Trial]] = {}
    for trial in trials:
        groups.setdefault(tuple(sorted(trial.labels.items())), []).append(trial)
    rows, missing = [], []
    for members in groups.values():
        found = [(trial, read_result(folder / trial.name)) for trial in members]
        missing += [trial.name for trial, result in found if result is None]
        results = [result for _, result in found if result is not None]
        if results:
            rows.append(_row(experiment, results, folder))
    return {
        "experiment": experiment,
        "what": asked.what,
        "place": asked.place,
        "columns": list(asked.columns),
        "settings": settings.described(),
        "rows": rows,
        "missing": missing,
        "ordering": ordering(rows, folder),
    }


def _row(experiment: str, results: Sequence[Result], folder: Path) -> dict[str, Any]:
    """One network, all its seeds."""
    done = [result for result in results if not result.failure]
    labels = dict(results[0].labels)
    of_thesis = published(experiment, labels)
    return {
        "labels": labels,
        "parameters": max((result.parameters for result in done), default=0),
        "seeds": [result.seed for result in done],
        "trials": [result.trial for result in done],
        "failures": [f"seed {result.seed}: {result.failure}" for result in results if result.failure],
        "training_s": [result.seconds for result in done],
        "thesis": None if of_thesis is None else {"what": of_thesis[0], "value": of_thesis[1]},
        "figures": {store: _figures(done, store, folder) for store in (done[0].figures if done else ())},
    }


def _figures(results: Sequence[Result], store: str, folder: Path) -> dict[str, Any]:
    identities_SC = np.stack([read_identities(folder / result.trial, store) for result in results])
    interval = mean_interval(identities_SC.mean(axis=0))
    return {
        "identity": float(identities_SC.mean()),
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "by_seed": identities_SC.mean(axis=1).tolist(),
        "loss": float(np.mean([result.figures[store]["loss"] for result in results])),
        "chunks": int(identities_SC.shape[1]),
    }


def ordering(rows: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, Any] | None:
    """Whether two networks stand to each other as in the thesis, for all pairs of the same width there.

    Returns:
        `agree` and `disagree` pairs whose difference in label identity on the validation chunks is consistent
        (`evaluate.paired`; with one seed, of the two networks and not of all that could be trained so),
        `unclear` the other ones, `pairs` that differ in the thesis; None if it has no two of them.
    """
    known = [row for row in rows if row["thesis"] is not None and row["figures"]]
    agree, disagree, unclear = [], [], []
    for first, second in combinations(known, 2):
        if first["labels"].get("width") != second["labels"].get("width"):
            continue
        there = first["thesis"]["value"] - second["thesis"]["value"]
        if there == 0:
            continue
        seeds = range(min(len(first["trials"]), len(second["trials"])))
        first_SC, second_SC = (
            np.stack([read_identities(folder / row["trials"][s], VALIDATION) for s in seeds])
            for row in (first, second)
        )
        here = difference(first_SC, second_SC)
        pair = {
            "first": first["labels"], "second": second["labels"], "here": here.mean, "thesis": there,
        }  # fmt: skip
        if not here.is_consistent:
            unclear.append(pair)
        else:
            (agree if (here.mean > 0) == (there > 0) else disagree).append(pair)
    total = len(agree) + len(disagree) + len(unclear)
    return None if not total else {
        "pairs": total, "agree": agree, "disagree": disagree, "unclear": unclear,
    }  # fmt: skip
