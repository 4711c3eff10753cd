"""Accuracy of a basecaller on reads and on chunks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.core.records import Basecall, RawRead, Skipped
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.reads import evaluate_file
from lexome.io.chunks import LabelledChunk, write_store
from lexome.io.pod5 import write_pod5
from lexome.simulate.genome import random_genome
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.bench import accuracy as module
from lexome.tasks.bench.accuracy import (
    ReadsSource,
    check_models,
    check_store,
    describe_store,
    find_reads,
    judge_on_chunks,
    judge_on_reads,
)
from lexome.tasks.compare.models import open_models

QUICK = BootstrapConfig(resamples=50)
LENGTH = 1000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, raw_read: Callable) -> ReadsSource:
    """Six reads in two files, and a random genome that nothing but the test says they come from."""
    folder = tmp_path_factory.mktemp("accuracy")
    (folder / "ref.fa").write_text(f">g\n{random_genome(12_000, 4)}\n")
    for name, first in (("a", 1), ("b", 4)):
        write_pod5(folder / f"{name}.pod5", [raw_read(n, 900 + 100 * n) for n in range(first, first + 3)])
    return find_reads([folder], folder / "ref.fa", recursive=False, max_reads=None)


@pytest.fixture(scope="module")
def model(small_model: Path) -> BasecallModel:
    return open_model(small_model, device="cpu", threads=1)


def pretend(monkeypatch: pytest.MonkeyPatch, sequences: list[str | None]) -> list[str]:
    """Calls reads as these sequences (None: it cannot be called); gives the ids that were asked for."""
    asked: list[str] = []

    def calls(
        reads: Iterable[RawRead], model: BasecallModel, on_skip: Callable[[Skipped], None]
    ) -> Iterator[Basecall]:
        for read, sequence in zip(reads, sequences, strict=False):
            asked.append(read.read_id)
            if sequence is None:
                on_skip(Skipped(read.read_id, "it is empty"))
                continue
            qualities = np.full(len(sequence), 10, np.uint8)
            yield Basecall(read.info, sequence, qualities, None, 5, 0, 0.0, 1.0, "med_mad", model.name)

    monkeypatch.setattr(module, "basecall_reads", calls)
    return asked


def with_errors(genome: str, start: int, errors: int) -> str:
    """A piece of the genome with so many bases replaced, far from each other and from the ends."""
    bases = list(genome[start : start + LENGTH])
    for place in np.linspace(100, LENGTH - 100, errors).astype(int):
        bases[place] = "ACGT"[("ACGT".index(bases[place]) + 1) % 4]
    return "".join(bases)


def test_figures_of_reads(source: ReadsSource, model: BasecallModel, monkeypatch: pytest.MonkeyPatch) -> None:
    genome = source.reference.read_text().split("\n")[1]
    errors = (10, 20, 60)
    foreign = random_genome(LENGTH, 99)
    called = [with_errors(genome, 1000 + 2000 * i, count) for i, count in enumerate(errors)]
    asked = pretend(monkeypatch, [*called, foreign, None])
    times = iter((3.0, 5.0))
    told: list[int] = []
    found = judge_on_reads(
        model, source, ReadAligner(source.reference), bootstrap=QUICK, on_samples=told.append,
        now_s=lambda: next(times),
    )  # fmt: skip
    assert len(asked) == 5
    assert (found.reads, found.mapped, found.skipped, found.bases) == (4, 3, 1, 4 * LENGTH)
    assert found.identity_median == pytest.approx(1 - 20 / LENGTH)
    assert found.identity_mean == pytest.approx(1 - sum(errors) / 3 / LENGTH)
    assert found.identity_median_interval is not None
    low, high = found.identity_median_interval
    assert 1 - 60 / LENGTH <= low < high <= 1 - 10 / LENGTH
    assert told == [1000, 2100, 3300, 4600]
    assert found.samples_per_s == 4600 / 2


def test_no_read_is_found(source: ReadsSource, model: BasecallModel, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, [random_genome(LENGTH, 99)] * 6)
    found = judge_on_reads(model, source, ReadAligner(source.reference), bootstrap=QUICK)
    assert (found.reads, found.mapped) == (6, 0)
    assert (found.identity_median, found.identity_median_interval, found.identity_mean) == (None, None, None)


def test_no_read_can_be_called(
    source: ReadsSource, model: BasecallModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, [None, None])
    with pytest.raises(LexomeError, match=r"model small: no read could be called \(the first of 2 skipped"):
        judge_on_reads(model, source, ReadAligner(source.reference))


def test_only_the_first_reads(
    source: ReadsSource, model: BasecallModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = pretend(monkeypatch, ["ACGT" * 50] * 9)
    some = ReadsSource(source.files, source.reference, max_reads=4)
    assert judge_on_reads(model, some, ReadAligner(source.reference), bootstrap=QUICK).reads == 4
    assert [int(read_id.replace("-", ""), 16) for read_id in asked] == [1, 2, 3, 4]


def test_it_is_what_the_commands_give(source: ReadsSource, model: BasecallModel, tmp_path: Path) -> None:
    """The same calls and scores as `lexome basecall` and `lexome evaluate reads`."""
    request = CallRequest([path for path in source.files], tmp_path / "calls.fastq")
    call_files(request, plan_calls(request), model)
    expected = evaluate_file(tmp_path / "calls.fastq", source.reference).figures
    found = asdict(judge_on_reads(model, source, ReadAligner(source.reference)))
    assert expected.bases > 300
    for name in ("reads", "mapped", "bases", "identity_median", "identity_mean"):
        assert found[name] == getattr(expected, name)


@pytest.mark.slow
def test_on_real_reads(shared: Path) -> None:
    data = shared / "data" / "nanopore"
    reference = next((data / "references").glob("K_pneumoniae_MGH78578*"))
    source = find_reads([data / "kpneumoniae_deepnano"], reference, recursive=False, max_reads=2)
    model = open_model("r9.4.1_turbo", device="cpu", threads=1)
    found = judge_on_reads(model, source, ReadAligner(reference))
    assert (found.reads, found.mapped) == (2, 2)
    assert found.identity_median is not None
    assert 0.80 < found.identity_median < 0.90


def test_files_that_are_not_there(source: ReadsSource, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none.fa: no such file; --reference takes"):
        find_reads(source.files, tmp_path / "none.fa", recursive=False, max_reads=None)
    with pytest.raises(UsageError, match=r"none.pod5: no such file"):
        find_reads([tmp_path / "none.pod5"], source.reference, recursive=False, max_reads=None)


def test_a_model_for_other_reads(source: ReadsSource, model: BasecallModel, small_model: Path) -> None:
    from lexome.checkpoint.store import load

    assert check_models([load(small_model)], source) == []
    other = load("r9.4.1_fast")
    other.features["sample_rate_hz"] = 5000
    with pytest.raises(UsageError, match=r"model r9.4.1_fast is for .* 5000 Hz, but there are reads of"):
        check_models([load(small_model), other], source)


def test_what_tells_reads_apart(source: ReadsSource, tmp_path: Path) -> None:
    described = source.described()
    assert [file["name"] for file in described["files"]] == ["a.pod5", "b.pod5"]
    assert described == source.described()
    (tmp_path / "ref.fa").write_text(source.reference.read_text().replace("A", "C", 1))
    assert ReadsSource(source.files, tmp_path / "ref.fa").described() != described


def test_figures_of_chunks(small_model: Path, tiny_store: Path) -> None:
    told: list[int] = []
    found = judge_on_chunks(str(small_model), tiny_store, 3, "cpu", told.append)
    assert (found.chunks, found.reads, told) == (3, 3, [3])
    (opened,) = open_models([str(small_model)], tiny_store, 3)
    expected = opened.task.evaluate(opened.network, "validation")
    assert found.identity_mean == pytest.approx(expected["label_identity_mean"], abs=1e-12)
    assert found.identity_mean_interval is not None
    assert found.identity_mean_interval[0] <= found.identity_mean <= found.identity_mean_interval[1]


def test_stores_that_do_not_serve(small_model: Path, tiny_store: Path, tmp_path: Path) -> None:
    check_store([str(small_model)], tiny_store)
    for name, samples, split in (("training", 200, 0), ("odd", 203, 1)):
        signal, target = np.zeros(samples, np.float32), np.ones(20, np.uint8)
        write_store(tmp_path / name, [LabelledChunk(signal, target, "r", "g", 0, 20, split)], {})
    with pytest.raises(UsageError, match="training: holds no chunk for validation"):
        check_store([str(small_model)], tmp_path / "training")
    with pytest.raises(UsageError, match="takes chunks of a multiple of 5 samples"):
        check_store([str(small_model)], tmp_path / "odd")
    assert describe_store(tiny_store, 5) != describe_store(tmp_path / "odd", 5)
