"""Where the time of a training goes, and what holds it up."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

# What happens between steps; it is timed always, phases of steps only in the steps that are timed.
BETWEEN_STEPS = ("validation", "saving")
ADVICE = {
    "data": "making batches; put the stores on a fast disk, or vary the signal less (task.augment)",
    "network": "the network, forwards and backwards; a smaller one, more cores or a GPU would help",
    "teacher": "the teacher; a smaller one would help, or to leave it out earlier",
    "loss": "the loss; shorter chunks or a smaller state_len would help",
    "exchange": "waiting for the other processes; larger batches would help, or fewer processes",
    "optimizer": "clipping and the optimiser; larger batches would help",
    "validation": "validation; raise loop.validate_every or lower task.validation_chunks",
    "saving": "saving; raise loop.save_every",
}


@dataclass
class _Account:
    """Seconds since a moment: all of them, and those of every phase."""

    start_s: float
    phases_s: dict[str, float] = field(default_factory=dict)


class PhaseClock:
    """Adds up the time of phases; when they are nested, a second counts for the innermost.

    Work on a GPU runs on by itself, so it has to be waited for at the borders of phases. As that costs speed,
    only every so many steps are timed, and stand for all.

    Args:
        now: seconds from any moment.
        wait: returns when the device has done its work.
        every: time one step out of so many.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.perf_counter,
        wait: Callable[[], None] = lambda: None,
        every: int = 1,
    ) -> None:
        self._now, self._wait, self._every = now, wait, every
        self._is_timed = True
        self._stack: list[str] = []
        self._mark_s = 0.0
        self._lap, self._total = _Account(now()), _Account(now())

    def start_step(self, step: int) -> None:
        """Decides whether the phases of this step are timed."""
        self._is_timed = step % self._every == 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """The time within the block counts for `name`."""
        if not self._is_timed and name not in BETWEEN_STEPS:
            yield
            return
        self._settle()
        self._stack.append(name)
        try:
            yield
        finally:
            self._settle()
            self._stack.pop()

    def _settle(self) -> None:
        """Gives the time since the last border to the phase that was running."""
        self._wait()
        now_s = self._now()
        if self._stack:
            for account in (self._lap, self._total):
                phases_s = account.phases_s
                phases_s[self._stack[-1]] = phases_s.get(self._stack[-1], 0.0) + now_s - self._mark_s
        self._mark_s = now_s

    @property
    def total_s(self) -> float:
        """Seconds since the clock was made."""
        return self._now() - self._total.start_s

    def shares(self) -> dict[str, float]:
        """Part of the time since the clock was made that each phase took; together 1."""
        return self._shares(self._total)

    def lap(self) -> tuple[float, dict[str, float]]:
        """Seconds since the last lap (or the start), and the part of them that each phase took."""
        seconds, shares = self._now() - self._lap.start_s, self._shares(self._lap)
        self._lap = _Account(self._now())
        return seconds, shares

    def _shares(self, account: _Account) -> dict[str, float]:
        wall_s = self._now() - account.start_s
        between_s = {n: s for n, s in account.phases_s.items() if n in BETWEEN_STEPS}
        steps_s = {n: s for n, s in account.phases_s.items() if n not in BETWEEN_STEPS}
        timed_s = sum(steps_s.values())
        if wall_s <= 0 or timed_s <= 0:
            return {}
        left = max(0.0, 1 - sum(between_s.values()) / wall_s)
        shares = {name: left * seconds / timed_s for name, seconds in steps_s.items()}
        return shares | {name: seconds / wall_s for name, seconds in between_s.items()}


def bottleneck(shares: Mapping[str, float], items_per_s: float) -> str:
    """One line: what takes most of the time, and what would help.

    Args:
        shares: as of `PhaseClock.shares`, not empty.
        items_per_s: speed of the training.
    """
    name = max(shares, key=lambda phase: shares[phase])
    return f"{items_per_s:.4g} chunks/s, {shares[name]:.0%} of the time is {ADVICE.get(name, name)}"
