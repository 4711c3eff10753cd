"""The subjects by name, and what a measurement is put together of."""

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.tasks.bench import speed_subjects
from lexome.tasks.bench.layer_speed import Case, Group, Opened, SpeedRequest, Subject, batch_series
from lexome.tasks.bench.speed_subjects import SUBJECTS, plan_speed, run_speed
from lexome.tasks.bench.timing import Clock, TimingConfig

QUICK = TimingConfig(min_repeats=1, min_s=0.0, max_s=1e9)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(10**6))
    monkeypatch.setattr(speed_subjects, "clock_for", lambda device: Clock(lambda: float(next(now)), None))


@pytest.mark.usefixtures("ticks")
def test_a_subject_is_run_with_the_threads_that_are_wanted() -> None:
    seen: list[int] = []
    case = Case(lambda: Opened(lambda count: seen.append(torch.get_num_threads())), lambda count: count)
    subject = Subject("Some", "about", "table 0", (Group("g", "batch size", "runs", (
        batch_series("a", case, [1, 2]),)),))  # fmt: skip
    before, done = torch.get_num_threads(), []
    request = SpeedRequest(threads=before + 1, timing=QUICK)
    figures = run_speed("kan", subject, request, done.append)
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before
    assert done == [1, 2]
    assert (figures["subject"], figures["title"], figures["source"]) == ("kan", "Some", "table 0")
    assert figures["protocol"]["timing"]["min_repeats"] == 1
    assert (figures["protocol"]["points"], figures["protocol"]["device"]) == (2, "cpu")
    assert figures["machine"]["threads"] == str(before + 1)
    assert [p["x"] for p in figures["groups"][0]["series"][0]["points"]] == [1, 2]


@pytest.mark.usefixtures("ticks")
def test_threads_are_put_back_after_an_error() -> None:
    def fail(count: int) -> None:
        raise RuntimeError("a bug")

    case = Case(lambda: Opened(fail), lambda count: count)
    subject = Subject("t", "a", "s", (Group("g", "x", "u", (batch_series("a", case, [1]),)),))
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="a bug"):
        run_speed("kan", subject, SpeedRequest(threads=before + 1, timing=QUICK))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_subject_can_be_planned(name: str) -> None:
    """Nothing large is built before its turn; series that are compared exist."""
    subject = plan_speed(name, SpeedRequest(max_batch=2))
    assert subject.source.split()[0] in ("figure", "figures", "table", "section", "ENBED,")
    assert all(group.series for group in subject.groups)


def test_wrong_requests() -> None:
    with pytest.raises(UsageError, match="unknown subject 'head'; did you mean 'heads'"):
        plan_speed("head", SpeedRequest())
    with pytest.raises(UsageError, match="device tpu"):
        plan_speed("kan", SpeedRequest("tpu"))
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="device cuda:0: no GPU"):
            plan_speed("kan", SpeedRequest("cuda:0"))
