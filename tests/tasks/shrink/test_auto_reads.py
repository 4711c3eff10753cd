"""Which reads choose and which report, and what a model loses on them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import load, save
from lexome.core.errors import LexomeError, UsageError
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP
from lexome.io.chunks import LabelledChunk, write_store
from lexome.io.pod5 import write_pod5
from lexome.tasks.basecall.model import open_model
from lexome.tasks.bench.accuracy import ReadsSource
from lexome.tasks.shrink.auto_reads import (
    call_reads,
    identity_loss,
    raw_reads,
    signal_chunks,
    split_reads,
    timed_reads,
)

Own = tuple[Path, Path]


@pytest.fixture
def source(own_reads: Own) -> ReadsSource:
    reads, reference = own_reads
    return ReadsSource((reads,), reference, 400)


def ids_of(source: ReadsSource) -> set[str]:
    halves = split_reads(replace(source, max_reads=None), (), 0)
    return {*halves.choosing, *halves.reporting}


def test_halves_share_no_read_and_hold_all(source: ReadsSource) -> None:
    halves = split_reads(source, (), 0)
    assert (len(halves.choosing), len(halves.reporting), halves.trained_on) == (6, 6, 0)
    assert len({*halves.choosing, *halves.reporting}) == 12
    assert split_reads(source, (), 0) == halves
    assert split_reads(source, (), 1) != halves
    fewer = split_reads(replace(source, max_reads=5), (), 0)
    assert (len(fewer.choosing), len(fewer.reporting)) == (3, 2)
    assert {*fewer.choosing, *fewer.reporting} < ids_of(source)


def test_the_draw_does_not_depend_on_files(source: ReadsSource, raw_read: Callable, tmp_path: Path) -> None:
    reads = [raw_read(number, 4000) for number in reversed(range(12))]
    write_pod5(tmp_path / "a.pod5", reads[:5])
    write_pod5(tmp_path / "b.pod5", reads[3:])  # two reads are there twice
    files = (tmp_path / "a.pod5", tmp_path / "b.pod5")
    assert split_reads(replace(source, files=files), (), 3) == split_reads(source, (), 3)


def test_reads_that_train_do_not_judge(source: ReadsSource, tmp_path: Path) -> None:
    everyone = sorted(ids_of(source))
    target, signal = np.ones(5, np.uint8), np.zeros(50, np.float32)
    rows = [(everyone[0].upper(), 0), (everyone[0], 0), (everyone[4], 1), (everyone[7], 2)]  # 2: for tests
    write_store(
        tmp_path / "store",
        [LabelledChunk(signal, target, read, "g", 0, 5, split) for read, split in rows],
        {"task": "basecall"},
    )
    halves = split_reads(source, (tmp_path / "store",), 0)
    judging = {*halves.choosing, *halves.reporting}
    assert judging == set(everyone) - {everyone[0], everyone[4]}
    assert halves.trained_on == 2


def test_too_few_reads(source: ReadsSource, raw_read: Callable, tmp_path: Path) -> None:
    write_pod5(tmp_path / "few.pod5", [raw_read(number, 4000) for number in range(3)])
    with pytest.raises(UsageError, match="there are 3 reads"):
        split_reads(replace(source, files=(tmp_path / "few.pod5",)), (), 0)


def test_own_calls_have_identity_one_and_others_less(
    source: ReadsSource, small_model: Path, tmp_path: Path
) -> None:
    ids = split_reads(source, (), 0).choosing
    aligner = ReadAligner(source.reference)
    told: list[int] = []
    found = call_reads(open_model(small_model, device="cpu"), source, ids, aligner, told.append)
    assert set(found.identity) == set(ids)
    assert set(found.identity.values()) == {1.0}
    assert found.identity_mean == found.identity_median == 1.0
    assert told[-1] == sum(len(read.raw) for read in raw_reads(source, ids))

    base = load(small_model)
    name = "scorer.linear.weight"
    rng = np.random.default_rng(0)
    noisy = base.weights[name] + rng.normal(0, 0.02, base.weights[name].shape).astype(np.float32)
    save(tmp_path / "noisy", replace(base, weights={**base.weights, name: noisy}), "noisy")
    other = call_reads(open_model(tmp_path / "noisy", device="cpu"), source, ids, aligner)
    assert other.identity_mean is not None
    assert 0.7 < other.identity_mean < 1


def test_loss_is_that_of_pairs() -> None:
    before = {"a": 0.9, "b": 0.8, "c": None, "d": 0.7}
    after = {"d": 0.71, "a": 0.85, "b": 0.8, "c": 0.9}
    loss = identity_loss(before, after)
    assert loss.mean == pytest.approx((0.05 + 0.0 - 0.01) / 3)
    assert (loss.reads, loss.unmapped) == (3, 0)
    # the interval is that of the resampled pairs
    differences = np.array([0.05, 0.0, -0.01])
    rng = np.random.default_rng(DEFAULT_BOOTSTRAP.seed)
    means = [differences[rng.integers(0, 3, 3)].mean() for _ in range(DEFAULT_BOOTSTRAP.resamples)]
    assert loss.interval == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])))


def test_a_read_that_no_longer_maps_is_lost_whole_and_a_new_one_makes_up_for_nothing() -> None:
    before = {"a": 0.9, "b": 0.8, "c": None}
    for after in ({"a": 0.9, "b": None, "c": 1.0}, {"a": 0.9, "c": 1.0}):
        loss = identity_loss(before, after)
        assert loss.mean == pytest.approx(0.4)
        assert (loss.reads, loss.unmapped) == (2, 1)
    assert identity_loss({"a": 0.9}, {"a": 0.8}).interval is None
    with pytest.raises(LexomeError, match="none of the model's own reads maps"):
        identity_loss({"a": None}, {"a": 0.9})


def test_reads_that_are_timed(source: ReadsSource) -> None:
    ids = split_reads(source, (), 0).choosing
    assert len(timed_reads(source, ids, 10**9)) == 6
    some = timed_reads(source, ids, 5000)
    assert sum(len(read.raw) for read in some) >= 5000 > sum(len(read.raw) for read in some[:-1])


def test_chunks_of_signal_are_some_of_each_read(source: ReadsSource, small_model: Path) -> None:
    model = open_model(small_model, device="cpu")
    ids = split_reads(source, (), 0).choosing
    chunks = list(signal_chunks(source, ids, model.signal, model.engine.chunk_multiple))
    assert len(chunks) == 4 * 6
    assert {len(chunk) % model.engine.chunk_multiple for chunk in chunks} == {0}
    assert max(len(chunk) for chunk in chunks) == model.signal.chunk_size
    assert np.mean([abs(np.median(chunk)) for chunk in chunks]) < 1  # they are scaled
