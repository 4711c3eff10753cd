"""What pre-training and fine-tuning share."""

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.errors import UsageError
from lexome.features.masking import NOT_ASKED
from lexome.models.registry import new_language_network
from lexome.tasks.language.networks import MaskedBatch, filled_in, give_weights, hidden_scores

ARCHITECTURE = {
    "name": "dnabert2",
    "config": {"vocab_size": 12, "size": 8, "num_layers": 1, "num_heads": 2, "hidden": 16, "dropout": 0.0},
}
MASKED = {"name": "masked_lm", "config": {"vocab_size": 12}}
SEQUENCE = {"name": "sequence", "config": {"num_outputs": 3}}


def test_what_the_data_decides_is_filled_in() -> None:
    table = {"name": "dnabert2", "config": {"size": 8}}
    assert filled_in(table, {"vocab_size": 12}, "architecture")["config"] == {"size": 8, "vocab_size": 12}
    assert table["config"] == {"size": 8}
    with pytest.raises(UsageError, match="vocab_size is 11, the tokenizer says 12"):
        filled_in({"name": "x", "config": {"vocab_size": 11}}, {"vocab_size": 12}, "architecture")


def checkpoint(network: torch.nn.Module) -> Checkpoint:
    return Checkpoint(
        "language", Component(**ARCHITECTURE), Component(**MASKED), {}, None, {}, weights_of(network)
    )


def test_an_encoder_gets_the_weights_of_a_model_with_another_head() -> None:
    base, other = (new_language_network(ARCHITECTURE, head) for head in (MASKED, SEQUENCE))
    head_before = other.scorer.state_dict()["classifier.weight"].clone()
    give_weights(other, checkpoint(base), "encoder.")
    for name, weight in other.encoder.state_dict().items():
        assert torch.equal(weight, base.encoder.state_dict()[name]), name
    assert torch.equal(other.scorer.state_dict()["classifier.weight"], head_before)
    with pytest.raises(UsageError, match="other layers"):
        give_weights(other, checkpoint(base))
    wider = new_language_network({**ARCHITECTURE, "config": {**ARCHITECTURE["config"], "size": 16}}, MASKED)
    with pytest.raises(UsageError, match="other layers"):
        give_weights(wider, checkpoint(base), "encoder.")


def test_only_hidden_tokens_are_scored() -> None:
    network = new_language_network(ARCHITECTURE, MASKED).eval()
    tokens = torch.from_numpy(np.random.default_rng(0).integers(5, 12, (3, 6)))
    visible = torch.ones(3, 6, dtype=torch.bool)
    asked = torch.full((3, 6), NOT_ASKED)
    asked[0, 2], asked[2, 5] = 7, 9
    scores, truth = hidden_scores(network, MaskedBatch(tokens, visible, asked))
    everything = network(tokens, visible)
    torch.testing.assert_close(scores, torch.stack([everything[0, 2], everything[2, 5]]))
    assert truth.tolist() == [7, 9]
