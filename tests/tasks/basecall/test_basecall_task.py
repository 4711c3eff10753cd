"""The basecalling task: its batches, loss and metrics, and training it for real on a toy store."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load, save
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.decode.crf import CrfDecoder
from lexome.features.augment import AugmentConfig
from lexome.features.signal import ScalingConfig, SignalConfig
from lexome.io.chunks import LabelledChunk, read_store, write_store
from lexome.tasks.basecall.task import BasecallTask, BasecallTaskConfig, SignalBatch
from lexome.tasks.basecall.weighting import WeightingConfig, chunk_weights
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.training import train_recipe
from lexome.train.distributed import Processes
from lexome.train.optim import OptimConfig
from lexome.train.task import Advised, Diagnosable, Progress, Task

ARCHITECTURE = {
    "name": "bonito",
    "config": {
        "convs": [
            {"size": 8, "kernel": 5, "stride": 1, "activation": "swish"},
            {"size": 24, "kernel": 7, "stride": 3, "activation": "swish"},
        ],
        "lstms": [{"size": 24, "reverse": True}, {"size": 24, "reverse": False}],
    },
}
HEAD = {"name": "crf", "config": {"state_len": 1, "blank_score": 2.0}}
NOW = Progress(0, 1, 0)


def toy_chunk(rng: np.random.Generator, index: int, samples: int, split: int) -> LabelledChunk:
    """A level per base, about seven samples each, no base twice in a row."""
    bases = np.cumsum(rng.integers(1, 4, samples // 6)) % 4
    dwell = rng.integers(6, 9, len(bases))
    kept = int(np.searchsorted(np.cumsum(dwell), samples)) + 1
    signal = np.repeat(bases - 1.5, dwell)[:samples] + rng.normal(0, 0.1, samples)
    place = 1000 * index
    return LabelledChunk(
        signal.astype(np.float32), (bases[:kept] + 1).astype(np.uint8), f"read{index}", "toy", place,
        place + kept, split,
    )  # fmt: skip


def toy_store(
    path: Path, count: int = 96, samples: int = 150, meta: dict | None = None, seed: int = 0
) -> str:
    rng = np.random.default_rng(seed)
    chunks = [toy_chunk(rng, i, samples, int(i % 4 == 3)) for i in range(count)]
    write_store(path, chunks, {"scaling": to_dict(ScalingConfig())} if meta is None else meta)
    return str(path)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return toy_store(tmp_path_factory.mktemp("stores") / "toy")


def make_task(
    *stores: str, head: dict = HEAD, signal: SignalConfig | None = None, **config: Any
) -> BasecallTask:
    return BasecallTask(BasecallTaskConfig(stores, **config), ARCHITECTURE, head, signal or SignalConfig())


def take(task: BasecallTask, count: int, split: str = "training", **changes: int) -> list[SignalBatch]:
    settings = {"batch_size": 8, "seed": 1, "rank": 0, "world": 1, "skip": 0} | changes
    batches = task.batches(split, **settings)
    return [batch for batch, _ in zip(batches, range(count), strict=False)]


def assert_same(left: list[SignalBatch], right: list[SignalBatch]) -> None:
    for a, b in zip(left, right, strict=True):
        for x, y in zip(vars(a).values(), vars(b).values(), strict=True):
            assert torch.equal(x, y)


def chunk_numbers(batches: list[SignalBatch], store: str) -> list[int]:
    """Which chunks of the store the rows of batches are."""
    signal_NS = read_store(Path(store)).signal_NS.astype(np.float32)
    rows = torch.cat([batch.signal_NCS[:, 0] for batch in batches]).numpy()
    return [int(np.flatnonzero((signal_NS == row).all(axis=1))[0]) for row in rows]


WILD = AugmentConfig(0.8, 1.2, 0.1, 0.1, 0.1)


def test_it_is_a_task(store: str) -> None:
    assert isinstance(make_task(store), Task)


def test_batches_are_the_same_for_the_same_arguments_and_skipping_is_skipping(store: str) -> None:
    task = make_task(store, augment=WILD)
    everything = take(task, 25)  # 72 training chunks: nine batches an epoch
    assert_same(take(make_task(store, augment=WILD), 25), everything)
    for skip in (1, 8, 9, 10, 20):
        assert_same(take(task, 25 - skip, skip=skip), everything[skip:])
    assert not torch.equal(take(task, 1, seed=2)[0].targets_NL, everything[0].targets_NL)


def test_an_epoch_holds_every_training_chunk_once(store: str) -> None:
    numbers = chunk_numbers(take(make_task(store), 18), store)
    training = [i for i in range(96) if i % 4 != 3]
    assert sorted(numbers[:72]) == sorted(numbers[72:]) == training
    assert numbers[:72] != numbers[72:]


def test_every_step_varies_its_batch_in_its_own_way(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    flat = [dataclasses.replace(toy_chunk(rng, i, 30, 0), signal=np.zeros(30, np.float32)) for i in range(16)]
    write_store(tmp_path / "flat", flat, {})
    task = make_task(str(tmp_path / "flat"), augment=AugmentConfig(offset_sd=1.0))
    offsets = [tuple(batch.signal_NCS[:, 0, 0].tolist()) for batch in take(task, 8)]  # two batches an epoch
    assert len(set(offsets)) == 8


def test_several_processes_share_an_epoch(store: str) -> None:
    task = make_task(store)
    parts = [chunk_numbers(take(task, 3, rank=rank, world=3), store) for rank in range(3)]
    assert sorted(sum(parts, [])) == [i for i in range(96) if i % 4 != 3]
    varied = make_task(store, augment=AugmentConfig(noise_sd=0.5))
    first = [take(varied, 1, rank=rank, world=2)[0].signal_NCS for rank in range(2)]
    assert not torch.equal(*first)


@pytest.mark.parametrize("world", [2, 4])
def test_the_batches_of_all_processes_are_the_batch_of_one(store: str, world: int) -> None:
    task = make_task(store, augment=WILD)
    whole = take(task, 12)  # nine batches an epoch
    parts = [take(task, 12, rank=rank, world=world, batch_size=8 // world) for rank in range(world)]
    for step, batch in enumerate(whole):
        shares = [part[step] for part in parts]
        assert torch.equal(torch.cat([share.signal_NCS for share in shares]), batch.signal_NCS)
        assert torch.equal(torch.cat([share.lengths_N for share in shares]), batch.lengths_N)
        width = batch.targets_NL.shape[1]
        targets = [torch.nn.functional.pad(s.targets_NL, (0, width - s.targets_NL.shape[1])) for s in shares]
        assert torch.equal(torch.cat(targets), batch.targets_NL)


def test_rows_of_a_batch_are_chunks_with_their_targets(store: str) -> None:
    (batch,) = take(make_task(store), 1)
    opened = read_store(Path(store))
    assert batch.signal_NCS.shape == (8, 1, 150)
    assert batch.signal_NCS.dtype == torch.float32
    assert batch.targets_NL.shape[1] == batch.lengths_N.max()
    for row, number in enumerate(chunk_numbers([batch], store)):
        length = int(opened.lengths_N[number])
        assert int(batch.lengths_N[row]) == length
        assert batch.targets_NL[row, :length].tolist() == opened.targets_NL[number, :length].tolist()
        assert not batch.targets_NL[row, length:].any()


def test_validation_is_one_pass_unvaried_and_bounded(store: str) -> None:
    task = make_task(store, augment=WILD)
    batches = take(task, 100, "validation", seed=5)
    assert sorted(chunk_numbers(batches, store)) == [i for i in range(96) if i % 4 == 3]
    assert [len(b.lengths_N) for b in batches] == [8, 8, 8]
    few = [
        chunk_numbers(take(make_task(store, validation_chunks=5), 100, "validation"), store) for _ in range(2)
    ]
    assert few[0] == few[1] == sorted(few[0])
    assert len(few[0]) == 5


def test_training_and_validation_do_not_overlap_by_interval(store: str) -> None:
    opened = read_store(Path(store))
    places = {
        split: [opened.source_N[i] for i in opened.indices(split)] for split in ("training", "validation")
    }
    assert all(
        a["contig"] != b["contig"] or a["end_bp"] <= b["start_bp"] or b["end_bp"] <= a["start_bp"]
        for a in places["training"]
        for b in places["validation"]
    )
    task = make_task(store)
    seen = [
        set(chunk_numbers(take(task, n, split), store)) for n, split in ((18, "training"), (9, "validation"))
    ]
    assert not seen[0] & seen[1]


def test_several_stores_are_one(tmp_path: Path, store: str) -> None:
    other = toy_store(tmp_path / "other", count=16, seed=1)
    task = make_task(store, other)
    rows = torch.cat([b.signal_NCS[:, 0] for b in take(task, 84, batch_size=1)]).numpy()
    both = np.concatenate([read_store(Path(p)).signal_NS for p in (store, other)]).astype(np.float32)
    training = np.concatenate([read_store(Path(p)).split_N == 0 for p in (store, other)])
    assert {row.tobytes() for row in rows} == {row.tobytes() for row in both[training]}


def test_the_loss_is_per_base_and_averaged_over_what_fits(store: str) -> None:
    task = make_task(store)
    model = task.build()
    (batch,) = take(task, 1)
    scores = task.outputs(model, batch).scores
    per_item = task._loss(scores, batch.targets_NL, batch.lengths_N) / batch.lengths_N
    losses = task.loss(model, batch, NOW)
    torch.testing.assert_close(losses.total, per_item.mean())
    assert losses.parts == {"loss": pytest.approx(per_item.mean().item())}
    assert (losses.counts, losses.weight) == ({}, 8)
    # two rows whose targets cannot fit into the 50 steps
    targets = torch.nn.functional.pad(batch.targets_NL, (0, 60), value=1)
    lengths = batch.lengths_N.clone()
    lengths[[1, 4]] = 60
    crowded = task.loss(model, dataclasses.replace(batch, targets_NL=targets, lengths_N=lengths), NOW)
    torch.testing.assert_close(crowded.total, per_item[[0, 2, 3, 5, 6, 7]].mean())
    assert crowded.counts == {"too_long_targets": 2}
    assert crowded.weight == 6
    crowded.total.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    lengths[:] = 60
    nothing = task.loss(model, dataclasses.replace(batch, targets_NL=targets, lengths_N=lengths), NOW)
    assert nothing.total.item() == 0


def test_chunks_that_fit_badly_count_less_if_it_is_asked_for(store: str) -> None:
    weighting = WeightingConfig(True, tolerance=1.0, min_weight=0.2)
    task = make_task(store, weighting=weighting)
    model = task.build()
    (batch,) = take(task, 1)
    lengths = batch.lengths_N.clone()
    lengths[0] = 1  # nearly everything is wrong about it
    targets = torch.nn.functional.pad(batch.targets_NL, (0, 60), value=1)
    lengths[1] = 60  # does not fit
    batch = dataclasses.replace(batch, targets_NL=targets, lengths_N=lengths)
    per_item = task._loss(task.outputs(model, batch).scores, targets, lengths) / lengths
    losses = task.loss(model, batch, NOW)
    weights = chunk_weights(per_item.detach(), per_item.detach(), weighting)
    assert weights[0] == pytest.approx(0.2)
    weights, fitting = weights[[0, *range(2, 8)]], per_item[[0, *range(2, 8)]]
    torch.testing.assert_close(losses.total, (weights * fitting).sum() / weights.sum())
    assert losses.weight == pytest.approx(float(weights.sum()))
    assert losses.parts["mean_weight"] == pytest.approx(float(weights.mean()))
    assert losses.counts == {"too_long_targets": 1}
    losses.total.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_the_whole_batch_decides_what_is_bad(store: str) -> None:
    class Others(Processes):
        def gather(self, tensor: torch.Tensor) -> torch.Tensor:
            return torch.cat([tensor, torch.full_like(tensor, 1e-3), torch.full_like(tensor, 1e-3)])

    task = make_task(store, weighting=WeightingConfig(True))
    model = task.build()
    (batch,) = take(task, 1)
    alone = task.loss(model, batch, NOW)
    among = task.loss(model, batch, dataclasses.replace(NOW, processes=Others(0, 3)))
    assert alone.parts["mean_weight"] > 0.7
    assert among.parts["mean_weight"] == pytest.approx(0.1)


def test_a_network_that_does_not_learn_is_looked_into(store: str) -> None:
    task = make_task(store)
    assert isinstance(task, Diagnosable)
    assert task.plateau[0] < np.log(4) < task.plateau[1]
    model = task.build()
    before, random = {n: w.clone() for n, w in model.state_dict().items()}, torch.get_rng_state()
    text = task.diagnose(model, {"loss": 1.39, "gradient_norm": 0.5, "learning_rate": 0.004})
    assert "encoder.convs.0.conv" in text
    assert "encoder.lstms.1.rnn" in text
    (batch, *_) = take(task, 1, "validation", batch_size=32)
    label = "".join("ACGT"[b - 1] for b in batch.targets_NL[0, : batch.lengths_N[0]])
    shown = [line.removeprefix("label ") for line in text.splitlines() if line.startswith("label ")]
    assert "".join(shown).replace("-", "") == label
    assert model.training
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(w, before[n]) for n, w in model.state_dict().items())


def test_the_loss_is_timed(store: str) -> None:
    task = make_task(store)
    progress = Progress(0, 1, 0)
    task.loss(task.build(), take(task, 1)[0], progress)
    assert set(progress.clock.shares()) == {"loss"}


@pytest.mark.slow
def test_labels_of_other_chunks_end_on_the_plateau_and_are_spoken_of(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    chunks = [toy_chunk(rng, i, 900, int(i % 8 == 7)) for i in range(256)]
    wrong = [
        dataclasses.replace(chunk, target=rng.integers(1, 5, len(chunk.target)).astype(np.uint8))
        for chunk in chunks
    ]
    warned = {}
    for name, made in (("right", chunks), ("wrong", wrong)):
        write_store(tmp_path / name, made, {})
        recipe = toy_recipe(
            str(tmp_path / name),
            steps=260,
            batch_size=16,
            validate_every=260,
            save_every=260,
            plateau_steps=100,
        )
        rows: list[dict[str, Any]] = []
        train_recipe(resolve_recipe(recipe, name), tmp_path / f"run_{name}", "0", on_log=rows.append)
        warned[name] = [row["warning"] for row in rows if "warning" in row]
        losses = [row["loss"] for row in rows if "loss" in row]
        assert (1.2 < np.mean(losses[-50:]) < 1.6) == (name == "wrong")
    assert warned["right"] == []
    (warning,) = warned["wrong"]
    assert "nothing has been learnt yet\nlikely causes:\n- labels: do they belong" in warning


def test_chunks_to_call_much_longer_than_those_of_training_are_warned_of(store: str) -> None:
    length = make_task(store).stores[0].signal_NS.shape[1]
    for chunk_size, warned in ((length, False), (length * 3 // 2, False), (length * 3 // 2 + 1, True)):
        made = make_task(store)
        task = type(made)(
            made.config,
            made.architecture,
            made.head,
            dataclasses.replace(made.signal, chunk_size=chunk_size, overlap=0),
        )
        assert isinstance(task, Advised)
        assert any(f"chunks of {chunk_size} samples" in text for text in task.advice) == warned


def test_training_starts_from_a_model_or_widens_it(store: str, tmp_path: Path) -> None:
    first = make_task(store)
    network = first.build()
    save(tmp_path / "narrow", first.checkpoint(network, {"name": "narrow"}), "card")
    started = dataclasses.replace(first.config, start_from=str(tmp_path / "narrow"))
    same = type(first)(started, first.architecture, first.head, first.signal).build()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name])
    wider = json.loads(json.dumps(first.architecture))
    wider["config"]["lstms"][0]["size"] += 3
    signal_NCS = take(first, 1)[0].signal_NCS
    wide = type(first)(started, wider, first.head, first.signal).build()
    before, after = network.eval()(signal_NCS), wide.eval()(signal_NCS)
    assert (after - before).std() < 0.3 * before.std()
    wider["config"]["lstms"][0]["size"] = 1
    with pytest.raises(UsageError, match="cannot be widened to it: a layer of"):
        type(first)(started, wider, first.head, first.signal).build()


def test_a_broken_network_is_no_zero_loss(store: str) -> None:
    task = make_task(store)
    model = task.build()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    assert torch.isnan(task.loss(model, take(task, 1)[0], NOW).total)


def test_metrics_are_those_of_the_calls(store: str) -> None:
    edlib = pytest.importorskip("edlib")
    task = make_task(store)
    model = task.build().eval()
    metrics = task.evaluate(model, "validation")
    assert not model.training
    identities, losses = [], []
    decoder = CrfDecoder(1, 2.0)
    for batch in take(task, 99, "validation", batch_size=1):
        scores = model(batch.signal_NCS).detach()
        losses.append(float(task._loss(scores, batch.targets_NL, batch.lengths_N) / batch.lengths_N))
        called = "".join("ACGT"[b] for b in decoder(scores[0].numpy()).bases)
        label = "".join("ACGT"[b - 1] for b in batch.targets_NL[0])
        aligned = edlib.align(called, label, task="path")
        shown = (
            edlib.getNiceAlignment(aligned, called, label)["matched_aligned"] if called else "-" * len(label)
        )
        identities.append(shown.count("|") / len(shown))
    assert metrics["chunks"] == len(identities) == 24
    assert metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    # of equally short alignments edlib may show one with fewer matches
    assert metrics["label_identity_mean"] == pytest.approx(np.mean(identities), abs=0.02)
    assert metrics["label_identity_p10"] <= metrics["label_identity_median"]
    assert task.evaluate(model.train(), "validation")["loss"] == metrics["loss"]
    assert model.training


def test_taps_give_the_outputs_of_modules(store: str) -> None:
    task = make_task(store)
    model = task.build()
    (batch,) = take(task, 1)
    outputs = task.outputs(model, batch, ("encoder", "encoder.lstms.0"))
    assert set(outputs.features) == {"encoder", "encoder.lstms.0"}
    torch.testing.assert_close(model.get_submodule("scorer")(outputs.features["encoder"]), outputs.scores)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_checkpoint_is_the_network(store: str) -> None:
    signal = SignalConfig(chunk_size=1000, overlap=100)
    task = make_task(store, signal=signal)
    model = task.build().eval()
    made = task.checkpoint(model, {"name": "toy", "seed": 3})
    assert (made.task, made.name, made.head.name) == ("basecall", "toy", "crf")
    assert made.features == to_dict(signal)
    assert made.provenance["stores"][0]["chunks"] == 96
    (batch,) = take(task, 1)
    torch.testing.assert_close(build_network(made)(batch.signal_NCS), model(batch.signal_NCS), rtol=0, atol=0)


@pytest.mark.parametrize("count", [4, 96])
def test_a_new_network_is_scaled_to_the_data_however_little_there_is(tmp_path: Path, count: int) -> None:
    task = make_task(toy_store(tmp_path / "s", count))
    model = task.build()
    scores = model(take(task, 1, batch_size=3)[0].signal_NCS)
    assert 0.3 < scores.unflatten(-1, (-1, 5))[..., 1:].std().item() < 3


def test_what_does_not_go_together_is_refused(tmp_path: Path, store: str) -> None:
    for stores, more, message in [
        ((), {}, "names no training store"),
        ((store, toy_store(tmp_path / "long", 4, samples=180)), {}, "different lengths"),
        ((store,), {"signal": SignalConfig(ScalingConfig("quantile"))}, "scaling"),
        ((store,), {"head": {"name": "ctcc", "config": {}}}, "unknown head 'ctcc'"),
    ]:
        with pytest.raises(UsageError, match=message):
            make_task(*stores, **more)
    with pytest.raises(UsageError, match="do not fill one batch of 80"):
        take(make_task(store), 1, batch_size=80)
    alone = toy_store(tmp_path / "alone", 3)
    with pytest.raises(UsageError, match="no chunk for validation"):
        take(make_task(alone), 1, "validation")
    old = make_task(toy_store(tmp_path / "old", 4, meta={}), signal=SignalConfig(ScalingConfig("quantile")))
    assert len(take(old, 1, batch_size=2)) == 1  # a store that does not say how it was scaled


def toy_recipe(store: str, **loop: int) -> dict[str, Any]:
    return {
        "task_kind": "basecall", "name": "toy", "architecture": ARCHITECTURE, "head": HEAD,
        "task": {
            "stores": [store], "augment": {"min_stretch": 0.9, "max_stretch": 1.1, "noise_sd": 0.1},
            "optim": {"lr": 0.02, "warmup_steps": 10},
        },
        "loop": {
            "steps": 6, "batch_size": 8, "validate_every": 3, "save_every": 3, "log_every": 1, "device": "cpu"
        } | loop,
    }  # fmt: skip


def test_it_learns_the_toy(tmp_path: Path, store: str) -> None:
    recipe = resolve_recipe(
        toy_recipe(store, steps=120, validate_every=60, save_every=120, log_every=60), "toy"
    )
    position = train_recipe(recipe, tmp_path / "run", "0")
    assert position.best_metric is not None
    assert position.best_metric > 0.9
    model = load(tmp_path / "run" / "model")
    assert model.provenance["validation"]["label_identity_mean"] == position.best_metric
    assert (model.provenance["name"], model.provenance["lexome_version"]) == ("toy", "0")
    task = make_task(store)
    again = task.evaluate(build_network(model), "validation")
    assert again["label_identity_mean"] == position.best_metric


class StoppedError(Exception):
    """Somebody pulled the plug."""


def test_three_steps_and_three_are_six_to_the_bit(tmp_path: Path, store: str) -> None:
    def stop(row: dict[str, Any]) -> None:
        if row["step"] == 5:
            raise StoppedError

    recipe = resolve_recipe(toy_recipe(store), "toy")
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train_recipe(recipe, straight, "0")
    with pytest.raises(StoppedError):
        train_recipe(recipe, broken, "0", on_log=stop)
    train_recipe(recipe, broken, "0", resume=True)
    for file in ("model.safetensors", "config.json"):
        assert (broken / "model" / file).read_bytes() == (straight / "model" / file).read_bytes()
    logs = [
        [
            {k: v for k, v in json.loads(line).items() if k not in ("seconds", "speed")}
            for line in (folder / "log.jsonl").read_text().splitlines()
        ]
        for folder in (straight, broken)
    ]
    assert logs[0] == logs[1]
    assert [row["step"] for row in logs[0]] == [0, 1, 2, 3, 3, 4, 5, 6, 6]  # advice first


def test_training_from_a_store_needs_no_reader_and_no_aligner(tmp_path: Path, store: str) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps(toy_recipe(store, steps=1)))
    code = """
import json, sys
from pathlib import Path
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.training import train_recipe
folder = Path(sys.argv[1])
train_recipe(resolve_recipe(json.loads((folder / "recipe.json").read_text()), "toy"), folder / "run", "0")
print(*({"pod5", "pysam", "mappy", "onnxruntime", "plotly"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, ""), ran.stderr


def test_the_optimizers_settings_come_from_the_recipe(store: str) -> None:
    config = OptimConfig(lr=0.123)
    (update,) = make_task(store, optim=config).updates(NOW)
    assert (update.split, update.optimizer) == ("training", config)
    model = make_task(store).build()
    assert {id(p) for p in update.parameters(model)} == {id(p) for p in model.parameters()}
    assert make_task(store).on_epoch(model, NOW) is False
