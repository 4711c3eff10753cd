"""Which candidate is kept, and what is said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SAME_SPEED = 0.97  # of the fastest: timings differ by as much without a reason


@dataclass(frozen=True)
class Bounds:
    """What is asked for: at least so many times as fast per CPU-second, at most so much identity lost."""

    target_speedup: float = 2.0
    max_identity_loss: float = 0.005


@dataclass(frozen=True)
class Choice:
    """The candidate that is kept, None if there is none, and sentences that say why."""

    name: str | None
    lines: tuple[str, ...]


def meets(row: Mapping[str, Any], bounds: Bounds) -> tuple[bool, bool]:
    """Whether a candidate is accurate enough (by the point estimate), and whether it is fast enough."""
    return (
        row["loss"]["mean"] <= bounds.max_identity_loss,
        _speedup(row) >= bounds.target_speedup,
    )


def choose(rows: Sequence[Mapping[str, Any]], bounds: Bounds) -> Choice:
    """The fastest candidate whose loss is within the bound, if it is faster than the model.

    Of several that are about as fast (`SAME_SPEED`, and on the same side of the target) the one with the
    least loss is taken.

    Args:
        rows: of each candidate at least "name", "loss" (`IdentityLoss`) and "speed" (`CallingSpeed`), as
            plain values; at least one.
        bounds: what is asked for.
    """
    within = [row for row in rows if meets(row, bounds)[0]]
    loss = _points(bounds.max_identity_loss)
    if not within:
        nearest = min(rows, key=lambda row: row["loss"]["mean"])
        lost = _points(nearest["loss"]["mean"])
        return Choice(
            None,
            (f"no candidate loses at most {loss} of identity; the least is {lost} ({nearest['name']})",),
        )
    fastest = max(within, key=_speedup)
    if _speedup(fastest) <= 1:
        return Choice(
            None,
            (
                f"no candidate that loses at most {loss} of identity is faster than the model; the fastest "
                f"is {fastest['name']}, {_speedup(fastest):.2f} times its speed: keep the model as it is",
            ),
        )
    floor = bounds.target_speedup if _speedup(fastest) >= bounds.target_speedup else 1.0
    least = max(floor, SAME_SPEED * _speedup(fastest))
    alike = [row for row in within if _speedup(row) >= least]
    best = min(alike, key=lambda row: row["loss"]["mean"])
    lines = [_verdict(best, bounds)]
    interval = best["loss"]["interval"]
    if interval is None or interval[1] > bounds.max_identity_loss:
        lines.append(
            f"the interval of its loss goes beyond the bound of {loss}: with these reads it is not sure that "
            "it keeps to it; more --reads make that clearer"
        )
    return Choice(best["name"], tuple(lines))


def _speedup(row: Mapping[str, Any]) -> float:
    return row["speed"]["speedup_cpu"]


def _verdict(row: Mapping[str, Any], bounds: Bounds) -> str:
    speedup, lost = _speedup(row), row["loss"]["mean"]
    said = f"{row['name']}: {speedup:.2f} times the samples per CPU-second, {_lost(lost)} identity"
    if speedup >= bounds.target_speedup:
        return f"chosen: {said}; both bounds are met on the reads that choose"
    return (
        f"TARGET NOT REACHED: no candidate within the loss is {bounds.target_speedup:g} times as fast; kept "
        f"is the fastest, {said}"
    )


def judge_report(report: Mapping[str, Any], bounds: Bounds) -> tuple[str, str]:
    """What the reads that took no part in the choice say of both bounds.

    Args:
        report: the chosen candidate's "loss" and "speed" on them, as plain values.
        bounds: what is asked for.

    Returns:
        A sentence on the loss and one on the speed.
    """
    where, loss, speedup = "on the reads kept for the report", report["loss"], _speedup(report)
    bound, said = _points(bounds.max_identity_loss), f"the loss is {_points(loss['mean'])}"
    if loss["mean"] > bounds.max_identity_loss:
        first = f"{where} {said}: ABOVE the bound of {bound}"
    elif loss["interval"] is None or loss["interval"][1] > bounds.max_identity_loss:
        first = f"{where} {said}, within the bound of {bound}; its interval goes beyond it"
    else:
        first = f"{where} {said}; it and its interval are within the bound of {bound}"
    second = f"{where} it is {speedup:.2f} times as fast per CPU-second"
    if speedup <= 1:
        second += ": NOT FASTER than the model"
    elif speedup < bounds.target_speedup:
        second += f": BELOW the target of {bounds.target_speedup:g}"
    return first, second


def _lost(loss: float) -> str:
    return f"{_points(loss)} less" if loss >= 0 else f"{_points(-loss)} more"


def _points(part: float) -> str:
    return f"{100 * part:.2f} points"
