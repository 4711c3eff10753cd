"""Learning pairs: a tiny network learns to answer, is judged rightly, and is saved with what it is for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_language_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.errors import UsageError
from lexome.features.tokens import load_tokenizer, tokenizer_text
from lexome.models.registry import new_language_network
from lexome.tasks.language.generate import GenerateConfig, generate
from lexome.tasks.language.text_task import Pairs, TextTask, TextTaskConfig
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.optim import OptimConfig
from lexome.train.task import Progress

SHAPE: dict[str, Any] = {"num_heads": 2, "head_size": 8, "hidden": 32, "dropout": 0.0}
ARCHITECTURE = {"name": "enbed", "config": SHAPE | {"size": 24, "num_layers": 1, "num_global": 2}}
HEAD = {"name": "text", "config": SHAPE | {"num_layers": 1}}


def model(head: dict[str, Any] | None = None) -> Checkpoint:
    torch.manual_seed(0)
    network = new_language_network(ARCHITECTURE, head or HEAD)
    return Checkpoint(
        "language", Component(**ARCHITECTURE), Component(**(head or HEAD)),
        {"tokenizer_json": tokenizer_text(load_tokenizer("byte"))}, None, {"name": "tiny"},
        weights_of(network),
    )  # fmt: skip


def pairs(count: int, seed: int) -> Pairs:
    """The answer to a letter is that letter twice."""
    rng = np.random.default_rng(seed)
    letters = rng.choice([68, 70, 74, 87], count)
    return Pairs([np.array([x, 1]) for x in letters], [np.array([x, x, 1]) for x in letters])


def task(**changes: Any) -> TextTask:
    sets = {"training": pairs(64, 0), "validation": pairs(9, 1)}
    return TextTask(TextTaskConfig(**changes), model(), sets, {"answers": "twice"})


def test_pairs_are_learnt_and_generated(tmp_path: Path) -> None:
    learning = task(optim=OptimConfig(lr=1e-2, warmup_steps=5, clip=1.0, clip_mode="constant"))
    loop = LoopConfig(steps=160, batch_size=16, validate_every=80, seed=1)
    before = learning.evaluate(learning.build(), "validation")
    train(learning, loop, tmp_path / "run", {"name": "twice"}, {})
    made = load(tmp_path / "run" / "model")
    assert made.features["answers"] == "twice"
    assert made.provenance["finetuned_from"] == "tiny"
    network = build_language_network(made)
    after = learning.evaluate(network, "validation")
    assert after["loss"] < 0.3 * before["loss"]
    assert after["exact"] == 1.0 > before["exact"]
    found = generate(network, learning.sets["validation"].sources, GenerateConfig(beams=2, max_tokens=5))
    assert [one[0].ids.tolist() for one in found] == [
        a[:-1].tolist() for a in learning.sets["validation"].answers
    ]


def test_it_is_judged_by_the_mean_over_tokens() -> None:
    judged = task()
    network = judged.build().eval()
    found = judged.evaluate(network, "validation")
    losses, right, exact = [], [], []
    for source, answer in zip(
        *(getattr(judged.sets["validation"], n) for n in ("sources", "answers")), strict=True
    ):
        written = np.concatenate([[0], answer[:-1]])
        with torch.no_grad():
            scores = network(torch.from_numpy(source)[None], None, torch.from_numpy(written)[None])[0]
        log_probs = scores.double().log_softmax(-1).numpy()
        losses += [-log_probs[i, token] for i, token in enumerate(answer)]
        hits = [log_probs[i].argmax() == token for i, token in enumerate(answer)]
        right += hits
        exact.append(all(hits))
    assert found["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert found["accuracy"] == pytest.approx(np.mean(right))
    assert found["exact"] == pytest.approx(np.mean(exact))
    assert found["tokens"] == 27
    batch = next(judged.batches("training", batch_size=4, seed=0, rank=0, world=1, skip=0))
    smooth = task(label_smoothing=0.2)
    plain, smoothed = (one.loss(network, batch, Progress(0, 1, 0)) for one in (judged, smooth))
    assert plain.parts["loss"] != smoothed.parts["loss"]
    assert plain.weight == 12


def test_new_weights_are_not_the_models() -> None:
    torch.manual_seed(9)
    name = "encoder.embeddings.word_embeddings.weight"
    same, new = (made.build().state_dict()[name] for made in (task(), task(new_weights=True)))
    assert torch.equal(same, torch.from_numpy(model().weights[name]))
    assert not torch.equal(same, new)


def test_what_cannot_be_learnt_is_refused() -> None:
    with pytest.raises(ValueError, match="as many sources as answers"):
        Pairs([np.array([1])], [])
    with pytest.raises(ValueError, match="label_smoothing"):
        TextTaskConfig(label_smoothing=1.0)
    other = model({"name": "masked_lm", "config": {"vocab_size": 384}})
    with pytest.raises(UsageError, match="tiny writes no text"):
        TextTask(TextTaskConfig(), other, {"training": pairs(2, 0)}, {})
