"""ENBED's encoder wherever a language model's encoder is used, against what the network says by itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.adapters import read_adapters
from lexome.checkpoint.build import build_language_network
from lexome.checkpoint.store import Checkpoint, load, save
from lexome.core.errors import UsageError
from lexome.nn.lora import LoraConfig
from lexome.simulate.genome import random_genome
from lexome.tasks.language import check
from lexome.tasks.language.attention_maps import attention_of_sequence
from lexome.tasks.language.check import check_language_model
from lexome.tasks.language.crossvalidate import cross_validate
from lexome.tasks.language.embed import EmbedConfig, embed
from lexome.tasks.language.finetune import FinetuneRequest, Listener, finetune
from lexome.tasks.language.finetune_config import FinetuneConfig
from lexome.tasks.language.finetune_task import FinetuneTask
from lexome.tasks.language.further import further_pretrained
from lexome.tasks.language.gue_networks import TrainingOptions, language_model
from lexome.tasks.language.gue_sets import OWN, BenchmarkSet
from lexome.tasks.language.gue_splits import Trial
from lexome.tasks.language.infer import check_masked_model, layer_number, predictions, token_features
from lexome.tasks.language.model import LanguageModel, open_language_model
from lexome.tasks.language.pieces import CutConfig, Source, pieces
from lexome.tasks.language.regions import open_genome
from lexome.tasks.language.score import ScoreConfig, score_variants
from lexome.tasks.language.variants import Variant

SEQUENCES = [random_genome(length, length) for length in (50, 9, 33)]
Open = Callable[..., LanguageModel]


def source(*sequences: str) -> Source:
    def read() -> Iterator[tuple[str, str]]:
        return ((f"s{i}", sequence) for i, sequence in enumerate(sequences))

    return read


@pytest.fixture(scope="module")
def opened(toy: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Open:
    def make(head: str = "text", **options: Any) -> LanguageModel:
        folder = tmp_path_factory.mktemp("enbed") / "model"
        save(folder, toy.enbed_model(head, **options), "a toy")
        return open_language_model(folder, device="cpu")

    return make


def ids_of(model: LanguageModel, sequence: str) -> torch.Tensor:
    return torch.from_numpy(model.encode([sequence])[0].astype(np.int64))[None]


@pytest.mark.parametrize("head", ["text", "masked_lm", "sequence"])
def test_features_of_every_layer(opened: Open, head: str) -> None:
    model = opened(head)
    assert layer_number(model, None) == 2
    found = token_features(model, model.encode(SEQUENCES))
    with torch.no_grad():
        for one, sequence in zip(found, SEQUENCES, strict=True):
            torch.testing.assert_close(one, model.network.tokens(ids_of(model, sequence))[0])
        vectors = model.network.tokens.token_vectors
    (first,) = token_features(model, model.encode(SEQUENCES[:1]), 0)
    torch.testing.assert_close(first, vectors[ids_of(model, SEQUENCES[0])[0]])
    rows = [
        one.vectors_RD
        for one in embed(model, pieces(source(*SEQUENCES), model.tokenizer, CutConfig()), EmbedConfig("base"))
    ]
    for row, expected, sequence in zip(rows, found, SEQUENCES, strict=True):
        assert len(row) == len(sequence)
        np.testing.assert_allclose(row, expected[: len(sequence)].numpy(), atol=1e-5)  # without the end
    with pytest.raises(UsageError, match="puts no token before a sequence"):
        list(embed(model, iter(()), EmbedConfig("cls")))


def test_attention_is_that_of_the_encoder_and_the_rest_goes_to_global_tokens(opened: Open) -> None:
    model = opened()
    found = attention_of_sequence(model, "s", SEQUENCES[0], (1, 2))
    with torch.no_grad():
        maps = model.network.encoder.attention_maps(ids_of(model, SEQUENCES[0]))  # type: ignore[operator]
    for one, expected in zip(found.maps, maps, strict=True):
        np.testing.assert_allclose(one.weights_TT, expected[0].mean(0).numpy(), atol=1e-6)
    last = maps[1][0, 1].double().numpy()
    figures = found.heads[-1]
    assert figures["to_global_tokens"] == pytest.approx(1 - last.sum(1).mean(), abs=1e-5)
    assert 0 < figures["to_global_tokens"] < 1
    last /= last.sum(1, keepdims=True)
    steps = np.arange(len(last))
    distance = (last * np.abs(steps[:, None] - steps)).sum(1).mean()
    assert figures["distance_tokens"] == pytest.approx(distance, rel=1e-4)
    assert figures["distance_tokens"] < 8  # the radius


def test_masked_bytes_are_scored_with_the_first_sentinel(opened: Open, tmp_path: Path) -> None:
    model = opened("masked_lm")
    (tmp_path / "g.fa").write_text(f">c\n{SEQUENCES[0]}\n")
    ref = SEQUENCES[0][20]
    alt = "A" if ref != "A" else "C"
    with open_genome(tmp_path / "g.fa") as genome:
        variant = Variant("c", 20, ".", ref, alt)
        (scored,) = score_variants(model, [variant], genome, ScoreConfig(window_bp=40))
    window = SEQUENCES[0][20 - 39 // 2 : 20 - 39 // 2 + 40]
    hidden = ids_of(model, window)
    hidden[0, 39 // 2] = 259
    with torch.no_grad():
        log_p = model.network(hidden)[0, 39 // 2].log_softmax(-1)
    score = float(log_p[ord(alt) + 3] - log_p[ord(ref) + 3])
    assert scored.score == pytest.approx(score, abs=1e-4)


def test_what_a_model_cannot_do_is_said(opened: Open, toy: ModuleType) -> None:
    text, alone = opened(), opened(decoder_only=True)
    with pytest.raises(UsageError, match="writes text, one token behind.*with the head 'masked_lm'"):
        check_masked_model(text)
    with pytest.raises(UsageError, match="toy_text writes text and predicts nothing of a sequence"):
        predictions(text, text.encode(SEQUENCES))
    for use in (lambda: token_features(alone, alone.encode(SEQUENCES)), lambda: layer_number(alone, 0)):
        with pytest.raises(UsageError, match="has a decoder only: there is no encoder to take features from"):
            use()
    with pytest.raises(UsageError, match="has no attention"):
        attention_of_sequence(alone, "s", SEQUENCES[0])
    sets = {"training": toy.motif_set(8), "validation": toy.motif_set(8)}
    only = toy.enbed_model(decoder_only=True)
    with pytest.raises(UsageError, match="has a decoder only: there is no encoder to fine-tune"):
        FinetuneTask(FinetuneConfig(), only, toy.BYTES, sets).build()


@pytest.mark.parametrize(
    ("head", "options"), [("text", {}), ("text", {"decoder_only": True}), ("masked_lm", {})]
)
def test_models_check(toy: ModuleType, monkeypatch: pytest.MonkeyPatch, head: str, options: dict) -> None:
    monkeypatch.setattr(check, "SEQUENCES", 4)
    monkeypatch.setattr(check, "LENGTH_BP", 60)
    lines = check_language_model(toy.enbed_model(head, **options))
    assert {line.result for line in lines} <= {"pass", "info"}, lines
    assert ("hidden tokens" in {line.check for line in lines}) == (head == "masked_lm")


def request(toy: ModuleType, folder: Path, head: str, **config: Any) -> FinetuneRequest:
    """A fine-tuning of one epoch on 60 sequences."""
    save(folder / "base", toy.enbed_model(head), "a toy")
    train = toy.write_table(folder / "train.csv", toy.motif_set(60))
    test = toy.write_table(folder / "test.csv", toy.motif_set(30, seed=1))
    made = FinetuneConfig(reverse_complement=False, **config)
    return FinetuneRequest(
        str(folder / "base"), train, test=(test,), config=made, epochs=1.0, batch_size=16, device="cpu"
    )


def test_adapters_of_an_encoder_that_writes_text(toy: ModuleType, tmp_path: Path) -> None:
    wanted = request(toy, tmp_path, "text", method="lora", lora=LoraConfig(4), pooling="max")
    tuned = finetune(wanted, tmp_path / "out", "0")
    base, merged = toy.enbed_model(), tuned.model
    same = {
        n
        for n in base.weights
        if n.startswith("encoder.") and np.array_equal(base.weights[n], merged.weights[n])
    }
    adapted = {n for n in base.weights if n.startswith("encoder.") and n not in same}
    assert len(adapted) == 2 * 6
    assert all(
        n.endswith(("q.weight", "k.weight", "v.weight", "out.weight", "layers.weight", "wo.weight"))
        for n in adapted
    )
    again = build_language_network(
        replace(merged, weights={**merged.weights, **{n: base.weights[n] for n in adapted}})
    )
    read_adapters(again, tmp_path / "out" / "adapters")
    model = open_language_model(tmp_path / "out" / "model", device="cpu")
    with torch.no_grad():
        expected = model.network(ids_of(model, SEQUENCES[0]))
        torch.testing.assert_close(again.eval()(ids_of(model, SEQUENCES[0])), expected, atol=1e-5, rtol=1e-5)
    assert predictions(model, model.encode(SEQUENCES)).shape == (3, 2)


def test_folds_unfrozen_gradually(toy: ModuleType, tmp_path: Path) -> None:
    wanted = replace(request(toy, tmp_path, "masked_lm", unfreeze="gradual"), test=())
    folded = cross_validate(wanted, 2, tmp_path / "out", "0")
    assert len(folded.by_fold) == 2
    assert load(tmp_path / "out" / "fold-2" / "training" / "model").provenance["unfreeze"] == "gradual"


def test_a_model_that_writes_text_is_pretrained_further_with_its_spans(
    toy: ModuleType, tmp_path: Path
) -> None:
    model: Checkpoint = toy.enbed_model()
    further = further_pretrained(model, toy.BYTES, toy.motif_set(140), tmp_path, 0.5, 1, "0")
    assert further.name == model.name
    assert further.features["span_corruption"] == model.features["span_corruption"]
    assert not np.array_equal(further.weights["scorer.scores.weight"], model.weights["scorer.scores.weight"])


def test_a_benchmark_takes_it(toy: ModuleType, tmp_path: Path) -> None:
    place = str(toy.saved_text_model(tmp_path / "model"))
    options = TrainingOptions(epochs=0.2, pretrain_epochs=0.2)
    one = language_model(place, options, 1, "cpu")
    trial = Trial(toy.motif_set(140), toy.motif_set(40, seed=1), toy.motif_set(60, seed=2))
    (tmp_path / "work").mkdir()
    made = one.answer(BenchmarkSet("own", OWN, OWN, "own"), trial, 0, tmp_path / "work", Listener())
    assert made.predictions_NK.shape == (60, 2)
    np.testing.assert_allclose(made.predictions_NK.sum(1), 1, atol=1e-5)
