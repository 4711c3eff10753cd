"""The ladder of `lexome compress auto`: which smaller networks are tried, and which do not apply."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lexome.checkpoint.store import Checkpoint
from lexome.compress.low_rank import matrices, ranks_of
from lexome.compress.quantize_config import QuantizeConfig
from lexome.compress.structured import Keep, choose, count_parameters, cuttable, importance_by_norm
from lexome.compress.units import Units
from lexome.core.errors import UsageError, nearest
from lexome.tasks.shrink.quantize import for_int8

Kind = Literal["int8", "int8-tuned", "prune", "low-rank", "student"]
FAMILIES = ("int8", "prune", "low-rank", "student")
SPARSITIES = (0.2, 0.4, 0.65)  # parts of the weights that go, at least
STUDENT_SPARSITY = 0.5
RANK_SHARES = (0.5, 0.25)  # of the width of the widest layer
MULTIPLE = 8  # of widths: what the processor's registers hold
SCOPE = "layer"
INT8_WORDS = "LSTMs in integers of 8 bits"


@dataclass(frozen=True)
class Candidate:
    """A network that is tried.

    Attributes:
        name: also that of its folder.
        kind: how it is made.
        what: in words.
        amount: part of the weights that goes ("prune", "student"), or rank ("low-rank").
        after: the candidate that it is made of; empty: the model itself.
    """

    name: str
    kind: Kind
    what: str
    amount: float = 0.0
    after: str = ""


@dataclass(frozen=True)
class NotTried:
    """What is left out, and why."""

    name: str
    reason: str


def families_of(text: str | None) -> tuple[str, ...]:
    """The families that `--only` names, with commas between them; all of them for None.

    Raises:
        UsageError: for one that is unknown, or none.
    """
    if text is None:
        return FAMILIES
    given = [word.strip() for word in text.split(",") if word.strip()]
    for word in given:
        if word not in FAMILIES:
            raise UsageError(f"--only {text}: there is no '{word}'; {nearest(word, FAMILIES)}")
    if not given:
        raise UsageError(f"--only names nothing; {nearest('', FAMILIES)}")
    return tuple(one for one in FAMILIES if one in given)


def plan_ladder(
    base: Checkpoint, only: Collection[str], *, trains: bool
) -> tuple[list[Candidate], list[NotTried]]:
    """The candidates for a model, the cheap ones first, and what does not apply to it.

    Each network in float is followed by the same network in integers.

    Args:
        base: the model, in float.
        only: families that are wanted.
        trains: whether there are chunks and time to train with.

    Returns:
        Candidates, and what is left out.
    """
    left_out: list[NotTried] = []
    plain: list[Candidate] = []
    if "prune" in only:
        plain += _pruned(base, left_out)
    if "low-rank" in only:
        plain += _thin(base, left_out)
    if "student" in only and not trains:
        left_out.append(
            NotTried("student", "there is nothing to train it with: give --store, and --steps or --minutes")
        )
    elif "student" in only:
        plain += _student(base, left_out)
    ladder: list[Candidate] = []
    as_int8 = "int8" in only and _applies("int8", lambda: for_int8(base, QuantizeConfig(), None), left_out)
    if as_int8:
        ladder.append(Candidate("int8", "int8", INT8_WORDS))
    if as_int8 and trains:
        ladder.append(Candidate("int8-tuned", "int8-tuned", f"{INT8_WORDS}, trained so"))
    for one in plain:
        ladder.append(one)
        if as_int8:
            words = f"{one.what}; {INT8_WORDS}"
            ladder.append(replace(one, name=f"{one.name}+int8", kind="int8", what=words, after=one.name))
    return ladder, left_out


def narrower(base: Checkpoint, sparsity: float) -> tuple[tuple[Units, ...], Keep]:
    """The layers that can be cut, and the units that stay if so much of the weights is to go.

    Raises:
        UsageError: if the model has no such layer, or too few units.
    """
    units = cuttable(base)
    return units, choose(base, units, importance_by_norm(base.weights, units), sparsity, SCOPE, MULTIPLE)


def _pruned(base: Checkpoint, left_out: list[NotTried]) -> list[Candidate]:
    made: dict[str, Candidate] = {}
    for sparsity in SPARSITIES:
        if gone := _share_gone(base, sparsity, f"prune-{round(100 * sparsity)}", left_out):
            name = f"prune-{round(100 * gone)}"
            # coarse widths: two sparsities may give one network
            made[name] = Candidate(name, "prune", f"{gone:.0%} of the weights gone, in whole units", sparsity)
    return list(made.values())


def _student(base: Checkpoint, left_out: list[NotTried]) -> list[Candidate]:
    gone = _share_gone(base, STUDENT_SPARSITY, "student", left_out)
    if not gone:
        return []
    words = f"a new network with {gone:.0%} fewer weights, taught by the model"
    return [Candidate(f"student-{round(100 * gone)}", "student", words, STUDENT_SPARSITY)]


def _share_gone(base: Checkpoint, sparsity: float, name: str, left_out: list[NotTried]) -> float:
    """The part of the weights that really goes; 0, with a reason left, if the model cannot be cut so far."""
    try:
        units, keep = narrower(base, sparsity)
    except UsageError as error:
        left_out.append(NotTried(name, str(error)))
        return 0.0
    whole = {one.layer: np.arange(one.width) for one in units}
    return 1 - count_parameters(base, units, keep) / count_parameters(base, units, whole)


def _thin(base: Checkpoint, left_out: list[NotTried]) -> list[Candidate]:
    try:
        widest = max(min(matrix.shape) for matrix in matrices(base).values())
    except UsageError as error:
        left_out.append(NotTried("low-rank", str(error)))
        return []
    made = []
    for share in RANK_SHARES:
        rank = max(1, round(share * widest))
        name = f"low-rank-{rank}"
        if _applies(name, lambda rank=rank: ranks_of(base, rank=rank), left_out):
            made.append(Candidate(name, "low-rank", f"matrices as products of rank {rank}", float(rank)))
    return made


def _applies(name: str, check: Callable[[], object], left_out: list[NotTried]) -> bool:
    """Whether a method takes the model; if not, its reason is kept."""
    try:
        check()
    except UsageError as error:
        left_out.append(NotTried(name, str(error)))
        return False
    return True
