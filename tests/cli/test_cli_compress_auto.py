"""`lexome compress auto`: what is typed reaches the work; tables, verdict, exit codes; errors in a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lexome.checkpoint.store import load
from lexome.cli import compress_auto as _command  # noqa: F401  (the module that is tested)
from lexome.io.pod5 import write_pod5
from lexome.tasks.basecall.model import open_model
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.shrink import auto
from lexome.tasks.shrink.auto_choice import Bounds
from lexome.tasks.shrink.auto_speed import CallingSpeed

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    lexome: Run, small_model: Path, raw_read: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """The command on reads whose reference is what the model calls of them."""
    monkeypatch.chdir(tmp_path)
    reads = [raw_read(number, 4500) for number in range(8)]
    write_pod5(tmp_path / "reads.pod5", reads)
    calls = basecall_reads(reads, open_model(small_model, device="cpu"), lambda skipped: None)
    Path("own.fa").write_text("".join(f">{call.read_id}\n{call.sequence}\n" for call in calls))
    common = ("--reads", "reads.pod5", "--reference", "own.fa", "-o", "out", "--threads", "1")
    return lambda *arguments: lexome("compress", "auto", str(small_model), *common, *arguments)


def test_a_table_a_verdict_a_page_and_a_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def speeds(models: dict[str, Any], *args: object) -> dict[str, CallingSpeed]:
        return {name: CallingSpeed(2e6, 1e6, 1.5, (1.4, 1.6), 1.25) for name in models}

    monkeypatch.setattr("lexome.tasks.shrink.auto_plan.speeds_in_turn", speeds)
    options = ("--max-identity-loss", "0.3", "--target-speedup", "50", "--only", "int8,prune")
    code, out, err = run(*options)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == "4 reads that choose"
    assert lines[1].split()[:3] == ["candidate", "identity", "loss"]
    assert lines[2].split()[:2] == ["small", "1.0000"]
    assert lines[3].startswith("int8 ")
    assert lines[3].endswith("loss met, chosen")
    assert " 1.50 " in lines[3]
    assert "4 other reads, kept for the report" in lines
    assert "lexome: TARGET NOT REACHED" in err
    assert err.splitlines()[-1] == f"lexome: {Path('out/model')}"
    assert load("out/model").name == "small_int8"
    assert Path("out/auto.html").read_text().startswith("<!DOCTYPE html>")


def test_none_within_the_loss_is_exit_1_after_the_table(run: Run) -> None:
    code, out, err = run("--max-identity-loss", "0", "--rounds", "1", "--only", "int8")
    assert code == 1
    assert "int8" in out
    assert "no candidate loses at most 0.00 points of identity" in err.splitlines()[-1]
    assert "no model is written" in err.splitlines()[-1]
    assert not Path("out/model").exists()
    assert Path("out/auto.json").exists()
    assert Path("out/auto.html").exists()


def test_what_is_typed_reaches_the_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class SeenError(Exception):
        pass

    seen: list[Any] = []

    def work(request: Any, version: str, **options: Any) -> None:
        seen.append(request)
        raise SeenError

    monkeypatch.setattr(auto, "compress_auto", work)
    with pytest.raises(SeenError):
        run(
            "--target-speedup", "3", "--max-identity-loss", "0.01", "--store", "a", "--store", "b",
            "--minutes", "2.5", "--only", "student,int8", "--max-reads", "10", "--rounds", "5", "--seed", "4",
            "--resume", "-r",
        )  # fmt: skip
    (request,) = seen
    assert request.bounds == Bounds(3.0, 0.01)
    assert request.stores == (Path("a"), Path("b"))
    assert (request.steps, request.minutes, request.only) == (0, 2.5, ("int8", "student"))
    assert (request.max_reads, request.rounds.rounds, request.seed, request.threads) == (10, 5, 4, 1)
    assert request.resume
    assert request.recursive


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--only", "int8,prunes"), "there is no 'prunes'"),
        (("--steps", "3", "--minutes", "1"), "give one of them"),
        (("--steps", "3"), "add --store"),
        (("--target-speedup", "inf"), "a target of inf"),
        (("--max-identity-loss", "5"), "0.005"),
        (("--only", "student"), "nothing to try"),
        (("--store", "nowhere"), "nowhere"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(run: Run, options: tuple[str, ...], words: str) -> None:
    code, out, err = run(*options)
    assert (code in (1, 2), out) == (True, ""), err
    assert words in err
    assert len(err.splitlines()) == 1
    assert not Path("out").exists()
