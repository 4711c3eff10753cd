"""Estimates: from reads of all the input, really called and written, and in proportion."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from lexome.core.errors import LexomeError
from lexome.core.records import RawRead
from lexome.io.hts import OutputHeader
from lexome.io.pod5 import write_pod5
from lexome.io.signal_files import iter_reads, runs_of, summarise
from lexome.tasks.basecall import estimate as module
from lexome.tasks.basecall.estimate import Estimate, estimate
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.basecall.selection import Selection
from lexome.tasks.basecall.shard import Shard

FILES, READS_PER_FILE = 30, 10


@pytest.fixture(scope="module")
def model(small_model: Path) -> BasecallModel:
    return open_model(small_model, device="cpu", threads=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, raw_read: Callable) -> list[Path]:
    """Thirty files of ten reads of 1200 samples; the read n is in file n // 10."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(FILES):
        reads = [raw_read(1 + number * READS_PER_FILE + n, 1200) for n in range(READS_PER_FILE)]
        write_pod5(folder / f"{number:02}.pod5", reads)
    return sorted(folder.iterdir())


class Clock:
    """Counts a thousandth of a second for each sample called: a model of 1000 samples/s."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """The route of the reads; remembers which it was given and moves the clock on."""

    def __init__(self, model: BasecallModel, clock: Clock) -> None:
        self.model, self.clock = model, clock
        self.files: list[str] = []
        self.ids: list[str] = []
        self.rounds = 0

    def __call__(self, reads: Iterable[RawRead]) -> Iterator[tuple]:
        self.rounds += 1

        def passing() -> Iterator[RawRead]:
            for read in reads:
                self.files.append(read.info.source)
                self.ids.append(read.read_id)
                self.clock.now += len(read.raw) / 1000
                yield read

        for call in basecall_reads(passing(), self.model, lambda skipped: None):
            yield call, ()


@pytest.fixture
def make(model: BasecallModel, files: list[Path], tmp_path: Path):
    def make(selection: Selection | None = None, output: str | None = "calls.bam", **options):
        clock = Clock()
        route = Watched(model, clock)
        used = options.pop("files", files)
        totals = summarise(used)
        header = OutputHeader(runs_of(used), model.name, model.stride, "1", "lexome basecall")
        options = {"emit_moves": False, "seconds": 60.0} | options
        result = estimate(
            used, selection or Selection(), totals.reads, totals.samples, route, header,
            None if output is None else tmp_path / output, clock=clock, **options,
        )  # fmt: skip
        assert not list(tmp_path.iterdir()), "nothing is left, least of all an output"
        return result, route

    return make


def test_the_time_is_kept_and_the_rest_is_in_proportion(make) -> None:
    result, _ = make(seconds=60.0)
    assert 60.0 <= result.seconds <= 62.0
    assert result.samples == 1200 * result.reads == pytest.approx(60_000, abs=2400)
    assert result.samples_per_s == pytest.approx(1000, rel=0.01)
    assert (result.wanted_reads, result.wanted_samples) == (300, 360_000)
    assert result.total_seconds == pytest.approx(360, rel=0.01)


def test_reads_come_from_files_all_over_the_input(make) -> None:
    _, route = make(seconds=60.0)
    numbers = [int(Path(name).stem) for name in route.files]
    assert len(set(numbers)) == 20
    assert max(numbers) >= 28
    assert min(numbers) == 0
    assert max(Counter(numbers).values()) <= 4


def test_within_a_file_too(make, files, monkeypatch) -> None:
    monkeypatch.setattr(module, "WISHED_READS", 3)
    seen: list[str] = []
    monkeypatch.setattr(
        module, "iter_reads", lambda *a: (seen.append(r.read_id) or r for r in iter_reads(*a))
    )
    result, _ = make(files=files[:1], seconds=1e9)
    assert [int(read_id[-3:], 16) for read_id in seen] == [1, 4, 7, 10]
    assert result.wanted_reads == 10


@pytest.mark.parametrize(
    ("ending", "emit_moves"),
    [(".bam", False), (".bam", True), (".cram", True), (".fastq.gz", False), (None, True)],
)
def test_the_output_is_as_large_as_it_will_be(make, model, files, tmp_path, ending, emit_moves) -> None:
    result, _ = make(output=ending and f"calls{ending}", seconds=200.0, emit_moves=emit_moves)
    request = CallRequest(files, tmp_path / f"calls{ending or '.sam'}", emit_moves=emit_moves)
    call_files(request, plan_calls(request), model)
    size = (tmp_path / f"calls{ending or '.sam'}").stat().st_size
    assert result.total_bytes == pytest.approx(size, rel=0.08)


def test_less_input_than_time(make) -> None:
    result, route = make(seconds=1e9)
    assert result.reads == 20 * READS_PER_FILE
    assert len(route.files) == result.reads + 1, "one of them once more, beforehand"


def test_what_is_wanted(make) -> None:
    ids = frozenset(f"00000000-0000-0000-0000-{n:012x}" for n in range(1, 31))
    for selection, reads in (
        (Selection(max_reads=50), 50),
        (Selection(ids), 30),
        (Selection(ids, max_reads=7), 7),
        (Selection(shard=Shard(2, 4)), 75),
        (Selection(max_reads=1000), 300),
    ):
        result, _ = make(selection)
        assert (result.wanted_reads, result.wanted_samples) == (reads, reads * 1200)
    assert all(not Shard(2, 4).holds(read_id) for read_id in make(Selection(shard=Shard(3, 4)))[1].ids)
    _, route = make(Selection(ids))
    assert set(route.files) <= {"00.pod5", "01.pod5", "02.pod5"}, "only reads that are wanted are called"


def test_rounds_grow_with_the_speed(make, monkeypatch) -> None:
    monkeypatch.setattr(module, "FIRST_ROUND_SAMPLES", 2400)
    _, route = make(seconds=100.0)
    assert len(route.files) > 80
    assert route.rounds < 25


def test_broken_files_are_passed_over(make, files, tmp_path_factory) -> None:
    broken = tmp_path_factory.mktemp("broken") / "a.pod5"
    broken.write_bytes(files[0].read_bytes()[:3000])
    result, _ = make(files=[broken, *files])
    assert result.reads > 40
    with pytest.raises(LexomeError, match="no read of those wanted was found"):
        make(files=[broken])


def test_nothing_to_call(make, raw_read, tmp_path_factory) -> None:
    flat = tmp_path_factory.mktemp("flat") / "a.pod5"
    write_pod5(flat, [raw_read(n, 900, raw=raw_read(1, 900).raw * 0 + 5) for n in (1, 2)])
    with pytest.raises(LexomeError, match="none of the reads looked at can be called"):
        make(files=[flat])
    with pytest.raises(LexomeError, match="no read of those wanted"):
        make(Selection(frozenset(["x"])))


def test_in_words(tmp_path: Path) -> None:
    result = Estimate(
        reads=100,
        samples=4_000_000,
        seconds=8.0,
        output_bytes=400_000,
        wanted_reads=1_000_000,
        wanted_samples=40_000_000_000,
        free_bytes=10**10,
        memory_bytes=300_000_000,
        gpu_bytes=None,
    )
    assert result.lines() == [
        "called 100 reads, 4000000 samples, in 8.0 s",
        "to call: 1000000 reads, 40000000000 samples",
        "speed: 500,000 samples/s",
        "time: about 22 h 13 min",
        "output: about 4.0 GB (10.0 GB are free)",
        "memory: 300.0 MB so far",
    ]
    full = dataclasses.replace(result, free_bytes=10**9, gpu_bytes=2 * 10**9)
    assert full.lines()[-2:] == [
        "memory: 300.0 MB so far, on the GPU 2.0 GB",
        "warning: the output will not fit on its disk",
    ]
    assert "free" not in dataclasses.replace(result, free_bytes=None).lines()[4]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5 s"), (119, "119 s"), (600, "10 min"), (12_345, "3 h 26 min"), (400_000, "4 d 15 h")],
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert module.duration(seconds) == words
