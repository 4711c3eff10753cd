"""The task of fine-tuning: what learns, what is judged, what the checkpoint holds."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.adapters import merged_weights, read_adapters
from lexome.checkpoint.build import build_language_network
from lexome.checkpoint.store import load
from lexome.core.alphabet import reverse_complement
from lexome.core.errors import UsageError
from lexome.nn.lora import LoraConfig
from lexome.tasks.language.finetune_config import FinetuneConfig
from lexome.tasks.language.finetune_task import FinetuneTask
from lexome.tasks.language.targets import Kind
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.optim import OptimConfig
from lexome.train.task import Progress

Make = Callable[..., FinetuneTask]
FAST = OptimConfig(lr=1e-2, warmup_steps=10, decay="linear", final_lr=0.0)


@pytest.fixture
def task(toy: ModuleType) -> Callable[..., FinetuneTask]:
    def make(kind: Kind = "classes", folder: Path | None = None, **changes: Any) -> FinetuneTask:
        sets = {"training": toy.motif_set(300, kind), "validation": toy.motif_set(100, kind, seed=1)}
        config = replace(FinetuneConfig(optim=FAST, pooling="max", reverse_complement=False), **changes)
        return FinetuneTask(config, toy.masked_model(), toy.TOKENIZER, sets, folder)

    return make


def trained(one: FinetuneTask, folder: Path, steps: int = 120) -> dict[str, float]:
    loop = LoopConfig(steps=steps, batch_size=32, validate_every=steps, save_every=steps, seed=1)
    train(one, loop, folder, {"name": "toy"}, {})
    network = build_language_network(load(folder / "model"))
    return one.evaluate(network, "validation")


@pytest.mark.parametrize(("kind", "metric"), [("classes", "mcc"), ("labels", "mcc"), ("value", "r2")])
def test_motifs_are_learnt(task: Make, toy: ModuleType, kind: Kind, metric: str, tmp_path: Path) -> None:
    one = task(kind)
    assert one.primary_metric == metric
    assert trained(one, tmp_path, 200)[metric] > 0.85


def test_a_probe_and_adapters_leave_the_rest(task: Make, toy: ModuleType, tmp_path: Path) -> None:
    probe = task(method="probe")
    network = probe.build()
    learning = [n for n, p in network.named_parameters() if p.requires_grad]
    assert learning == ["scorer.classifier.weight", "scorer.classifier.bias"]
    batch = next(probe.batches("validation", batch_size=9, seed=0, rank=0, world=1, skip=0))
    plain = task(method="full")
    same = next(plain.batches("validation", batch_size=9, seed=0, rank=0, world=1, skip=0))
    with torch.no_grad():
        network.eval()
        torch.testing.assert_close(probe._scores(network, batch), network(same.tokens_NT, same.visible_NT))
    trained(task(), tmp_path / "full")
    learned = replace(probe.config, lora=LoraConfig(4))
    sets = {"training": toy.motif_set(300, seed=2), "validation": toy.motif_set(100, seed=1)}
    again = FinetuneTask(learned, load(tmp_path / "full" / "model"), toy.TOKENIZER, sets)
    assert trained(again, tmp_path / "probe")["mcc"] > 0.8  # what the encoder has learnt is still there
    lora = task(method="lora", lora=LoraConfig(4), folder=tmp_path / "adapters")
    trained(lora, tmp_path / "lora", 20)
    merged = load(tmp_path / "lora" / "model")
    kept = "encoder.embeddings.convolutions.kernels.0.weight"
    assert np.array_equal(merged.weights[kept], toy.masked_model().weights[kept])
    # the adapters that were written, put onto the model again, are the merged network
    again = FinetuneTask(
        FinetuneConfig(pooling="max"),
        toy.masked_model(),
        toy.TOKENIZER,
        {"training": toy.motif_set(20), "validation": toy.motif_set(20)},
    ).build()
    read_adapters(again, tmp_path / "adapters")
    tokens = torch.from_numpy(
        np.stack(toy.TOKENIZER.encode_batch(toy.motif_set(5).sequences)).astype(np.int64)
    )
    with torch.no_grad():
        want = build_language_network(merged)(tokens)
        torch.testing.assert_close(again.eval()(tokens), want, atol=1e-5, rtol=1e-5)


def test_merging_leaves_the_network_as_it_is(task: Make, toy: ModuleType) -> None:
    one = task(method="lora")
    network = one.build()
    for p in network.parameters():
        p.data += 0.01 * torch.randn_like(p)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights = merged_weights(network)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any("lora" in name or ".linear." in name for name in weights)
    plain = task().build()
    assert weights.keys() == plain.state_dict().keys()


def test_both_strands_are_shown_and_averaged(task: Make, toy: ModuleType) -> None:
    one = task(reverse_complement=True)
    network = one.build()
    first, second = (
        {int(t[3]) for t in b.tokens_NT}
        for b in islice(one.batches("training", batch_size=50, seed=0, rank=0, world=1, skip=0), 2)
    )
    assert first
    assert second
    flipped = FinetuneTask(
        one.config, toy.masked_model(), toy.TOKENIZER,
        {**{n: toy.motif_set(20) for n in ("training",)}, "validation": replace(
            (v := toy.motif_set(100, seed=1)), sequences=[reverse_complement(s) for s in v.sequences])},
    )  # fmt: skip
    np.testing.assert_allclose(
        one.predict(network, "validation"), flipped.predict(network, "validation"), atol=1e-6
    )
    single = task(reverse_complement=False)
    assert np.abs(one.predict(network, "validation") - single.predict(network, "validation")).max() > 1e-4


def test_class_weights_make_rare_classes_count_alike(task: Make, toy: ModuleType) -> None:
    one = task(class_weights=True)
    assert one.weights_K is not None
    counts = np.bincount(one.sets["training"].truth)
    np.testing.assert_allclose(one.weights_K * counts, [150, 150])
    labels = task("labels", class_weights=True)
    positives = labels.sets["training"].truth.sum(0)
    assert labels.weights_K is not None
    np.testing.assert_allclose(labels.weights_K * positives, 300 - positives)
    with pytest.raises(UsageError, match="make no sense for values"):
        task("value", class_weights=True)


def test_the_loss_is_that_of_the_scores(task: Make, toy: ModuleType) -> None:
    one = task("value")
    network = one.build().eval()
    batch = next(one.batches("validation", batch_size=10, seed=0, rank=0, world=1, skip=0))
    with torch.no_grad():
        losses = one.loss(network, batch, Progress(0, 1, 0))
    truth = (one.sets["validation"].truth[:10] - 11.0) / 2.2
    scores = network(batch.tokens_NT, batch.visible_NT)[:, 0].detach().numpy()
    assert float(losses.total) == pytest.approx(float(((scores - truth) ** 2).mean()), rel=1e-5)


def test_what_does_not_fit_is_refused(task: Make, toy: ModuleType) -> None:
    with pytest.raises(UsageError, match="has no pooler"):
        task(pooling="pooler")
    with pytest.raises(UsageError, match="no linear layer is called"):
        task(method="lora", lora=LoraConfig(targets=("query",))).build()
    with pytest.raises(ValueError, match="only method 'full'"):
        FinetuneConfig(method="probe", new_weights=True)
