"""Further pre-training before a fine-tuning."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.tasks.language.further import further_pretrained


def test_the_weights_change_and_the_rest_stays(toy: ModuleType, tmp_path: Path) -> None:
    model, training = toy.masked_model(), toy.motif_set(200)
    rows: list[dict[str, Any]] = []
    further = further_pretrained(model, toy.TOKENIZER, training, tmp_path, 2, 1, "0", rows.append)
    assert further.name == "toy"
    assert further.architecture.config.items() >= model.architecture.config.items()
    assert further.features == model.features
    same = [n for n, w in further.weights.items() if np.array_equal(w, model.weights[n])]
    assert same == []
    assert rows[-1]["step"] == 2 * (196 // 64)
    again = further_pretrained(model, toy.TOKENIZER, training, tmp_path, 2, 1, "0", rows.append)
    assert all(np.array_equal(w, again.weights[n]) for n, w in further.weights.items())
    assert not (tmp_path / "store").exists()


def test_labels_are_not_looked_at(toy: ModuleType, tmp_path: Path) -> None:
    training = toy.motif_set(130)
    other = replace(training, truth=1 - training.truth)
    made = [
        further_pretrained(toy.masked_model(), toy.TOKENIZER, one, tmp_path / str(n), 1, 1, "0")
        for n, one in enumerate((training, other))
    ]
    assert all(np.array_equal(w, made[1].weights[n]) for n, w in made[0].weights.items())


def test_a_classifier_cannot_be_pretrained(toy: ModuleType, tmp_path: Path) -> None:
    model = toy.masked_model()
    classifier = replace(model, head=replace(model.head, name="sequence"))
    with pytest.raises(UsageError, match="only a masked language model"):
        further_pretrained(classifier, toy.TOKENIZER, toy.motif_set(10), tmp_path, 1, 1, "0")
