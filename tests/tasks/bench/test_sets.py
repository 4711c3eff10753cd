"""The experiments: what their trials are made of; every network of them can be built."""

import json

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.models.named import NAMED
from lexome.models.registry import new_network
from lexome.nn.gru_ablations import CODES
from lexome.tasks.bench.sets import (
    CRF,
    CTC,
    EXPERIMENTS,
    MAIN_FAMILIES,
    TABLE_5_1,
    WITH_BOTH_HEADS,
    named_trial,
    trials_of,
)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_names_and_labels_tell_trials_apart(experiment: str) -> None:
    trials = trials_of(experiment)
    assert len({trial.name for trial in trials}) == len(trials)
    told = [json.dumps([*trial.labels.items(), trial.seed]) for trial in trials]
    assert len(set(told)) == len(trials)
    for trial in trials:
        assert set(EXPERIMENTS[experiment].columns) <= set(trial.labels)
    tables = [json.dumps([t.architecture, t.head, t.seed, dict(t.more)]) for t in trials]
    assert len(set(tables)) == len(tables), "two trials are the same training"


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_network_can_be_built(experiment: str) -> None:
    with torch.device("meta"):
        for trial in trials_of(experiment, [16], 1):
            new_network(trial.architecture, trial.head)


def test_table_5_1() -> None:
    """Every named network that takes chunks is there, but for other ways to compute one that is."""
    twice = {
        "bonito_gru_ablation", "bonito_split", "bonito_lstm_steps", "bonito_lstm_scripted",
        "sacall_grouped_experts", "cot_two_step", "transformer", "deepconsensus",
    }  # fmt: skip
    assert set(NAMED) - twice == set(TABLE_5_1)
    trials = trials_of("architectures")
    assert len(trials) == 2 * (len(TABLE_5_1) + len(WITH_BOTH_HEADS) + len(MAIN_FAMILIES))
    assert [t.seed for t in trials] == sorted(t.seed for t in trials)
    assert {str(t.labels["architecture"]) for t in trials if t.seed == 1} == set(MAIN_FAMILIES)
    heads = {str(t.labels["architecture"]): t.head for t in reversed(trials)}
    assert heads["bonito_gru"] == heads["dense_base_conv"] == heads["bonito_taylor"] == CRF
    assert heads["sacall"] == heads["mamba"] == heads["s4"] == CTC


def test_ablations_are_those_of_the_table() -> None:
    trials = trials_of("ablations")
    assert [trial.labels["ablation"] for trial in trials] == list(CODES)
    assert all(
        {layer["ablation"] for layer in t.architecture["config"]["lstms"]} == {t.labels["ablation"]}
        for t in trials
    )


def test_choices() -> None:
    assert {t.seed for t in trials_of("kan", [8], 3)} == {0, 1, 2}
    assert [t.labels["width"] for t in trials_of("kan", [8, 16], 1, ["bonito"])] == [8, 16]
    with pytest.raises(UsageError, match="unknown experiment 'kann'; did you mean 'kan'"):
        trials_of("kann")
    with pytest.raises(UsageError, match="has no architecture 'bonita'; did you mean 'bonito'"):
        trials_of("kan", only=["bonita"])
    with pytest.raises(UsageError, match="needs no teacher"):
        trials_of("kan", teacher="r9.4.1_hac")


def test_students_have_a_teacher_but_for_those_that_stop_at_once() -> None:
    trials = trials_of("distillation", teacher="a/model")
    for trial in trials:
        if trial.labels["stop"]:
            assert trial.more["distill"]["teacher"] == "a/model"
            assert trial.more["distill"]["stop_fraction"] == trial.labels["stop"]
        else:
            assert trial.more == {}


def test_attention_learns_at_a_lower_rate() -> None:
    assert named_trial("sacall", 32).lr_factor == named_trial("reformer", 32).lr_factor == 0.25
    assert named_trial("mamba", 32).lr_factor == named_trial("bonito", 32).lr_factor == 1.0
