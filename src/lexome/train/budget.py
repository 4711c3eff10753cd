"""A training that has so many minutes: how far it is, and when it must come to its end."""

from collections.abc import Callable

FIRST_RESERVE = 0.05  # part of the time kept for the end as long as no validation has been timed


class TimeBudget:
    """Time for the whole of a training, the parts before a stop included.

    Args:
        seconds: the time.
        spent_s: what was used up before this part.
        now: seconds from any moment.
    """

    def __init__(self, seconds: float, spent_s: float, now: Callable[[], float]) -> None:
        self.seconds = seconds
        self._now = now
        self._start_s = now() - spent_s
        self._reserve_s: float | None = None

    @property
    def spent_s(self) -> float:
        """Seconds used up."""
        return self._now() - self._start_s

    @property
    def reserve_s(self) -> float:
        """What the last validation and save are going to take."""
        return FIRST_RESERVE * self.seconds if self._reserve_s is None else self._reserve_s

    def set_reserve(self, seconds: float) -> None:
        """Notes how long a validation with its save took; half as much again is kept for the last one."""
        self._reserve_s = max(1.5 * seconds, self._reserve_s or 0.0)

    @property
    def is_over(self) -> bool:
        """Whether no further step may begin."""
        return self.spent_s + self.reserve_s >= self.seconds

    @property
    def needs_trial(self) -> bool:
        """Whether it is time for a first validation: half of the time is over and none has been timed."""
        return self._reserve_s is None and self.spent_s >= self.seconds / 2

    def total_steps(self, step: int) -> int:
        """Steps that there will be in all if they go on at the mean speed so far; at least one more."""
        part = self.spent_s / max(1e-9, self.seconds - self.reserve_s)
        return max(step + 1, round(step / part)) if part > 0 else step + 1
