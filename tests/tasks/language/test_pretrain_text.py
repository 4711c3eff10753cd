"""Pre-training of a decoder of text: what it is shown and asked, what is learnt, resumed, refused."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_language_network
from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.features.span_corruption import SpanConfig
from lexome.features.tokens import load_tokenizer
from lexome.features.tokens_json import read_tokenizer_text
from lexome.tasks.language.corpus import CorpusRequest, prepare_tokens
from lexome.tasks.language.pretrain import PretrainConfig, PretrainTask
from lexome.tasks.language.pretrain_text import PretrainTextTask, pretrain_task, spans_of
from lexome.tasks.language.text_batches import TextBatch
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.optim import OptimConfig

ENCODER: dict[str, Any] = {
    "size": 24, "num_layers": 1, "num_heads": 2, "head_size": 12, "hidden": 32, "narrow_radius": 8,
    "radius": 16, "num_global": 2, "dropout": 0.0,
}  # fmt: skip
DECODER: dict[str, Any] = {"num_layers": 1, "num_heads": 2, "head_size": 12, "hidden": 32, "dropout": 0.0}
ALONE = {"num_layers": 0, "num_global": 0}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    repeat = "AAAAACCCCCGGGGGTTTTT"
    (folder / "r.fa").write_text(f">r\n{repeat * 1000}NNNN\n>v\n{repeat * 200}\n")
    request = CorpusRequest(
        [("repeat", folder / "r.fa")], load_tokenizer("byte", uppercase=True), 65,
        frozenset({"v"}), 0.0, both_strands=False,
    )  # fmt: skip
    report = prepare_tokens(request, folder / "store")
    assert report.left_out_bases == 4
    return folder / "store"


def task(store: Path, alone: bool = False, **changes: Any) -> PretrainTextTask:
    optim = OptimConfig(lr=1e-2, warmup_share=0.1, eps=1e-6, decay="linear", clip=1.0, clip_mode="constant")
    config = PretrainConfig((str(store),), optim=optim, validation_rows=40, spans=SpanConfig(0.2, 5.0))
    encoder, decoder = (
        (ENCODER | ALONE, DECODER | {"cross_attention": False}) if alone else (ENCODER, DECODER)
    )
    return PretrainTextTask(
        replace(config, **changes), {"name": "enbed", "config": encoder}, {"name": "text", "config": decoder}
    )


def batches(one: PretrainTextTask, count: int, split: str = "training", **options: int) -> list[TextBatch]:
    how = {"batch_size": 8, "seed": 3, "rank": 0, "world": 1, "skip": 0} | options
    return list(islice(one.batches(split, **how), count))


def test_spans_are_shown_as_sentinels_and_asked_for(store: Path) -> None:
    one = task(store)
    rows = next(one.rows.batches("training", batch_size=8, seed=3, rank=0, world=1, skip=0)).ids
    (batch,) = batches(one, 1)
    for row, shown, visible, written, asked in zip(
        rows, batch.tokens_NT, batch.visible_NT, batch.written_NU, batch.asked_NU, strict=True
    ):
        answer = asked[asked >= 0].tolist()
        assert (answer[0], answer[-1]) == (259, 1)
        assert written[: len(answer)].tolist() == [0, *answer[:-1]]
        text = []
        for token in shown[visible].tolist():
            if token < 259:
                text.append(token)
                continue
            behind = answer[answer.index(token) + 1 :]
            text += behind[: next(i for i, t in enumerate(behind) if t > 258 or t == 1)]
        assert text == row.tolist()  # the end of the text, too
        assert sum(3 <= token < 259 for token in answer) == round(0.2 * (len(row) - 1))


def test_without_a_source_every_token_of_a_row_is_asked_for(store: Path) -> None:
    one = task(store, alone=True)
    rows = next(one.rows.batches("training", batch_size=8, seed=3, rank=0, world=1, skip=0)).ids
    (batch,) = batches(one, 1)
    for row, written, asked in zip(rows, batch.written_NU, batch.asked_NU, strict=True):
        assert asked[asked >= 0].tolist() == row.tolist()
        assert written[: len(row)].tolist() == [0, *row[:-1].tolist()]


@pytest.mark.parametrize("alone", [False, True])
def test_batches_are_the_same_after_a_stop(store: Path, alone: bool) -> None:
    one = task(store, alone)
    for a, b in zip(batches(one, 4)[2:], batches(one, 2, skip=2), strict=True):
        assert torch.equal(a.tokens_NT, b.tokens_NT)
        assert torch.equal(a.asked_NU, b.asked_NU)
    first, second = batches(one, 2)
    assert first.asked_NU.shape != second.asked_NU.shape or not torch.equal(first.asked_NU, second.asked_NU)


@pytest.mark.parametrize("alone", [False, True])
def test_a_repeat_is_learnt_and_a_stopped_training_ends_with_the_same_bits(
    store: Path, tmp_path: Path, alone: bool
) -> None:
    one = task(store, alone)
    loop = LoopConfig(steps=60, batch_size=8, validate_every=60, save_every=60, seed=1)
    position = train(one, loop, tmp_path / "whole", {"name": "toy"}, {})
    model = load(tmp_path / "whole" / "model")
    figures = model.provenance["validation"]
    assert figures["hidden_loss"] < 1.1 < 1.35 < figures["frequency_loss"]
    assert figures["accuracy"] > figures["frequency_accuracy"] + 0.3
    assert figures["loss"] == position.best_metric
    assert {f"accuracy_{base}" for base in "ACGT"} <= figures.keys()
    again = one.evaluate(build_language_network(model), "validation")
    assert again == pytest.approx(figures, abs=1e-4)  # with the packed weights of a file
    if not alone:
        assert model.features["span_corruption"]["sentinels"] == "ascending"
        assert spans_of(model) == one.config.spans
    else:
        assert "span_corruption" not in model.features
        assert spans_of(model) == SpanConfig()

    class StoppedError(Exception):
        pass

    def stop(row: dict[str, Any]) -> None:
        if row["step"] == 30:
            raise StoppedError

    loop = replace(loop, save_every=20, log_every=10)
    with pytest.raises(StoppedError):
        train(one, loop, tmp_path / "parts", {"name": "toy"}, {}, on_log=stop)
    train(one, loop, tmp_path / "parts", {"name": "toy"}, {}, resume=True)
    resumed = load(tmp_path / "parts" / "model")
    assert all(np.array_equal(model.weights[name], resumed.weights[name]) for name in model.weights)
    further = task(store, alone, start_from=str(tmp_path / "whole" / "model"))
    assert further.evaluate(further.build(), "validation") == pytest.approx(figures, abs=1e-4)


def test_the_figures_are_those_of_every_token_by_hand(store: Path) -> None:
    one = task(store)
    torch.manual_seed(2)
    network = one.build().eval()
    hidden, every, exact = [], [], []
    with torch.no_grad():
        for batch in one.batches("validation", batch_size=64, seed=0, rank=0, world=1, skip=0):
            scores = network(batch.tokens_NT, batch.visible_NT, batch.written_NU).log_softmax(-1)
            for row, asked in zip(scores, batch.asked_NU, strict=True):
                wrong = 0
                for place, token in enumerate(asked.tolist()):
                    if token < 0:
                        continue
                    every.append(-float(row[place, token]))
                    wrong += int(row[place].argmax()) != token
                    if 3 <= token < 259:
                        hidden.append((token, -float(row[place, token]), int(row[place].argmax()) == token))
                exact.append(not wrong)
    figures = one.evaluate(network, "validation")
    assert figures["loss"] == pytest.approx(np.mean(every), rel=1e-5)
    assert figures["hidden_loss"] == pytest.approx(np.mean([loss for _, loss, _ in hidden]), rel=1e-5)
    assert figures["accuracy"] == pytest.approx(np.mean([right for *_, right in hidden]))
    assert figures["accuracy_C"] == pytest.approx(
        np.mean([right for token, _, right in hidden if token == 70])
    )
    assert figures["exact"] == np.mean(exact)
    assert figures["tokens"] == len(hidden)


def test_what_does_not_fit_is_refused(store: Path, tmp_path: Path) -> None:
    config, encoder = PretrainConfig((str(store),)), {"name": "enbed", "config": ENCODER}
    with pytest.raises(UsageError, match="not 'sequence'"):
        pretrain_task(config, encoder, {"name": "sequence", "config": {"num_outputs": 2}})
    assert isinstance(pretrain_task(config, encoder, {"name": "masked_lm", "config": {}}), PretrainTask)
    tight = task(store, spans=SpanConfig(0.9, 1.0, too_few_sentinels="error"))
    batches(tight, 1)  # 64 tokens never need more than 32 sentinels
    (tmp_path / "a.fa").write_text(f">a\n{'ACGGTCA' * 5000}\n")
    request = CorpusRequest([("a", tmp_path / "a.fa")], load_tokenizer("nucleotide"), 400)
    prepare_tokens(replace(request, validation_share=0.5), tmp_path / "nucleotides")
    with pytest.raises(UsageError, match="text is written in bytes.*'nucleotide'"):
        task(tmp_path / "nucleotides")
    request = replace(request, tokenizer=load_tokenizer("byte"), validation_share=0.5)
    prepare_tokens(request, tmp_path / "bytes")
    long = task(tmp_path / "bytes", spans=SpanConfig(0.5, 1.0, too_few_sentinels="error"))
    with pytest.raises(UsageError, match=r"\[task\], spans: .* there are 125 sentinels"):
        batches(long, 1)
    assert read_tokenizer_text(long.rows.tokenizer_json, "test").kind == "byte"
