"""Which candidate is kept, in every case there is, and what is said of it."""

from typing import Any

from lexome.tasks.shrink.auto_choice import Bounds, choose, judge_report, meets


def row(
    name: str, speedup: float, loss: float, interval: tuple[float, float] | None = (-0.001, 0.001)
) -> dict[str, Any]:
    return {
        "name": name, "speed": {"speedup_cpu": speedup}, "loss": {"mean": loss, "interval": interval},
    }  # fmt: skip


BOUNDS = Bounds(2.0, 0.005)


def test_the_fastest_within_the_loss_is_kept() -> None:
    rows = [
        row("exact", 2.1, 0.0), row("fast", 2.6, 0.004), row("faster", 3.0, 0.0051), row("slow", 1.2, -0.1),
    ]  # fmt: skip
    choice = choose(rows, BOUNDS)
    assert choice.name == "fast"
    assert choice.lines == (
        "chosen: fast: 2.60 times the samples per CPU-second, 0.40 points less identity; both bounds are met "
        "on the reads that choose",
    )
    assert meets(rows[2], BOUNDS) == (False, True)
    assert meets(rows[3], BOUNDS) == (True, False)
    assert meets(row("both", 2.0, 0.005), BOUNDS) == (True, True)


def test_an_interval_beyond_the_bound_is_told() -> None:
    for interval in ((0.0, 0.006), None):
        choice = choose([row("a", 2.5, 0.004, interval)], BOUNDS)
        assert choice.name == "a"
        assert len(choice.lines) == 2
        assert "goes beyond the bound of 0.50 points" in choice.lines[1]


def test_below_the_target_the_fastest_is_kept_and_it_is_told() -> None:
    choice = choose([row("a", 1.4, 0.001), row("b", 1.5, -0.002), row("c", 9.0, 0.5)], BOUNDS)
    assert choice.name == "b"
    assert choice.lines == (
        "TARGET NOT REACHED: no candidate within the loss is 2 times as fast; kept is the fastest, b: 1.50 "
        "times the samples per CPU-second, 0.20 points more identity",
    )


def test_of_those_as_fast_the_one_that_loses_least() -> None:
    rows = [row("a", 1.50, 0.004), row("b", 1.46, 0.001), row("c", 1.45, 0.0)]
    assert choose(rows, BOUNDS).name == "b"  # 1.45 is more than 3% below
    over = [row("a", 2.01, 0.004), row("b", 1.99, 0.0)]
    assert choose(over, BOUNDS).name == "a"  # only one of them reaches the target
    assert choose([row("a", 1.01, 0.004), row("b", 0.99, 0.0)], BOUNDS).name == "a"  # slower than the model


def test_none_within_the_loss() -> None:
    choice = choose([row("a", 3.0, 0.02), row("b", 2.0, 0.01)], BOUNDS)
    assert choice.name is None
    assert choice.lines == (
        "no candidate loses at most 0.50 points of identity; the least is 1.00 points (b)",
    )


def test_a_slower_model_is_no_result() -> None:
    choice = choose([row("a", 0.9, 0.0), row("b", 1.0, 0.0), row("c", 4.0, 0.2)], BOUNDS)
    assert choice.name is None
    assert "keep the model as it is" in choice.lines[0]
    assert "b, 1.00 times" in choice.lines[0]


def test_what_the_other_reads_say() -> None:
    def said(loss: float, interval: tuple[float, float] | None, speedup: float = 2.0) -> tuple[str, str]:
        return judge_report(row("a", speedup, loss, interval), BOUNDS)

    assert "ABOVE the bound of 0.50 points" in said(0.0051, (0.0, 0.01))[0]
    assert said(0.004, (0.0, 0.006))[0].endswith("its interval goes beyond it")
    assert said(0.004, None)[0].endswith("its interval goes beyond it")
    assert said(0.004, (0.0, 0.005))[0].endswith("it and its interval are within the bound of 0.50 points")
    assert said(0.0, None)[1] == "on the reads kept for the report it is 2.00 times as fast per CPU-second"
    assert said(0.0, None, 1.9)[1].endswith("1.90 times as fast per CPU-second: BELOW the target of 2")
    assert said(0.0, None, 0.99)[1].endswith("NOT FASTER than the model")
