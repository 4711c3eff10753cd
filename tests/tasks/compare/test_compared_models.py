"""Opening models on a store: what fits together, and the items that all of them get."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.core.errors import BadInputError, UsageError
from lexome.io.chunks import read_store
from lexome.io.windows import read_windows
from lexome.tasks.compare.models import (
    ComparedModel,
    items_of,
    numbered,
    numbered_names,
    open_models,
    untrained,
)


def test_names_tell_models_apart() -> None:
    assert numbered_names(["a", "b", "a"]) == ["a #1", "b", "a #3"]


def test_reads_get_numbers() -> None:
    parts = [np.array([b"x", b"a"], "S9"), np.array([b"x", b"b"], "S9")]
    assert numbered(parts).tolist() == [2, 0, 2, 1]


def test_all_windows_in_order(
    two_correctors: tuple[ComparedModel, ComparedModel], window_stores: tuple[Path, Path]
) -> None:
    store, told = read_windows(window_stores[1]), []
    parts = list(items_of(two_correctors[0], "validation", 7, told.append))
    assert told == [*range(7, len(store.split_N), 7), len(store.split_N)]
    assert np.array_equal(np.concatenate([p.reads_N for p in parts]), store.source_N["ccs"])
    labels_NL = np.concatenate([p.batch.labels_NL.numpy() for p in parts])
    assert np.array_equal(labels_NL, store.labels_NL)
    # filled-up columns are those behind the last base of a window, and only some reads' last windows have any
    columns_NL = np.concatenate([p.read_columns_NL for p in parts])
    some_NL = (store.rows_NRL[:, :8] != 0).any(axis=1) | (store.rows_NRL[:, 32] != 0)
    assert np.array_equal(columns_NL, some_NL)
    assert 0 < (~columns_NL).any(axis=1).sum() <= 3
    assert (np.diff(columns_NL.astype(int), axis=1) <= 0).all()


def test_some_windows_are_those_of_validation(
    corrector: Callable[..., str], window_stores: tuple[Path, Path]
) -> None:
    (model,) = open_models([corrector(1)], window_stores[1], 9)
    parts = list(items_of(model, "validation", 4))
    (batch,) = model.task.batches("validation", batch_size=99, seed=0, rank=0, world=1, skip=0)
    rows = torch.cat([part.batch.rows_NRL for part in parts])
    assert len(rows) == 9
    assert torch.equal(rows, batch.rows_NRL)


def test_chunks(basecaller: Callable[..., str], tiny_store: Path) -> None:
    (model,) = open_models([basecaller(1)], tiny_store, 3)
    parts = list(items_of(model, "validation", 2))
    store = read_store(tiny_store)
    assert (model.noun, [part.read_columns_NL for part in parts]) == ("chunks", [None, None])
    reads = np.concatenate([part.reads_N for part in parts])
    signal_NS = torch.cat([part.batch.signal_NCS for part in parts])[:, 0].numpy()
    assert len(reads) == 3
    for read, signal_S in zip(reads, signal_NS, strict=True):
        (row,) = np.flatnonzero(store.source_N["read"] == read)
        assert np.array_equal(store.signal_NS[row].astype(np.float32), signal_S)


def test_as_it_was_before_training(basecaller: Callable[..., str], tiny_store: Path) -> None:
    (model,) = open_models([basecaller(1)], tiny_store, 4)
    (items,) = items_of(model, "validation", 4)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    new, again = (untrained(model, items.batch) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    weights = dict(new.network.named_parameters())
    for name, weight in again.network.named_parameters():
        assert torch.equal(weight, weights[name])
    old = dict(model.network.named_parameters())
    assert not torch.equal(
        weights["encoder.lstms.0.rnn.weight_ih_l0"], old["encoder.lstms.0.rnn.weight_ih_l0"]
    )
    first_conv = new.network.encoder.convs[0].conv
    assert first_conv(items.batch.signal_NCS).std().item() == pytest.approx(1, abs=0.01)
    assert not new.network.training


def test_what_does_not_fit_together(
    corrector: Callable[..., str],
    basecaller: Callable[..., str],
    window_stores: tuple[Path, Path],
    tiny_store: Path,
) -> None:
    good, windows = corrector(1), window_stores[1]
    with pytest.raises(UsageError, match=r"different tasks \(basecall, correct\)"):
        open_models([good, basecaller(1)], windows, 9)
    with pytest.raises(UsageError, match="the architecture takes"):
        open_models([corrector(1, "other", pileup={"passes": 6})], windows, 9)
    with pytest.raises(UsageError, match="takes other windows"):
        open_models([good, corrector(1, "wide", width=100)], windows, 9)
    with pytest.raises(BadInputError, match="not a readable store of windows"):
        open_models([good], tiny_store, 9)
    convs = [{"size": 4, "kernel": 5, "stride": 30}]
    slow = basecaller(2, {"convs": convs, "lstms": [{"size": 4, "reverse": True}]})
    with pytest.raises(UsageError, match="multiple of 30 samples"):
        open_models([slow], tiny_store, 9)
    with pytest.raises(UsageError, match="unknown device"):
        open_models([good], windows, 9, "gpu")
