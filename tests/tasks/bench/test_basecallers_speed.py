"""Models that take turns, with a clock and engines that are made up."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from lexome.features.signal import SignalConfig
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.bench import basecallers_speed as module
from lexome.tasks.bench.basecallers_speed import CALLED, NETWORK, RoundsConfig, batch_of, time_in_turn
from lexome.tasks.bench.timing import Clock


class Machine:
    """A clock that the engines move on, and what ran."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self.ran: list[tuple[str, int, str]] = []


class MadeUpEngine:
    """Every run of a batch takes the next of some times; a decoder takes as long again."""

    name, stride, chunk_multiple = "onnx", 5, 5
    stay_score: float | None = None

    def __init__(
        self, label: str, machine: Machine, times_s: Sequence[float], *, device: str = "cpu", threads: int = 2
    ) -> None:
        self.label, self.machine, self.device, self.threads = label, machine, device, threads
        self.batch_size, self.times_s = 3, iter(times_s)

    def run(
        self, items: Iterable[tuple[Any, np.ndarray]], post: Callable[[np.ndarray], Any]
    ) -> Iterator[tuple[Any, Any]]:
        signals = list(items)
        assert {signal.shape for _, signal in signals} == {(100,)}
        results = [(key, post(np.zeros((20, 5), np.float32))) for key, _ in signals]
        decoded = all(result == "bases" for _, result in results)
        self.machine.ran.append((self.label, len(signals), CALLED if decoded else NETWORK))
        spent_s = next(self.times_s) * (2 if decoded else 1)
        self.machine.wall_s += spent_s
        self.machine.cpu_s += 0.5 * spent_s
        yield from results


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    it = Machine()
    is_gpu = {"cpu": False, "cuda:0": True}
    monkeypatch.setattr(
        module,
        "clock_for",
        lambda device: Clock(lambda: it.wall_s, None if is_gpu[device] else lambda: it.cpu_s),
    )
    return it


def model_of(engine: MadeUpEngine) -> BasecallModel:
    decoder: Any = lambda scores_TK: "bases"  # noqa: E731
    return BasecallModel(engine.label, engine, decoder, SignalConfig(chunk_size=100, overlap=0))


def test_medians_of_rounds_that_are_taken_in_turn(machine: Machine) -> None:
    # a warm-up, then what counts; scores, then bases; three rounds
    slow = [9, 1, 9, 1, 9, 10, 9, 10, 9, 2, 9, 2]
    models = [model_of(MadeUpEngine("a", machine, slow)), model_of(MadeUpEngine("b", machine, [4] * 12))]
    done: list[int] = []
    a, b = time_in_turn(models, RoundsConfig(3, 0.0), done.append)
    turn = [("a", 6, NETWORK)] * 2 + [("a", 6, CALLED)] * 2 + [("b", 6, NETWORK)] * 2 + [("b", 6, CALLED)] * 2
    assert machine.ran == turn * 3
    assert done == list(range(1, 13))
    assert a[NETWORK].samples_per_s == pytest.approx(600 / 2)
    assert a[NETWORK].samples_per_cpu_s == pytest.approx(600 / 1)
    assert a[NETWORK].samples_per_s_quartiles == pytest.approx((600 * (0.1 + 0.5) / 2, 600 * (0.5 + 1) / 2))
    assert a[CALLED].samples_per_s == pytest.approx(600 / 4)
    assert (a[NETWORK].rounds, a[NETWORK].repeats, a[NETWORK].cores) == (3, 3, pytest.approx(0.5))
    assert (a[NETWORK].chunk_size, a[NETWORK].batch_size, a[NETWORK].left_out) == (100, 6, "")
    assert b[NETWORK].samples_per_s == pytest.approx(150)


def test_the_least_time_is_that_of_all_rounds_together(machine: Machine) -> None:
    model = model_of(MadeUpEngine("a", machine, [1.0] * 1000))
    (found,) = time_in_turn([model], RoundsConfig(2, 12.0))
    assert (found[NETWORK].repeats, found[CALLED].repeats) == (12, 6)


def test_a_gpu_runs_one_batch_and_has_no_time_of_the_processor(machine: Machine) -> None:
    engine = MadeUpEngine("a", machine, [1.0] * 99, device="cuda:0")
    assert batch_of(engine) == 3
    (found,) = time_in_turn([model_of(engine)], RoundsConfig(1, 0.0))
    assert found[NETWORK].samples_per_s == pytest.approx(300)
    assert found[NETWORK].samples_per_cpu_s is None
    assert found[NETWORK].cores is None


def test_memory_that_runs_out_ends_no_comparison(machine: Machine) -> None:
    class Hungry(MadeUpEngine):
        def run(self, items: Any, post: Any) -> Any:
            raise MemoryError

    models = [model_of(Hungry("a", machine, [])), model_of(MadeUpEngine("b", machine, [1.0] * 99))]
    a, b = time_in_turn(models, RoundsConfig(2, 0.0))
    assert (a[NETWORK].rounds, a[NETWORK].samples_per_s) == (0, None)
    assert a[NETWORK].left_out == "there is not enough memory"
    assert b[CALLED].rounds == 2


def test_rounds_that_cannot_be() -> None:
    for values in ((0, 1.0), (1, -1.0), (1, float("inf"))):
        with pytest.raises(ValueError, match="at least one round"):
            RoundsConfig(*values)
