"""Processes that train together, played by threads: what they exchange, and what happens when one is lost."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from lexome.core.errors import LexomeError
from lexome.train.distributed import ALONE, LostProcessError, Processes, join, open_meeting


def together(world: int, work: Callable[[Processes], Any]) -> list[Any]:
    """Runs `work` in so many threads, each with its own `Processes`; their results by rank."""
    meeting = open_meeting(world)
    results: list[Any] = [None] * world

    def run(rank: int) -> None:
        try:
            processes = join(rank, world, meeting if rank == 0 else meeting.port)
            results[rank] = work(processes)
        except BaseException as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def test_exchanges() -> None:
    def work(processes: Processes) -> tuple:
        rank = processes.rank
        model = nn.Linear(2, 1)
        with torch.no_grad():
            model.weight.fill_(rank + 1)
        processes.copy_from_first(model)
        return (
            processes.is_first,
            model.weight.tolist(),
            processes.numbers_from_first([rank + 0.1, 2.0 * rank]),
            processes.gather(torch.tensor([rank, 10 * rank])).tolist(),
            processes.gather_records({"rank": rank, "text": "x" * rank, "part": {"a": 0.1 * rank}}),
        )

    for rank, result in enumerate(together(3, work)):
        assert result[0] == (rank == 0)
        assert result[1] == [[1.0, 1.0]]
        assert result[2] == [0.1, 0.0]
        assert result[3] == [0, 0, 1, 10, 2, 20]
        assert result[4] == [{"rank": r, "text": "x" * r, "part": {"a": 0.1 * r}} for r in range(3)]


def test_gradients_are_those_of_the_whole_batch_however_it_is_shared() -> None:
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))

    def loss_of(rows: torch.Tensor) -> tuple[list[nn.Parameter], torch.Tensor]:
        torch_weight = nn.Parameter(torch.tensor([0.5, -1.0, 2.0]))
        unused = nn.Parameter(torch.zeros(2))
        return [torch_weight, unused], (rows @ torch_weight).square().mean()

    parameters, whole = loss_of(x)
    whole.backward()
    parts = [x[:2], x[2:2], x[2:]]  # one process has no item that counts

    def work(processes: Processes) -> tuple:
        rows = parts[processes.rank]
        own, loss = loss_of(rows if len(rows) else x[:1])
        (loss if len(rows) else 0 * loss).backward()
        value = processes.mean_step(own, float(loss.detach()), float(len(rows)))
        return value, own[0].grad, own[1].grad

    for value, gradient, unused in together(3, work):
        assert value == pytest.approx(whole.item())
        torch.testing.assert_close(gradient, parameters[0].grad)
        assert unused is None


def test_a_batch_of_which_nothing_counts_has_no_gradient() -> None:
    def work(processes: Processes) -> tuple:
        parameter = nn.Parameter(torch.ones(1))
        parameter.grad = torch.zeros(1)
        return processes.mean_step([parameter], 0.0, 0.0), parameter.grad.item()

    assert together(2, work) == [(0.0, 0.0)] * 2


def test_a_step_that_is_not_finite_anywhere_is_so_everywhere() -> None:
    def work(processes: Processes) -> tuple:
        parameter = nn.Parameter(torch.ones(1))
        parameter.grad = torch.ones(1)
        value = processes.mean_step([parameter], float("nan") if processes.rank else 1.0, 1.0)
        parameter.grad = torch.full((1,), float("inf") if processes.rank else 1.0)
        processes.mean_step([parameter], 1.0, 1.0)
        return value, parameter.grad.item()

    for value, gradient in together(2, work):
        assert value != value
        assert gradient == float("inf")


def test_alone_nothing_is_exchanged() -> None:
    parameter = nn.Parameter(torch.ones(1))
    parameter.grad = torch.full((1,), 1 / 3)
    assert ALONE.mean_step([parameter], 0.1, 7.0) == 0.1
    assert parameter.grad == torch.full((1,), 1 / 3)
    record = {"a": object()}
    assert ALONE.gather_records(record)[0] is record
    assert ALONE.numbers_from_first([0.1]) == [0.1]
    assert ALONE.is_first


def test_a_lost_process_is_said() -> None:
    left = threading.Event()

    def work(processes: Processes) -> None:
        if processes.rank == 1:
            del processes  # its connections close
            left.set()
            return
        left.wait(30)
        processes.gather(torch.zeros(1))

    result = together(2, work)[0]
    assert isinstance(result, LostProcessError)
    assert "another of the 2 processes of this training has ended; --resume" in str(result)


def test_who_does_not_come_is_not_waited_for_if_that_is_known() -> None:
    def check() -> None:
        raise LexomeError("process 1 of 2 ended at once")

    with pytest.raises(LexomeError, match="ended at once"):
        join(0, 2, open_meeting(2), check)


def test_a_meeting_that_never_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    monkeypatch.setattr("lexome.train.distributed.JOINING", timedelta(seconds=0.1))
    with pytest.raises(LostProcessError, match="2 processes of this training did not find each other"):
        join(0, 2, open_meeting(2))
    port = open_meeting(2).port  # nobody listens there any more
    with pytest.raises(LostProcessError, match="did not find each other"):
        join(1, 2, port)
