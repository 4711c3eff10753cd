"""The figures of benchmark tables, from results: scores, differences, averages, ranks, costs.

All contenders of a set are resampled together, so that differences are those of the same sequences. Several
seeds of a contender count as their mean, in every resample too.

Legend: N sequences, R resamples.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    judged = [_judged(by_set[name], bootstrap) for name in sorted(by_set, key=_place(by_set))]
    sets = [one.row for one in judged]
    return {
        "contenders": names,
        "sets": sets,
        "averages": _averages(judged, names, bootstrap),
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


@dataclass(frozen=True, eq=False)
class _Judged:
    """A set's row, and its scores and differences in every resample (R,), by `_pair` of names."""

    row: dict[str, Any]
    resampled: dict[str, np.ndarray]


def _pair(name: str, base: str = "") -> str:
    """What the difference of a contender and a baseline is called; its score without a baseline."""
    return f"{name}\t{base}" if base else name


def _judged(results: Sequence[Result], bootstrap: BootstrapConfig) -> _Judged:
    """Scores of all contenders on a set with intervals, and differences to the baselines."""
    first = results[0]
    for other in results:
        is_same = other.data["data_sha256"] == first.data["data_sha256"]
        if not is_same or not np.array_equal(other.truth, first.truth):
            raise BadInputError(
                f"{other.path} and {first.path} were made with different sequences, or cuts of them; "
                "remove one"
            )
    metric, kind = first.data["set"]["metric"], first.data["kind"]
    runs: dict[str, list[Result]] = {}
    for result in results:
        runs.setdefault(result.contender, []).append(result)
    pairs = [(name, base) for base in AGAINST for name in runs if base in runs and name != base]
    drawn_values: list[dict[str, float]] = []

    def statistics(drawn: np.ndarray) -> dict[str, float]:
        values = {name: _score(of_name, metric, kind, drawn) for name, of_name in runs.items()}
        values |= {_pair(name, base): values[name] - values[base] for name, base in pairs}
        drawn_values.append(values)
        return values

    spread = intervals(statistics, len(first.truth), bootstrap)
    whole, *resamples = drawn_values  # the first one is of all sequences
    everything = np.arange(len(first.truth))
    scores = {
        name: {
            "value": _known(whole[name]),
            "interval": spread[name],
            "seeds": [_known(_score([one], metric, kind, everything)) for one in of_name],
            "cpu_s": sum(one.data["cost"]["cpu_s"] for one in of_name) / len(of_name),
        }
        for name, of_name in runs.items()
    }
    differences: dict[str, dict[str, Any]] = {base: {} for base in AGAINST}
    for name, base in pairs:
        key = _pair(name, base)
        differences[base][name] = {"value": _known(whole[key]), "interval": spread[key]}
    protocol = first.data["protocol"]
    row = {
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
        "differences": differences,
    }
    return _Judged(row, {key: np.array([one[key] for one in resamples]) for key in whole})


def _score(results: Sequence[Result], metric: str, kind: Any, drawn: np.ndarray) -> float:
    """The mean over seeds; NaN if it is not defined."""
    values = [
        figures_of(kind, one.predictions_NK[drawn], one.truth[drawn], [metric])[metric] for one in results
    ]
    return float(np.mean([np.nan if value is None else value for value in values]))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _averages(
    judged: Sequence[_Judged], names: Sequence[str], bootstrap: BootstrapConfig
) -> list[dict[str, Any]]:
    """Rows of averages: of each group, of the sets with published protocol, of GUE beside others, of all."""
    kinds = {
        group: [one for one in judged if one.row["group"] == group]
        for group in dict.fromkeys(one.row["group"] for one in judged)
    }
    kinds["published protocol"] = [one for one in judged if one.row["published"] is not None]
    of_gue = [one for one in judged if one.row["suite"] == GUE]
    kinds[GUE] = of_gue if len(of_gue) < len(judged) else []
    kinds["all"] = list(judged)
    return [_average(label, sets, names, bootstrap) for label, sets in kinds.items() if sets]


def _average(
    label: str, judged: Sequence[_Judged], names: Sequence[str], bootstrap: BootstrapConfig
) -> dict[str, Any]:
    """Macro (all sets alike) and micro (by tested sequences) averages of those who ran all these sets."""
    weights = [one.row["sizes"]["tested"] for one in judged]
    macro: dict[str, Any] = {}
    micro: dict[str, float | None] = {}
    for name in names:
        macro[name] = _macro([one.row["scores"].get(name) for one in judged], judged, name, bootstrap)
        value = macro[name]["value"]
        scores = [one.row["scores"][name]["value"] for one in judged] if value is not None else []
        micro[name] = float(np.average(scores, weights=weights)) if scores else None
    published = [score for one in judged if (score := one.row["published"]) is not None]
    return {
        "label": label,
        "title": GROUPS.get(label, label),
        "sets": len(judged),
        "macro": macro,
        "micro": micro,
        "differences": {
            base: {
                name: _macro(
                    [one.row["differences"][base].get(name) for one in judged], judged, _pair(name, base),
                    bootstrap,
                )
                for name in names
                if name != base
            }
            for base in AGAINST
        },
        "published": float(np.mean(published)) if len(published) == len(judged) else None,
    }  # fmt: skip


def _macro(
    scores: Sequence[Mapping[str, Any] | None],
    judged: Sequence[_Judged],
    key: str,
    bootstrap: BootstrapConfig,
) -> dict[str, Any]:
    """The mean over sets and its interval; None if a set has no score.

    Sets are resampled each by itself: their resamples, which come from one seed, are put in different orders.
    """
    known = [score for score in scores if score is not None and score["value"] is not None]
    if len(known) < len(scores):
        return {"value": None, "interval": None}
    value = float(np.mean([score["value"] for score in known]))
    if any(score["interval"] is None for score in known):
        return {"value": value, "interval": None}
    mixed = []
    for one in judged:
        rng = np.random.default_rng([bootstrap.seed, zlib.crc32(one.row["name"].encode())])
        mixed.append(rng.permutation(one.resampled[key]))
    means_R = np.mean(mixed, axis=0)
    tail = 50.0 * (1.0 - bootstrap.level)
    low, high = np.nanpercentile(means_R, [tail, 100.0 - tail])
    return {"value": value, "interval": (float(low), float(high))}


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
