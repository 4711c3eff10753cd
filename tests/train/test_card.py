"""The card of a trained model says what is in the checkpoint."""

import numpy as np

from lexome.checkpoint.store import Checkpoint, Component
from lexome.train.card import model_card


def test_the_card_says_what_the_model_is_and_how_it_validated() -> None:
    provenance = {
        "name": "r9.4.1_fast", "seed": 25, "lexome_version": "0.1.0", "extra": {"a": [1]},
        "validation": {"label_identity_mean": 0.81234}, "stores": [{"path": "secret"}],
    }  # fmt: skip
    weights = {"a": np.zeros((1000, 2)), "b": np.zeros(34)}
    head = Component("crf", {})
    card = model_card(
        Checkpoint("basecall", Component("bonito", {}), head, {}, None, provenance, weights)
    ).splitlines()
    assert card[0] == "# r9.4.1_fast"
    assert "A basecall network made by lexome: bonito with a crf head, 2,034 parameters." in card
    for line in (
        "- seed: 25",
        "- lexome_version: 0.1.0",
        '- extra: {"a": [1]}',
        "- label_identity_mean: 0.8123",
    ):
        assert line in card
    assert not any("secret" in line for line in card)


def test_without_validation_there_is_no_section_about_it() -> None:
    none = Component("none", {})
    assert "Validation" not in model_card(Checkpoint("basecall", none, none, {}))
