"""Architectures and heads by name."""

import subprocess
import sys
from typing import Any

import pytest

from lexome.core.errors import UsageError
from lexome.models.registry import (
    DECODER_KEYS,
    ENCODERS,
    LANGUAGE_ENCODERS,
    LANGUAGE_SCORERS,
    SCORERS,
    build_encoder,
    build_scorer,
    new_language_network,
    new_network,
)

ENCODER: dict[str, Any] = {
    "convs": [{"size": 4, "kernel": 5, "stride": 5}],
    "lstms": [{"size": 6, "reverse": True}],
}


def test_every_name_leads_to_classes() -> None:
    assert set(DECODER_KEYS) == set(SCORERS)
    signal = [*ENCODERS.values(), *SCORERS.values()]
    for entry in [*signal, *LANGUAGE_ENCODERS.values(), *LANGUAGE_SCORERS.values()]:
        module, config, network = entry.split(":")
        found = __import__(module, fromlist=[config])
        assert isinstance(getattr(found, config), type)
        assert isinstance(getattr(found, network), type)


def test_a_network_is_made_from_plain_dicts() -> None:
    head = {"name": "crf", "config": {"state_len": 2, "qscore_scale": 1.1, "qscore_bias": -0.2}}
    network = new_network({"name": "bonito", "config": ENCODER}, head)
    assert (network.stride, network.num_outputs) == (5, 80)


def test_the_parts_can_be_made_alone() -> None:
    assert build_encoder("bonito", ENCODER).num_features == 6
    assert build_scorer("crf", 6, {"state_len": 1}).num_outputs == 20
    assert (
        build_scorer("ctc", 6, {"bias": False, "qscore_scale": 1.1, "label_smoothing": [0.1] * 5}).num_outputs
        == 5
    )


@pytest.mark.parametrize(
    ("architecture", "head", "complaint"),
    [
        ({"name": "bonitto", "config": ENCODER}, None, "did you mean 'bonito'"),
        (None, {"name": "ctf", "config": {}}, "'crf'"),
        (
            {"name": "bonito", "config": ENCODER | {"lstm": []}},
            None,
            "unknown key 'lstm'; did you mean 'lstms'",
        ),
        ({"name": "bonito", "config": ENCODER | {"lstms": []}}, None, "at least one"),
        (None, {"name": "crf", "config": {"state_len": 3, "blank": 2.0}}, "did you mean 'blank_score'"),
        (None, {"name": "ctc", "config": {"state_len": 3}}, "unknown key 'state_len'"),
        ({"name": "bonito"}, None, "expected the keys 'name' and 'config'"),
        ({"name": "bonito", "config": 3}, None, "must be a table"),
    ],
)
def test_wrong_requests_are_answered(architecture: Any, head: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        new_network(
            architecture or {"name": "bonito", "config": ENCODER},
            head or {"name": "crf", "config": {"state_len": 2}},
        )


def test_the_registry_loads_architectures_only_when_asked() -> None:
    code = "import sys, lexome.models.registry; sys.exit('lexome.models.bonito' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_language_models_have_their_own_names() -> None:
    small = {"vocab_size": 9, "size": 4, "num_layers": 1, "num_heads": 1, "hidden": 4}
    network = new_language_network(
        {"name": "dnabert2", "config": small}, {"name": "masked_lm", "config": {"vocab_size": 9}}
    )
    assert network.num_outputs == 9
    with pytest.raises(UsageError, match="unknown architecture of language models 'bonito'"):
        new_language_network({"name": "bonito", "config": ENCODER}, {"name": "masked_lm", "config": {}})
    with pytest.raises(UsageError, match="unknown architecture 'dnabert2'"):
        new_network({"name": "dnabert2", "config": small}, {"name": "crf", "config": {"state_len": 2}})
