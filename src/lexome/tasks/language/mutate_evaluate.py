"""How well models foretell children, beside baselines and a ceiling: what `lexome lm mutate evaluate` does.

Source: table 5 of ENBED (Malusare 2024). Differs: baselines, pairs that changed by themselves, intervals; no
sequence of the judged set was trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lexome.core.errors import UsageError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.mutations import Scored, figures, score
from lexome.report.mutations import AMONG, RIGHT, WRONG, Foretold
from lexome.tasks.language.mutate_baselines import CommonChanges, SitesAndSpectrum, copies, oracle
from lexome.tasks.language.mutate_pairs import LEFT_OUT, Pair

COPY, COMMON, SITES, ORACLE = "copy the parent", "common substitutions", "sites x spectrum", "oracle"
_DIFFERENCES = {"copy": COPY, "substitutions": COMMON}


@dataclass(frozen=True)
class MutationFigures:
    """What came out.

    Attributes:
        figures: all of it as plain values.
        scored: of every predictor, by name.
        judged: the pairs, in the order of the scores.
    """

    figures: dict[str, Any]
    scored: dict[str, Scored]
    judged: list[Pair]


def judged_pairs(pairs: Sequence[Pair], split: str) -> list[Pair]:
    """The pairs of a set; "all": every pair that is in one.

    Raises:
        UsageError: if there are none.
    """
    found = [pair for pair in pairs if pair.split == split or (split == "all" and pair.split != LEFT_OUT)]
    if not found:
        raise UsageError(f"there are no pairs of the set '{split}'")
    return found


def evaluate_mutations(
    pairs: Sequence[Pair],
    split: str,
    foretold: Mapping[str, Sequence[Sequence[str]]],
    bootstrap: BootstrapConfig,
) -> MutationFigures:
    """Judges predictors and baselines on the pairs of a set.

    Args:
        pairs: all, with their sets; baselines count in those for training.
        split: the set.
        foretold: by the name of a model its candidates for every pair of `judged_pairs`, the best first.
        bootstrap: how intervals are made.

    Raises:
        UsageError: if the set has no pairs.
    """
    judged, training = judged_pairs(pairs, split), [pair for pair in pairs if pair.split == "training"]
    parents = [pair.parent for pair in judged]
    common, sites = CommonChanges(training), SitesAndSpectrum(training)
    systems: list[tuple[str, str, Sequence[Sequence[str]]]] = [
        (COPY, "baseline", copies(parents)),
        (COMMON, "baseline", [common.candidates(parent) for parent in parents]),
        (SITES, "baseline", [sites.candidates(parent) for parent in parents]),
        *((name, "model", candidates) for name, candidates in foretold.items()),
        (ORACLE, "ceiling", oracle(judged)),
    ]
    children = [pair.child for pair in judged]
    scored = {name: score(candidates, children) for name, _, candidates in systems}
    is_changed = np.array([pair.is_changed for pair in judged])
    places = {"all": np.arange(len(judged)), "changed": np.flatnonzero(is_changed)}
    rows = [
        {
            "name": name,
            "kind": kind,
            **{part: _figures(scored, name, parents, at, bootstrap) for part, at in places.items()},
        }
        for name, kind, _ in systems
    ]
    return MutationFigures(
        {
            "split": split,
            "pairs": {part: len(at) for part, at in places.items()},
            "parents": {part: len({parents[i] for i in at}) for part, at in places.items()},
            "training_pairs": len(training),
            "systems": rows,
        },
        scored,
        judged,
    )


def _figures(
    scored: Mapping[str, Scored],
    name: str,
    parents: Sequence[str],
    places: np.ndarray,
    bootstrap: BootstrapConfig,
) -> dict[str, Any]:
    against = {short: other for short, other in _DIFFERENCES.items() if other != name}
    return figures(
        _some(scored[name], places),
        [parents[int(i)] for i in places],
        bootstrap,
        {short: _some(scored[other], places) for short, other in against.items()},
    )


def _some(scored: Scored, places: np.ndarray) -> Scored:
    return Scored(scored.first[places], scored.among[places], scored.distance[places])


def tree_of(pairs: Sequence[Pair], result: MutationFigures, system: str) -> Foretold:
    """The whole tree, with what became of the judged branches; several roots hang on one more node."""
    of = {pair.child_id: i for i, pair in enumerate(result.judged)}
    scored, children = result.scored[system], {pair.child_id for pair in pairs}
    below: dict[str, list[Pair]] = {}
    for pair in pairs:
        below.setdefault(pair.parent_id, []).append(pair)
    roots = [name for name in below if name not in children]
    nodes: list[tuple[int, Pair | None]] = [(-1, None)] if len(roots) > 1 else []
    open_: list[tuple[str, int, Pair | None]] = [(name, len(nodes) - 1, None) for name in roots]
    while open_:
        name, parent, branch = open_.pop()
        nodes.append((parent, branch))
        open_ += [(pair.child_id, len(nodes) - 1, pair) for pair in below.get(name, [])]

    def outcome(pair: Pair | None) -> str:
        i = None if pair is None else of.get(pair.child_id)
        if i is None:
            return ""
        return RIGHT if scored.first[i] else AMONG if scored.among[i] else WRONG

    return Foretold(
        system,
        [parent for parent, _ in nodes],
        [outcome(pair) for _, pair in nodes],
        [pair is not None and pair.is_changed for _, pair in nodes],
    )
