"""Masked pre-training: what is drawn, what is learnt, what is refused."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.features.masking import NOT_ASKED
from lexome.features.tokens import load_tokenizer
from lexome.simulate.genome import random_genome
from lexome.tasks.language.corpus import CorpusRequest, prepare_tokens
from lexome.tasks.language.pretrain import PretrainConfig, PretrainTask
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.optim import OptimConfig

ARCHITECTURE = {
    "name": "dnabert2",
    "config": {
        **{"size": 32, "num_layers": 2, "num_heads": 8, "hidden": 64, "dropout": 0.0},
        "initial_std": 0.2,
    },
}
HEAD = {"name": "masked_lm", "config": {}}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    (folder / "a.fa").write_text(f">a\n{'ACGT' * 4000}\n")
    (folder / "b.fa").write_text(f">b\n{random_genome(60_000, 1)}\n")
    request = CorpusRequest(
        [("repeat", folder / "a.fa"), ("genome", folder / "b.fa")], load_tokenizer("nucleotide"), 64,
        validation_share=0.2, both_strands=False, seed=2,
    )  # fmt: skip
    prepare_tokens(request, folder / "store")
    return folder / "store"


def task(store: Path, **changes: object) -> PretrainTask:
    config = PretrainConfig((str(store),), optim=OptimConfig(lr=5e-3, warmup_steps=10, decay="linear"))
    return PretrainTask(replace(config, **changes), ARCHITECTURE, HEAD)  # type: ignore[arg-type]


def batches(one: PretrainTask, count: int, **options: int) -> list:
    how = {"batch_size": 16, "seed": 3, "rank": 0, "world": 1, "skip": 0} | options
    return list(islice(one.batches("training", **how), count))


def test_special_tokens_and_padding_are_never_hidden(store: Path) -> None:
    for batch in batches(task(store), 5):
        asked = batch.asked_NT != NOT_ASKED
        assert bool(asked.any())
        assert int(batch.asked_NT[asked].min()) >= 5
        assert not bool((asked & ~batch.visible_NT).any())
        assert bool((batch.tokens_NT[asked] == 4).all())


def test_batches_are_the_same_after_a_stop_and_divided_among_processes(store: Path) -> None:
    one = task(store)
    whole = batches(one, 4)
    again = batches(one, 2, skip=2)
    for a, b in zip(whole[2:], again, strict=True):
        assert torch.equal(a.tokens_NT, b.tokens_NT)
    single = batches(one, 1, batch_size=16)[0]
    shared = [batches(one, 1, batch_size=8, world=2, rank=rank)[0] for rank in (0, 1)]
    true = [torch.where(b.asked_NT != NOT_ASKED, b.asked_NT, b.tokens_NT) for b in (single, *shared)]
    assert torch.equal(true[0], torch.cat(true[1:]))


@pytest.mark.parametrize("sampling", [1.0, 0.0])
def test_categories_are_drawn_as_the_sampling_says(store: Path, sampling: float) -> None:
    one = task(store, sampling=sampling)
    share = (one.rows.rows("training")[:, 3] == 1).mean() if sampling else 0.5
    repeats = [
        "".join(map(str, row[row >= 5][:16].tolist())).count("5678") >= 2
        for batch in batches(one, 40)
        for row in torch.where(batch.asked_NT != NOT_ASKED, batch.asked_NT, batch.tokens_NT)
    ]
    assert np.mean(repeats) == pytest.approx(share, abs=0.07)


def test_a_new_network_begins_with_the_frequencies(store: Path) -> None:
    (one := task(store)).build()
    network = one.build()
    network.scorer.transform.dense.weight.data.zero_()  # type: ignore[union-attr]
    network.scorer.transform.LayerNorm.weight.data.zero_()  # type: ignore[union-attr]
    figures = one.evaluate(network, "validation")
    assert figures["loss"] == pytest.approx(figures["frequency_loss"], abs=1e-3)
    assert figures["accuracy"] == pytest.approx(figures["frequency_accuracy"])


def test_weights_leave_a_category_out(store: Path) -> None:
    rows = task(store, weights={"genome": 0.0}).rows
    chances, _ = rows.chances(rows.rows("training"))
    assert chances.tolist() == [0.0, 1.0]  # in alphabetical order: genome, repeat
    with pytest.raises(UsageError, match="no category 'plants'"):
        task(store, weights={"plants": 1.0})
    everything = task(store, weights={"genome": 0.0, "repeat": 0.0})
    with pytest.raises(UsageError, match="leaves no category"):
        batches(everything, 1)


def test_a_repeat_is_learnt_and_a_model_goes_on(store: Path, tmp_path: Path) -> None:
    (tmp_path / "r.fa").write_text(f">r\n{'AAAAACCCCCGGGGGTTTTT' * 3000}\n")
    source = [("repeat", tmp_path / "r.fa")]
    request = CorpusRequest(source, load_tokenizer("nucleotide"), 64, validation_share=0.3, seed=1)
    prepare_tokens(request, tmp_path / "store")
    one = task(tmp_path / "store", validation_rows=60)
    loop = LoopConfig(steps=120, batch_size=16, validate_every=120, save_every=120, seed=1)
    position = train(one, loop, tmp_path / "run", {"name": "toy"}, {})
    new = one.evaluate(one.build(), "validation")
    assert new["frequency_loss"] == pytest.approx(np.log(4), abs=0.05)
    assert new["loss"] > 1.2
    assert position.best_metric is not None
    further = task(tmp_path / "store", validation_rows=60, start_from=str(tmp_path / "run" / "model"))
    assert further.evaluate(further.build(), "validation")["loss"] == pytest.approx(
        position.best_metric, 1e-3
    )
    assert position.best_metric < 0.7
    model = one.checkpoint(one.build(), {"name": "toy"})
    assert model.features["tokenizer_json"] == one.rows.stores[0].meta["tokenizer_json"]
    assert all("tokenizer_json" not in made for made in model.provenance["stores"])


def test_what_does_not_fit_is_refused(store: Path, tmp_path: Path) -> None:
    config = PretrainConfig((str(store),))
    with pytest.raises(UsageError, match="needs the head 'masked_lm' or 'text', not 'sequence'"):
        PretrainTask(config, ARCHITECTURE, {"name": "sequence", "config": {"num_outputs": 2}})
    with pytest.raises(UsageError, match="vocab_size is 7, the tokenizer says 10"):
        PretrainTask(config, {**ARCHITECTURE, "config": {"vocab_size": 7}}, HEAD)
    with pytest.raises(UsageError, match="names no store"):
        PretrainTask(PretrainConfig(()), ARCHITECTURE, HEAD)
    (tmp_path / "c.fa").write_text(f">c\n{random_genome(30_000, 1)}\n")
    other = CorpusRequest([("c", tmp_path / "c.fa")], load_tokenizer("3mer-nonoverlapping"))
    prepare_tokens(replace(other, validation_share=0.5), tmp_path / "other")
    with pytest.raises(UsageError, match="different tokenizers"):
        PretrainTask(PretrainConfig((str(store), str(tmp_path / "other"))), ARCHITECTURE, HEAD)


def test_bytes_are_masked_with_the_first_sentinel(tmp_path: Path) -> None:
    (tmp_path / "r.fa").write_text(f">r\n{'AAAAACCCCCGGGGGTTTTT' * 2000}\n")
    request = CorpusRequest(
        [("repeat", tmp_path / "r.fa")],
        load_tokenizer("byte", uppercase=True),
        65,
        validation_share=0.3,
        seed=1,
    )
    prepare_tokens(request, tmp_path / "store")
    config = PretrainConfig(
        (str(tmp_path / "store"),), validation_rows=60, optim=OptimConfig(lr=5e-3, warmup_steps=10)
    )
    encoder = {
        "size": 24, "num_layers": 2, "num_heads": 2, "head_size": 12, "hidden": 32, "narrow_radius": 8,
        "radius": 16, "num_global": 2, "dropout": 0.0,
    }  # fmt: skip
    one = PretrainTask(config, {"name": "enbed", "config": encoder}, HEAD)
    batch = batches(one, 1)[0]
    asked = batch.asked_NT != NOT_ASKED
    assert bool((batch.tokens_NT[asked] == 259).all())
    assert set(batch.asked_NT[asked].tolist()) == {68, 70, 74, 87}
    new = one.evaluate(one.build(), "validation")
    assert new["loss"] < new["frequency_loss"] + 2  # large vectors of tokens do not drown the frequencies
    loop = LoopConfig(steps=60, batch_size=16, validate_every=60, save_every=60, seed=1)
    train(one, loop, tmp_path / "run", {"name": "toy"}, {})
    model = load(tmp_path / "run" / "model")
    assert model.provenance["hidden_tokens_are_shown_as"] == "<extra_id_0>"
    figures = model.provenance["validation"]
    assert figures["loss"] < 0.8 < figures["frequency_loss"]
    of_bases = [figures[f"accuracy_{base}"] for base in "ACGT"]
    assert np.mean(of_bases) == pytest.approx(figures["accuracy"], abs=0.05)
    assert min(of_bases) > figures["frequency_accuracy"]
