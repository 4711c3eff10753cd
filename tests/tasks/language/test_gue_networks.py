"""Networks in a benchmark: what they begin with, how they are trained, what they cost."""

import dataclasses
import functools
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lexome.checkpoint.store import Checkpoint, save
from lexome.core.errors import UsageError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.classification import figure_intervals, figures_of
from lexome.features.tokens import load_tokenizer, save_tokenizer
from lexome.models.registry import new_language_network
from lexome.tasks.language import gue_networks, judged
from lexome.tasks.language.finetune import Listener
from lexome.tasks.language.gue_networks import (
    CNN_SEGMENTS,
    TrainingOptions,
    cnn,
    cnn_checkpoint,
    language_model,
    scratch,
)
from lexome.tasks.language.gue_sets import GUE_SETS, KNOWN_SETS, OWN, BenchmarkSet
from lexome.tasks.language.gue_splits import Trial

PLAIN = BenchmarkSet("own", OWN, OWN, "own")
SETS = {one.name: one for one in KNOWN_SETS}


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals take longer than these trainings."""
    few = functools.partial(figure_intervals, config=BootstrapConfig(resamples=10))
    monkeypatch.setattr(judged, "figure_intervals", few)


@pytest.fixture(scope="module")
def trial(toy: ModuleType) -> Trial:
    return Trial(toy.motif_set(160), toy.motif_set(40, seed=1), toy.motif_set(60, seed=2))


def _numbers(model: Checkpoint, outputs: int = 2) -> dict[str, int]:
    network = new_language_network(
        {"name": model.architecture.name, "config": model.architecture.config},
        {"name": "sequence", "config": {"num_outputs": outputs, "pooling": "max"}},
    )
    return {name: weight.numel() for name, weight in network.named_parameters()}


def test_the_cnn_is_small() -> None:
    assert sum(_numbers(cnn_checkpoint(PLAIN)).values()) == 74_882
    assert sum(_numbers(cnn_checkpoint(SETS["splice"]), 3).values()) == 74_752 + 3 * (64 * CNN_SEGMENTS + 1)


@pytest.mark.parametrize(
    ("names", "segments"),
    [
        ([one.name for one in GUE_SETS if one.group in ("PD", "CPD", "SSP")], CNN_SEGMENTS),
        (["NT/splice_sites_all", "NT/promoter_tata", "human_nontata_promoters"], CNN_SEGMENTS),
        ([one.name for one in GUE_SETS if one.group not in ("PD", "CPD", "SSP")], 1),
        (["human_enhancers_cohn", "NT/H3K27ac"], 1),
    ],
)
def test_places_matter_in_promoters_and_splice_sites(names: list[str], segments: int) -> None:
    for name in names:
        assert cnn_checkpoint(SETS[name]).architecture.config["segments"] == segments
    assert cnn_checkpoint(PLAIN).architecture.config["segments"] == 1


def test_the_cnn_learns(trial: Trial, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    one = cnn(1, "cpu")
    made = one.answer(PLAIN, trial, 0, tmp_path, Listener(log=rows.append))
    assert figures_of("classes", made.predictions_NK, trial.tested.truth, ["mcc"])["mcc"] > 0.6
    assert made.steps == 8 * 5
    assert made.best_step in range(made.steps + 1)
    assert made.parameters == 74_882
    assert made.network_parameters == 74_882 - 10 * 64 - 2 * 65  # no table of tokens, no classifier
    assert made.bases_per_token == 1.0
    assert made.cpu_s > 0
    assert any("validation" in row for row in rows)


def test_the_same_seed_gives_the_same(trial: Trial, tmp_path: Path) -> None:
    short = dataclasses.replace(cnn(1, "cpu"), options=TrainingOptions(epochs=0.4, lr=2e-3))
    made = []
    for number, seed in enumerate((3, 3, 4)):
        (tmp_path / str(number)).mkdir()
        made.append(short.answer(PLAIN, trial, seed, tmp_path / str(number), Listener()).predictions_NK)
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_tested_sequences_choose_nothing(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stopping set chooses the network; the tested one is among those that are only judged."""
    given: list[dict[str, Any]] = []

    def stop(request: Any, model: Any, sets: dict[str, Any], *rest: Any) -> Any:
        given.append(sets)
        raise KeyboardInterrupt

    monkeypatch.setattr(gue_networks, "finetune_sets", stop)
    with pytest.raises(KeyboardInterrupt):
        cnn(1, "cpu").answer(PLAIN, trial, 0, tmp_path, Listener())
    (sets,) = given
    assert list(sets) == ["training", "validation", "tested"]
    assert sets["training"] is trial.training
    assert sets["validation"] is trial.stopping
    assert sets["tested"] is trial.tested


def test_a_stopped_training_goes_on_and_counts_all_its_time(trial: Trial, tmp_path: Path) -> None:
    short = dataclasses.replace(cnn(1, "cpu"), options=TrainingOptions(epochs=2.0, lr=2e-3))
    (tmp_path / "whole").mkdir()
    whole = short.answer(PLAIN, trial, 0, tmp_path / "whole", Listener())

    def stop(row: dict[str, Any]) -> None:
        if row["step"] >= 6:
            raise KeyboardInterrupt

    (tmp_path / "cut").mkdir()
    with pytest.raises(KeyboardInterrupt):
        short.answer(PLAIN, trial, 0, tmp_path / "cut", Listener(log=stop))
    spent = tmp_path / "cut" / "cpu_s.txt"
    assert float(spent.read_text()) > 0
    spent.write_text("1000")
    steps: list[int] = []
    made = short.answer(
        PLAIN, trial, 0, tmp_path / "cut", Listener(log=lambda row: steps.append(row["step"]))
    )
    assert min(steps) > 2
    assert np.array_equal(made.predictions_NK, whole.predictions_NK)
    assert 1000 < made.cpu_s < 1100


@pytest.mark.parametrize("method", ["full", "lora", "probe"])
def test_a_language_model(toy: ModuleType, trial: Trial, tmp_path: Path, method: Any) -> None:
    place = toy.saved_model(tmp_path / "run" / "model")
    options = TrainingOptions(epochs=2.0, method=method, pooling="mean")
    one = language_model(str(place), options, 1, "cpu")
    assert one.name == ("run" if method == "full" else f"run:{method}")
    (tmp_path / "work").mkdir()
    made = one.answer(PLAIN, trial, 0, tmp_path / "work", Listener())
    assert made.predictions_NK.shape == (60, 2)
    numbers = _numbers(toy.masked_model())
    encoder = {name: n for name, n in numbers.items() if name.startswith("encoder.")}
    tables = {name for name in encoder if "_embeddings" in name}
    assert len(tables) == 2
    assert made.network_parameters == sum(n for name, n in encoder.items() if name not in tables)
    assert made.parameters == sum(numbers.values())


def test_the_usual_rate_is_written_down(toy: ModuleType, tmp_path: Path) -> None:
    place = str(toy.saved_model(tmp_path / "m"))
    for method, lr, expected in (("full", 0.0, 5e-4), ("probe", 0.0, 1e-2), ("full", 0.2, 0.2)):
        one = language_model(place, TrainingOptions(method=method, lr=lr), 1, "cpu")  # type: ignore[arg-type]
        assert one.settings(PLAIN)["lr"] == expected
        assert one.request(PLAIN, 5).lr == expected
        assert one.request(PLAIN, 5).seed == 5
    fresh = scratch("nucleotide", TrainingOptions(), 1, "cpu")
    assert fresh.request(PLAIN, 0).config.new_weights
    assert not one.request(PLAIN, 0).config.new_weights


def test_other_weights_are_other_settings(toy: ModuleType, tmp_path: Path) -> None:
    settings = []
    for seed in (0, 0, 1):
        folder = tmp_path / str(len(settings))
        save(folder, toy.masked_model(seed), "a toy")
        settings.append(language_model(str(folder), TrainingOptions(), 1, "cpu").settings(PLAIN))
    assert settings[0] == settings[1]
    assert {key for key in settings[0] if settings[0][key] != settings[2][key]} == {"weights_sha256"}


def test_a_fine_tuned_model_is_not_pre_trained_further(toy: ModuleType, trial: Trial, tmp_path: Path) -> None:
    one = language_model(str(toy.saved_model(tmp_path / "m")), TrainingOptions(epochs=0.2), 1, "cpu")
    (tmp_path / "work").mkdir()
    one.answer(PLAIN, trial, 0, tmp_path / "work", Listener())
    tuned = str(tmp_path / "work" / "training" / "model")
    assert language_model(tuned, TrainingOptions(), 1, "cpu").name == "training"
    with pytest.raises(UsageError, match="only a masked language model, or one that writes"):
        language_model(tuned, TrainingOptions(pretrain_epochs=1.0), 1, "cpu")


def test_tokenizers(trial: Trial, tmp_path: Path) -> None:
    """Networks of one shape; what differs are the tokens."""
    save_tokenizer(load_tokenizer("4mer-nonoverlapping"), tmp_path / "mine.json")
    options = TrainingOptions(epochs=0.2)
    costs = {}
    for source in ("nucleotide", "6mer-overlapping", str(tmp_path / "mine.json")):
        one = scratch(source, options, 1, "cpu")
        (tmp_path / one.name.replace(":", "_")).mkdir()
        costs[one.name] = one.answer(PLAIN, trial, 0, tmp_path / one.name.replace(":", "_"), Listener())
    assert list(costs) == ["scratch:nucleotide", "scratch:6mer-overlapping", "scratch:mine"]
    assert len({one.network_parameters for one in costs.values()}) == 1
    assert [one.bases_per_token for one in costs.values()] == [1.0, 40 / 35, 4.0]


def test_labels(toy: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "bpe").mkdir()
    save_tokenizer(load_tokenizer("nucleotide"), tmp_path / "bpe" / "tokenizer.json")
    for source in (tmp_path / "bpe", tmp_path / "bpe" / "tokenizer.json"):
        assert scratch(str(source), TrainingOptions(), 1, "cpu").name == "scratch:bpe"
    place = toy.saved_model(tmp_path / "a=b")
    assert language_model(str(place), TrainingOptions(), 1, "cpu").name == "a=b"
    assert language_model(f"x y={place}", TrainingOptions(method="lora"), 1, "cpu").name == "x y"
