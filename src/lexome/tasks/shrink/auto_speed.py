"""How fast models call the same reads: in turn, so that what else the machine does meets all alike."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from lexome.core.errors import LexomeError
from lexome.core.records import RawRead
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.bench.timing import BatchTiming, Clock, TimingConfig, throughput


@dataclass(frozen=True)
class RoundsConfig:
    """How often: `rounds` over all models; in each round a model calls the reads for at least `min_s`."""

    rounds: int = 3
    min_s: float = 0.3

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.min_s < 0:
            raise ValueError("rounds must be at least 1, min_s not negative")


@dataclass(frozen=True)
class CallingSpeed:
    """From raw signal to bases: scaling, network and decoding; reading and writing files is not in it.

    Attributes:
        samples_per_cpu_s: raw samples per second of the processor, median of the rounds.
        samples_per_s: per second of the clock.
        speedup_cpu: times the first model's in the same round, median of the rounds.
        speedup_cpu_range: the least and the largest of the rounds.
        speedup: likewise, by the clock.
    """

    samples_per_cpu_s: float
    samples_per_s: float
    speedup_cpu: float
    speedup_cpu_range: tuple[float, float]
    speedup: float


def speeds_in_turn(
    models: Mapping[str, BasecallModel],
    reads: Sequence[RawRead],
    config: RoundsConfig,
    on_done: Callable[[int], None] = lambda done: None,
    clock: Clock | None = None,
) -> dict[str, CallingSpeed]:
    """Times the calling of reads with several models, round after round.

    Args:
        models: by name; the first is what the others are compared with.
        reads: held in memory.
        config: how often.
        on_done: told how many measurements are done, of rounds x models.
        clock: default: `Clock()`.

    Returns:
        Speeds by name.

    Raises:
        LexomeError: if the clock of the processor is too coarse for these reads.
    """
    samples = sum(len(read.raw) for read in reads)
    timing = TimingConfig(min_repeats=1, min_s=config.min_s, max_s=float("inf"))
    found: dict[str, list[BatchTiming]] = {name: [] for name in models}
    for number in range(config.rounds):
        for place, (name, model) in enumerate(models.items(), 1):
            measured = throughput(
                _calling(model), lambda size: reads, [1], samples, config=timing, clock=clock
            ).at(1)
            if measured is None or measured.samples_per_cpu_s is None:
                raise LexomeError("these reads are called faster than the clock can tell; give more --reads")
            found[name].append(measured)
            on_done(number * len(models) + place)
    first = found[next(iter(models))]
    return {name: _speed(own, first) for name, own in found.items()}


def _calling(model: BasecallModel) -> Callable[[Sequence[RawRead]], None]:
    def run(reads: Sequence[RawRead]) -> None:
        # a read that cannot be called takes no time of any model
        deque(basecall_reads(reads, model, lambda skipped: None), maxlen=0)

    return run


def _speed(own: Sequence[BatchTiming], first: Sequence[BatchTiming]) -> CallingSpeed:
    by_cpu = [_ratio(a.samples_per_cpu_s, b.samples_per_cpu_s) for a, b in zip(own, first, strict=True)]
    by_clock = [_ratio(a.samples_per_s, b.samples_per_s) for a, b in zip(own, first, strict=True)]
    return CallingSpeed(
        samples_per_cpu_s=median(one.samples_per_cpu_s or 0.0 for one in own),
        samples_per_s=median(one.samples_per_s for one in own),
        speedup_cpu=median(by_cpu),
        speedup_cpu_range=(min(by_cpu), max(by_cpu)),
        speedup=median(by_clock),
    )


def _ratio(own: float | None, first: float | None) -> float:
    assert own is not None  # `speeds_in_turn` refuses those
    assert first is not None
    return own / first
