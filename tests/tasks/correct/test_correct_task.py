"""The task of read correction: its batches, loss and metrics, and training it for real on simulated ZMWs."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.core.zmw import Truth, Window
from lexome.decode.consensus_loss import consensus_loss
from lexome.evaluate.majority import majority_vote
from lexome.evaluate.windows import align_windows, exact_windows
from lexome.features.pileup import PileupConfig
from lexome.features.pileup_windows import network_rows
from lexome.io.windows import WindowStore, open_window_writer, read_windows
from lexome.tasks.correct.model import pileup_config
from lexome.tasks.correct.task import CorrectTask, CorrectTaskConfig, WindowBatch
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.training import train_recipe
from lexome.train.task import Progress, Task

NETWORK: dict[str, Any] = {"pileup": {"passes": 8}, "size": 24, "feed_forwards": [32]}
ARCHITECTURE = {"name": "deepconsensus", "config": NETWORK}
HEAD = {"name": "consensus", "config": {}}
NOW = Progress(0, 1, 0)
Stores = tuple[Path, Path]


def make_task(
    stores: Stores | list[Path], architecture: dict[str, Any] = ARCHITECTURE, **config: Any
) -> CorrectTask:
    return CorrectTask(CorrectTaskConfig(tuple(map(str, stores)), **config), architecture, HEAD)


def recipe_of(stores: Stores, steps: int = 6, **optim: float) -> dict[str, Any]:
    return {
        "task_kind": "correct", "name": "toy", "architecture": ARCHITECTURE, "head": HEAD,
        "task": {
            "stores": [str(path) for path in stores], "validation_windows": 40,
            "optim": {"lr": 5e-3, "warmup_steps": 2} | optim,
        },
        "loop": {
            "steps": steps, "batch_size": 8, "seed": 1, "validate_every": 100, "save_every": 3,
            "log_every": 1, "device": "cpu",
        },
    }  # fmt: skip


def take(task: CorrectTask, count: int, split: str = "training", **changes: int) -> list[WindowBatch]:
    settings = {"batch_size": 8, "seed": 1, "rank": 0, "world": 1, "skip": 0} | changes
    batches = task.batches(split, **settings)
    return [batch for batch, _ in zip(batches, range(count), strict=False)]


def windows_of_store(store: WindowStore) -> list[Window]:
    return [
        Window("", i, np.array(rows), np.array(snr), 1, 0, 0, 0, 0, False)
        for i, (rows, snr) in enumerate(zip(store.rows_NRL, store.snr_N4, strict=True))
    ]


def test_it_is_a_task(window_stores: Stores) -> None:
    assert isinstance(make_task(window_stores), Task)


def test_the_network_sees_what_it_sees_when_reads_are_corrected(window_stores: Stores) -> None:
    task = make_task(window_stores)
    store = read_windows(window_stores[1])
    rows_NRL = network_rows(windows_of_store(store), task.pileup)
    rows_NRL[:, -4:] = rows_NRL[:, -4:].clip(0, 500)
    (batch,) = take(task, 1, "validation", batch_size=10_000)
    assert batch.rows_NRL.dtype == torch.int16
    np.testing.assert_array_equal(batch.rows_NRL.numpy(), np.trunc(rows_NRL))
    np.testing.assert_array_equal(batch.labels_NL.numpy(), store.labels_NL)
    assert batch.lengths_N.tolist() == store.lengths_N.tolist()
    torch.manual_seed(0)
    network = task.build().eval()
    with torch.no_grad():
        assert torch.equal(network(batch.rows_NRL), network(torch.from_numpy(rows_NRL)))


def test_large_ratios_and_missing_qualities(tmp_path: Path) -> None:
    config = PileupConfig(max_passes=8, width=6, with_qualities=True)
    rows_RL = np.zeros((34, 6), np.uint8)
    rows_RL[32, :3], rows_RL[33, :3] = 2, (1, 94, 40)
    window = Window(
        "m/1/ccs", 0, rows_RL, np.array([-3.5, 7.9, 500.2, 9e6], np.float32), 0, 0, 3, 0, 6, False
    )
    truth = Truth("t", "TTT", 0, np.array([[3, 7]]), "c", 0, 3, "train")
    labels = np.array([[2, 2, 2, 0, 0, 0]], np.uint8)
    with open_window_writer(tmp_path / "s", 34, 6) as writer:
        writer.add([window], labels, truth, "validation")
        writer.finish({"pileup": dataclasses.asdict(config)})
    network = NETWORK | {"pileup": {"passes": 8, "ccs_qualities": True}}
    task = make_task([tmp_path / "s"], {"name": "deepconsensus", "config": network})
    (batch,) = take(task, 1, "validation")
    assert batch.rows_NRL[0, 33].tolist() == [0, 93, 39, -1, -1, -1]
    assert batch.rows_NRL[0, -4:, 0].tolist() == [0, 7, 500, 500]
    assert batch.ccs_NL.tolist() == [[2, 2, 2, 0, 0, 0]]
    assert torch.isfinite(task.loss(task.build(), batch, NOW).total)


def test_batches_are_the_same_for_the_same_arguments(window_stores: Stores) -> None:
    task = make_task(window_stores)
    everything = take(task, 30)
    for skip in (1, 11, 29):
        for left, right in zip(take(task, 30 - skip, skip=skip), everything[skip:], strict=True):
            assert torch.equal(left.rows_NRL, right.rows_NRL)
            assert torch.equal(left.labels_NL, right.labels_NL)
    halves = [take(task, 3, batch_size=4, rank=rank, world=2) for rank in range(2)]
    for number, whole in enumerate(everything[:3]):
        assert torch.equal(torch.cat([half[number].rows_NRL for half in halves]), whole.rows_NRL)
    judged = torch.cat([b.rows_NRL for b in take(task, 99, "validation")])
    trained = {bytes(row) for b in everything for row in b.rows_NRL.numpy()}
    assert not trained & {bytes(row) for row in judged.numpy()}


def test_fewer_windows_to_judge_by_are_some_of_all(window_stores: Stores) -> None:
    everything = take(make_task(window_stores), 99, "validation")
    few = take(make_task(window_stores, validation_windows=11), 99, "validation")
    rows = {bytes(row) for batch in everything for row in batch.rows_NRL.numpy()}
    seen = [bytes(row) for batch in few for row in batch.rows_NRL.numpy()]
    assert [len(batch.rows_NRL) for batch in few] == [8, 3]
    assert len(set(seen)) == 11
    assert set(seen) <= rows


def test_the_loss_is_that_of_the_windows(window_stores: Stores) -> None:
    # new networks give labels away only if that is cheap
    configs: list[dict[str, Any]] = [
        {}, {"deletion_cost": 0.3}, {"deletion_cost": 0.3, "temperature": 1.0}, {"band_width": 1}
    ]  # fmt: skip
    seen = set()
    for config in configs:
        torch.manual_seed(1)
        task = make_task(window_stores, **config)
        (batch,) = take(task, 1, batch_size=6)
        network = task.build()
        losses = task.loss(network, batch, NOW)
        ccs = batch.rows_NRL[:, 32].long()
        expected = consensus_loss(
            network(batch.rows_NRL), batch.labels_NL, batch.lengths_N,
            deletion_cost=config.get("deletion_cost", 10.0), temperature=config.get("temperature", 0.1),
            draft_NL=ccs, band_width=config.get("band_width"), kernel="torch",
        ).mean()  # fmt: skip
        torch.testing.assert_close(losses.total, expected)
        assert losses.parts == {"loss": pytest.approx(float(expected.detach()))}
        assert losses.weight == 6
        seen.add(float(expected.detach()))
    assert len(seen) == len(configs)


class Reciting(torch.nn.Module):
    """Copies a row, but for every fifth column, where it calls a gap."""

    def __init__(self, rows: slice) -> None:
        super().__init__()
        self.rows = rows
        self.nothing = torch.nn.Parameter(torch.zeros(1))

    def forward(self, rows_NRL: torch.Tensor) -> torch.Tensor:
        symbols = rows_NRL[:, self.rows][:, 0].long().clone()
        symbols[:, ::5] = 0
        return 20 * torch.nn.functional.one_hot(symbols, 5).float() + self.nothing


def test_metrics_are_those_of_the_windows(window_stores: Stores) -> None:
    task = make_task(window_stores, validation_windows=10_000)
    store = read_windows(window_stores[1])
    network = Reciting(slice(32, 33))
    network.train()
    metrics = task.evaluate(network, "validation")
    assert network.training
    ccs_NL = store.rows_NRL[:, 32]
    called_NL = np.where(np.arange(60) % 5, ccs_NL, 0)
    votes_NL = majority_vote(np.array(store.rows_NRL), 8)
    for prefix, symbols_NL in (("", called_NL), ("ccs_", ccs_NL), ("majority_", votes_NL)):
        aligned = align_windows(symbols_NL, store.labels_NL)
        assert metrics[f"{prefix}identity"] == aligned.identity
        assert metrics[f"{prefix}errors"] == (aligned.columns - aligned.matches).sum()
        assert metrics[f"{prefix}exact"] == exact_windows(symbols_NL, store.labels_NL).mean()
    assert 0.7 < metrics["identity"] < 0.9 < 0.98 < metrics["ccs_identity"] < 1
    assert metrics["windows"] == len(store.rows_NRL)
    assert task.evaluate(network, "validation") == metrics
    with pytest.raises(UsageError, match="no window for test"):
        task.evaluate(network, "test")


def test_missing_stores_and_windows_are_named(window_stores: Stores) -> None:
    with pytest.raises(UsageError, match="names no training store"):
        make_task([])
    other = {"name": "deepconsensus", "config": NETWORK | {"pileup": {"passes": 20}}}
    with pytest.raises(UsageError, match="'passes': 8.*the architecture takes.*'passes': 20"):
        make_task(window_stores, other)
    with pytest.raises(UsageError, match="no window for training"):
        take(make_task([window_stores[1]]), 1)


@pytest.mark.parametrize(
    "config",
    [{"deletion_cost": -1.0}, {"temperature": float("nan")}, {"band_width": -1}, {"validation_windows": 0}],
)
def test_wrong_settings_are_refused(config: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        CorrectTaskConfig((), **config)


def test_it_learns(window_stores: Stores, tmp_path: Path) -> None:
    """From nothing to most bases right, within seconds; the model that is kept can be used."""
    rows: list[dict] = []
    recipe = resolve_recipe(recipe_of(window_stores, 40, lr=1e-2), "here")
    train_recipe(recipe, tmp_path / "run", "1", on_log=rows.append)
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[0] > 60
    assert np.mean(losses[-10:]) < 0.1 * losses[0]
    metrics = rows[-1]["validation"]
    assert metrics["identity"] > 0.9
    model = load(tmp_path / "run" / "model")
    assert (model.task, model.name) == ("correct", "toy")
    task = make_task(window_stores, validation_windows=40)
    assert pileup_config(model) == task.pileup == PileupConfig(max_passes=8, width=60)
    again = task.evaluate(build_network(model), "validation")
    assert again == pytest.approx(metrics, rel=1e-5)
    assert model.provenance["stores"][0]["task"] == "correct"
    seen = model.provenance["input_range"]  # of what was trained on alone, as the store was made of it
    first, second = (read_windows(path).meta["input_range"] for path in window_stores)
    assert seen == first != second
    assert 5 < seen["pulse_width"][0] < seen["pulse_width"][1] < 50
    going_on = make_task(window_stores, start_from=str(tmp_path / "run" / "model"), validation_windows=40)
    assert going_on.evaluate(going_on.build(), "validation") == again
    wide = {"name": "deepconsensus", "config": NETWORK | {"size": 26}}
    with pytest.raises(UsageError, match="other layers"):
        make_task(window_stores, wide, start_from=str(tmp_path / "run" / "model")).build()


def test_resuming_gives_the_same_bits(window_stores: Stores, tmp_path: Path) -> None:
    recipe = resolve_recipe(recipe_of(window_stores, 8), "here")

    class Stop(Exception):  # noqa: N818
        pass

    def stop(row: dict) -> None:
        if row["step"] == 5:
            raise Stop

    train_recipe(recipe, tmp_path / "whole", "1")
    with pytest.raises(Stop):
        train_recipe(recipe, tmp_path / "parts", "1", on_log=stop)
    train_recipe(recipe, tmp_path / "parts", "1", resume=True)
    whole, parts = (load_file(tmp_path / name / "training.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, parts[name], name)
    steps = [json.loads(line)["step"] for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert steps == [*range(1, 9), 8]
