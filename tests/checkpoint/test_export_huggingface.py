"""Language models written as Hugging Face keeps them: what is written reads back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.checkpoint.build import build_language_network, weights_of
from lexome.checkpoint.export_huggingface import export_huggingface
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.models.registry import new_language_network

ARCHITECTURE: dict[str, Any] = {"vocab_size": 9, "size": 8, "num_layers": 2, "num_heads": 2, "hidden": 6}
TOKENIZER = '{"added_tokens":[{"content":"[PAD]","id":4}]}'


def language_model(head: str, config: dict[str, Any], **changes: Any) -> Checkpoint:
    architecture = ARCHITECTURE | {"pad_id": 4} | changes
    network = new_language_network(
        {"name": "dnabert2", "config": architecture}, {"name": head, "config": config}
    )
    return Checkpoint(
        "language",
        Component("dnabert2", architecture),
        Component(head, config),
        {"tokenizer_json": TOKENIZER},
        None,
        {"name": "small"},
        weights_of(network),
    )


@pytest.mark.parametrize(
    ("head", "config", "changes"),
    [
        ("masked_lm", {"vocab_size": 9}, {}),
        ("masked_lm", {"vocab_size": 9, "norm_eps": 1e-12}, {"pooler": True, "dropout": 0.3}),
        ("masked_lm", {"vocab_size": 9}, {"conv_widths": [5, 3]}),
        ("sequence", {"num_outputs": 3, "pooling": "mean", "dropout": 0.0}, {}),
        ("sequence", {"num_outputs": 1, "pooling": "pooler", "dropout": 0.2}, {"pooler": True}),
    ],
)
def test_what_is_written_reads_back(
    tmp_path: Path, head: str, config: dict[str, Any], changes: dict[str, Any]
) -> None:
    checkpoint = language_model(head, config, **changes)
    notes = export_huggingface(checkpoint, tmp_path / "out")
    assert "import lexome.hf" in notes[0]
    back = load(tmp_path / "out")
    assert back.weights.keys() == checkpoint.weights.keys()
    for name, weight in checkpoint.weights.items():
        np.testing.assert_array_equal(back.weights[name], weight)
    assert back.features == checkpoint.features
    assert back.head.name == head
    assert back.head.config.items() >= config.items()
    assert back.architecture.config.items() >= checkpoint.architecture.config.items()
    build_language_network(back)


def test_a_model_without_a_tokenizer_says_so(tmp_path: Path) -> None:
    checkpoint = language_model("masked_lm", {"vocab_size": 9})
    checkpoint.features.clear()
    assert "no tokenizer" in export_huggingface(checkpoint, tmp_path / "out")[1]
    assert not (tmp_path / "out" / "tokenizer.json").exists()


def test_decoders_with_another_epsilon_are_refused(tmp_path: Path) -> None:
    checkpoint = language_model("masked_lm", {"vocab_size": 9, "norm_eps": 1e-5})
    with pytest.raises(UsageError, match="norm_eps"):
        export_huggingface(checkpoint, tmp_path / "out")


def test_other_models_are_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bonito of the task 'basecall'"):
        export_huggingface(checkpoint, tmp_path / "out")
    broken = language_model("masked_lm", {"vocab_size": 9})
    broken.weights.pop("scorer.decoder.bias")
    with pytest.raises(BadInputError, match=r"are missing: scorer\.decoder\.bias"):
        export_huggingface(broken, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_or_half_written(tmp_path: Path) -> None:
    checkpoint = language_model("masked_lm", {"vocab_size": 9})
    (tmp_path / "there").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        export_huggingface(checkpoint, tmp_path / "there")
    with pytest.raises(LexomeError, match="cannot be written"):
        export_huggingface(checkpoint, tmp_path / "there" / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
    export_huggingface(checkpoint, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "lexome_dnabert2"
