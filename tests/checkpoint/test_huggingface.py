"""DNABERT-2 as Hugging Face keeps it: every weight has its layer, or the model is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from lexome.checkpoint.build import build_language_network
from lexome.checkpoint.huggingface import LAYER, PREDICTIONS, is_huggingface, read_huggingface
from lexome.checkpoint.importing import import_model
from lexome.checkpoint.store import load
from lexome.core.errors import BadInputError

SIZES = {"vocab_size": 12, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
CONFIG: dict[str, Any] = {**SIZES, "intermediate_size": 6, "model_type": "bert", "pad_token_id": 0}
TOKENIZER = {"added_tokens": [{"content": "[UNK]", "id": 0}, {"content": "[PAD]", "id": 5}], "model": {}}


def published_weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (12, 8),
        "bert.embeddings.token_type_embeddings.weight": (2, 8),
        "bert.embeddings.LayerNorm.weight": (8,),
        "bert.embeddings.LayerNorm.bias": (8,),
    }
    layer = [(24, 8), (24,), (8, 8), (8,), (8,), (8,), (12, 8), (8, 6), (8,), (8,), (8,)]
    for i in range(2):
        names = (f"bert.encoder.layer.{i}.{part}" for part in LAYER)
        shapes |= dict(zip(names, layer, strict=True))
    shapes |= dict(zip(PREDICTIONS, [(8, 8), (8,), (8,), (8,), (12,)], strict=True))
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {**weights, "cls.predictions.decoder.weight": weights["bert.embeddings.word_embeddings.weight"]}


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model; None removes a weight or a key of the configuration."""

    def write(
        weights: dict[str, Any] | None = None,
        config: dict[str, Any] | None = None,
        tokenizer: Any = None,
        old: bool = False,
    ) -> Path:
        folder = tmp_path / "dnabert2"
        folder.mkdir(exist_ok=True)
        kept = {k: w for k, w in (published_weights() | (weights or {})).items() if w is not None}
        settings = {k: v for k, v in (CONFIG | (config or {})).items() if v is not None}
        (folder / "config.json").write_text(json.dumps(settings))
        if old:
            torch.save({k: torch.from_numpy(w) for k, w in kept.items()}, folder / "pytorch_model.bin")
        else:
            save_file(kept, folder / "model.safetensors")
        if tokenizer is not None:
            (folder / "tokenizer.json").write_text(
                tokenizer if isinstance(tokenizer, str) else json.dumps(tokenizer)
            )
        return folder

    return write


def test_the_published_checkpoint_has_142_tensors() -> None:
    assert 4 + 12 * len(LAYER) + len(PREDICTIONS) + 1 == 142


def test_golden_weights_get_their_layers(shared: Path, tmp_path: Path) -> None:
    folder = shared / "golden/dnabert2"
    written = import_model(folder, tmp_path / "mine")
    back, foreign = load(tmp_path / "mine"), load_file(folder / "model.safetensors")
    assert (back.task, back.name, back.head.name) == ("language", "mine", "masked_lm")
    assert len(back.weights) == len(foreign) - 1  # the decoder's weights are the vectors of the vocabulary
    layer = "encoder.encoder.layer.2.mlp.gated_layers.weight"
    np.testing.assert_array_equal(back.weights[layer], foreign[f"bert{layer.removeprefix('encoder')}"])
    assert back.provenance["imported_from"]["layout"] == "huggingface"
    assert "pooler" in (tmp_path / "mine" / "README.md").read_text()
    assert "not in the weights" in written.provenance["imported_from"]["pooler"]


@pytest.mark.parametrize("old", [False, True])
def test_both_kinds_of_weights_are_read(model: Callable[..., Path], old: bool) -> None:
    folder = model(old=old)
    checkpoint = load(folder)
    weights = published_weights()
    assert checkpoint.architecture.config["hidden"] == 6
    name = "bert.encoder.layer.1.attention.self.Wqkv.bias"
    np.testing.assert_array_equal(checkpoint.weights[name.replace("bert.", "encoder.")], weights[name])
    np.testing.assert_array_equal(
        checkpoint.weights["scorer.decoder.bias"], weights["cls.predictions.decoder.bias"]
    )
    build_language_network(checkpoint)


def test_half_precision_becomes_float32(model: Callable[..., Path]) -> None:
    halves = {name: weight.astype(np.float16) for name, weight in published_weights().items()}
    assert {w.dtype for w in load(model(halves)).weights.values()} == {np.dtype(np.float32)}


def test_a_classifier_with_its_pooler_is_a_head_of_sequences(model: Callable[..., Path]) -> None:
    added = {
        "bert.pooler.dense.weight": np.eye(8, dtype=np.float32),
        "bert.pooler.dense.bias": np.zeros(8, np.float32),
    }
    with_pooler = load(model(added))
    assert (with_pooler.head.name, with_pooler.architecture.config["pooler"]) == ("masked_lm", True)
    build_language_network(with_pooler)
    gone = {name: None for name in (*PREDICTIONS, "cls.predictions.decoder.weight")}
    classifier = {
        "classifier.weight": np.ones((3, 8), np.float32),
        "classifier.bias": np.zeros(3, np.float32),
    }
    checkpoint = load(model(added | gone | classifier, {"classifier_dropout": 0.25}))
    assert checkpoint.head.config == {"num_outputs": 3, "pooling": "pooler", "dropout": 0.25}
    network = build_language_network(checkpoint)
    ids = torch.tensor([[1, 7, 2]])
    first = network.encoder(ids)[:, 0]
    torch.testing.assert_close(network(ids), first.tanh().sum(-1, keepdim=True).expand(1, 3))


@pytest.mark.parametrize(
    ("tokenizer", "config", "expected"),
    [
        (TOKENIZER, {}, 5),
        (None, {}, 3),  # the published configuration says 0, which is [UNK]
        (None, {"pad_token_id": 7}, 7),
        ({"added_tokens": []}, {"pad_token_id": None}, 3),
    ],
)
def test_the_token_of_padding_is_the_tokenizers(
    model: Callable[..., Path], tokenizer: Any, config: dict[str, Any], expected: int
) -> None:
    checkpoint = load(model(None, config, tokenizer))
    assert checkpoint.architecture.config["pad_id"] == expected
    text = checkpoint.features["tokenizer_json"]
    assert text is None if tokenizer is None else json.loads(text) == tokenizer


@pytest.mark.parametrize(
    ("weights", "config", "complaint"),
    [
        ({"bert.encoder.layer.1.mlp.wo.bias": None}, {}, r"missing: bert\.encoder\.layer\.1\.mlp\.wo\.bias$"),
        ({"bert.extra": np.zeros(1, np.float32)}, {}, r"left over: bert\.extra$"),
        ({"cls.predictions.decoder.weight": np.zeros((12, 8), np.float32)}, {}, "differs from"),
        ({}, {"num_hidden_layers": 3}, "and 3 more"),
        ({}, {"num_hidden_layers": 1}, r"left over: bert\.encoder\.layer\.1"),
        ({}, {"num_hidden_layers": 10**9}, "1 to 1000 make sense"),
        ({}, {"hidden_size": None}, "hidden_size is None"),
        ({}, {"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({}, {"tie_word_embeddings": False}, "tie_word_embeddings is False"),
        ({"cls.predictions.decoder.bias": np.array([np.nan] * 12, np.float32)}, {}, "not finite"),
        ({"cls.predictions.decoder.bias": np.zeros(12, np.int64)}, {}, "no finite numbers"),
        ({"classifier.bias": np.zeros(3, np.float32)}, {}, r"missing: classifier\.weight; left over: cls"),
    ],
)
def test_other_models_are_refused_with_the_list(
    model: Callable[..., Path], weights: dict[str, Any], config: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadInputError, match=complaint):
        load(model(weights, config))


def test_shapes_are_checked_when_the_network_is_made(model: Callable[..., Path], tmp_path: Path) -> None:
    folder = model({"bert.encoder.layer.0.mlp.wo.bias": np.zeros(9, np.float32)})
    with pytest.raises(BadInputError, match=r"layer\.0\.mlp\.wo\.bias \(9,\) \(layer: \(8,\)\)"):
        import_model(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_stock_bert_is_not_filled_with_random_layers(model: Callable[..., Path]) -> None:
    stock = {"bert.encoder.layer.0.attention.self.query.weight": np.zeros((8, 8), np.float32)}
    with pytest.raises(BadInputError, match=r"left over: .*self\.query\.weight"):
        load(model(stock))


@pytest.mark.parametrize("tokenizer", ["{", "[1]", "[" * 99999, " " * ((4 << 20) + 1)])
def test_tokenizers_that_make_no_sense_are_refused(model: Callable[..., Path], tokenizer: str) -> None:
    with pytest.raises(BadInputError, match=r"tokenizer\.json"):
        load(model(None, None, tokenizer))


def test_missing_weights_are_named(model: Callable[..., Path]) -> None:
    folder = model()
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadInputError, match="pytorch_model.bin, in one file"):
        load(folder)
    with pytest.raises(BadInputError, match="no weights beside it"):
        read_huggingface(folder, CONFIG)


def test_other_configurations_are_not_taken_for_it() -> None:
    assert is_huggingface({"model_type": "bert"})
    for other in ({}, [], None, {"model_type": "x", "format_version": 1}):
        assert not is_huggingface(other)
