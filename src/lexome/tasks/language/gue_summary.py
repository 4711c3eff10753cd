"""The figures of benchmark tables, from results: scores, differences, averages, ranks, costs.

All contenders of a set are resampled together, so that differences are those of the same sequences. Several
seeds of a contender count as their mean, in every resample too.

Legend: N sequences, K outputs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lexome.core.errors import BadInputError
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig, intervals
from lexome.evaluate.classification import figures_of
from lexome.tasks.language.gue_results import ROLES, Result
from lexome.tasks.language.gue_sets import GROUPS, GUE, KNOWN_SETS

AGAINST = ("kmer", "cnn")  # each contender is compared with these


def summarised(results: Sequence[Result], bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP) -> dict[str, Any]:
    """All figures of the tables, as JSON values; scores are parts of one, not percent.

    Returns:
        "contenders" (names in the order of columns), "sets" (a row each), "averages" (by group, over all and
        over the sets with published protocol), "ranks" (of each contender), "costs" (of each contender).

    Raises:
        BadInputError: if results of one set were made with other data.
    """
    names = _columns(results)
    by_set: dict[str, list[Result]] = {}
    for result in results:
        by_set.setdefault(result.set_name, []).append(result)
    sets = [_set_row(by_set[name], bootstrap) for name in sorted(by_set, key=_place(by_set))]
    return {
        "contenders": names,
        "sets": sets,
        "averages": _averages(sets, names),
        "ranks": {name: _ranks(sets, name) for name in names},
        "costs": {name: _costs([r for r in results if r.contender == name]) for name in names},
        "settings": {name: _settings([r for r in results if r.contender == name]) for name in names},
        "bootstrap": {"resamples": bootstrap.resamples, "seed": bootstrap.seed, "level": bootstrap.level},
    }


def _columns(results: Sequence[Result]) -> list[str]:
    roles = {result.contender: result.data["contender"]["role"] for result in results}
    return sorted(roles, key=lambda name: (ROLES.index(roles[name]), name))


def _place(by_set: Mapping[str, Sequence[Result]]) -> Any:
    known = {described.name: i for i, described in enumerate(KNOWN_SETS)}
    return lambda name: (known.get(name, len(known)), name)


def _set_row(results: Sequence[Result], bootstrap: BootstrapConfig) -> dict[str, Any]:
    """A set's row: of every contender the score and its interval, and differences to the baselines."""
    first = results[0]
    for other in results:
        if other.data["data_sha256"] != first.data["data_sha256"]:
            raise BadInputError(
                f"{other.path} and {first.path} were made with different sequences, or cuts of them; "
                "remove one"
            )
    metric, kind = first.data["set"]["metric"], first.data["kind"]
    runs: dict[str, list[Result]] = {}
    for result in results:
        runs.setdefault(result.contender, []).append(result)
    pairs = [(name, base) for base in AGAINST for name in runs if base in runs and name != base]

    def statistics(drawn: np.ndarray) -> dict[str, float]:
        scores = {name: _score(of_name, metric, kind, drawn) for name, of_name in runs.items()}
        return {**scores, **{pair: scores[pair[0]] - scores[pair[1]] for pair in pairs}}

    everything = np.arange(len(first.truth))
    values = statistics(everything)
    spread = intervals(statistics, len(first.truth), bootstrap)
    scores = {}
    for name, of_name in runs.items():
        each = [_score([one], metric, kind, everything) for one in of_name]
        scores[name] = {
            "value": _known(values[name]),
            "interval": spread[name],
            "seeds": [_known(value) for value in each],
            "cpu_s": sum(one.data["cost"]["cpu_s"] for one in of_name) / len(of_name),
        }
    protocol = first.data["protocol"]
    return {
        "name": first.set_name,
        "group": first.data["set"]["group"],
        "suite": first.data["set"]["suite"],
        "metric": metric,
        "protocol": protocol,
        "published": first.data["set"]["published"] if protocol["published"] else None,
        "sizes": first.data["sizes"],
        "leakage": first.data["leakage"],
        "duplicates": first.data["duplicates"],
        "note": first.data["set"]["note"],
        "scores": scores,
        "differences": {
            base: {
                name: {"value": _known(values[(name, base)]), "interval": spread[(name, base)]}
                for name, other in pairs
                if other == base
            }
            for base in AGAINST
        },
    }


def _score(results: Sequence[Result], metric: str, kind: Any, drawn: np.ndarray) -> float:
    """The mean over seeds; NaN if it is not defined."""
    values = [
        figures_of(kind, one.predictions_NK[drawn], one.truth[drawn], [metric])[metric] for one in results
    ]
    return float(np.mean([np.nan if value is None else value for value in values]))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _averages(sets: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of averages: of each group, of the sets with published protocol, of GUE beside others, of all."""
    groups = dict.fromkeys(row["group"] for row in sets)
    rows = [_average(f"{group}", [r for r in sets if r["group"] == group], names) for group in groups]
    published = [row for row in sets if row["published"] is not None]
    if published:
        rows.append(_average("published protocol", published, names))
    of_gue = [row for row in sets if row["suite"] == GUE]
    if 0 < len(of_gue) < len(sets):
        rows.append(_average(GUE, of_gue, names))
    return [*rows, _average("all", sets, names)]


def _average(label: str, sets: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Macro (all sets alike) and micro (by tested sequences) averages of those who ran all these sets."""
    weights = np.array([row["sizes"]["tested"] for row in sets], float)
    macro: dict[str, float | None] = {}
    micro: dict[str, float | None] = {}
    for name in names:
        values = [row["scores"].get(name, {}).get("value") for row in sets]
        is_whole = all(value is not None for value in values)
        macro[name] = float(np.mean(values)) if is_whole else None
        micro[name] = float(np.average(values, weights=weights)) if is_whole else None
    published = [row["published"] for row in sets]
    return {
        "label": label,
        "title": GROUPS.get(label, label),
        "sets": len(sets),
        "macro": macro,
        "micro": micro,
        "published": float(np.mean(published)) if None not in published else None,
    }


def _ranks(sets: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """On how many sets it is first, and second; how often it beats each baseline, and clearly so."""
    first = second = ran = 0
    for row in sets:
        scores = {n: s["value"] for n, s in row["scores"].items() if s["value"] is not None}
        if name not in scores:
            continue
        ran += 1
        above = sum(value > scores[name] for value in scores.values())
        first += above == 0
        second += above == 1
    wins = {}
    for base in AGAINST:
        differences = [row["differences"][base][name] for row in sets if name in row["differences"][base]]
        known = [one for one in differences if one["value"] is not None]
        wins[base] = {
            "sets": len(known),
            "wins": sum(one["value"] > 0 for one in known),
            "clear_wins": sum(bool(one["interval"] and one["interval"][0] > 0) for one in known),
            "clear_losses": sum(bool(one["interval"] and one["interval"][1] < 0) for one in known),
        }
    return {"sets": ran, "first": first, "second": second, "wins": wins}


def _settings(results: Sequence[Result]) -> dict[str, list[Any]]:
    """What its results were made with: the different values of every setting."""
    found: dict[str, list[Any]] = {}
    for result in results:
        for key, value in result.data["settings"].items():
            values = found.setdefault(key, [])
            if key not in ("contender", "protocol", "data_sha256") and value not in values:
                values.append(value)
    return {key: values for key, values in found.items() if values}


def _costs(results: Sequence[Result]) -> dict[str, Any]:
    """Sizes over its sets, and CPU seconds of all its trainings together."""
    costs = [result.data["cost"] for result in results]

    def over(key: str) -> list[float] | None:
        values = [cost[key] for cost in costs if cost.get(key) is not None]
        return [min(values), float(np.mean(values)), max(values)] if values else None

    return {
        "results": len(costs),
        "cpu_s": sum(cost["cpu_s"] for cost in costs),
        "parameters": over("parameters"),
        "bases_per_token": over("bases_per_token"),
        "relative_flops": over("relative_flops"),
    }
