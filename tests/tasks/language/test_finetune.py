"""Fine-tuning from files to a model that can be used, and cross-validation."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.crossvalidate import cross_validate
from lexome.tasks.language.finetune import FinetuneRequest, Listener, finetune, usual_rate
from lexome.tasks.language.finetune_config import FinetuneConfig
from lexome.tasks.language.infer import predictions
from lexome.tasks.language.model import open_language_model

Make = Callable[..., FinetuneRequest]


@pytest.fixture
def request_for(toy: ModuleType, tmp_path: Path) -> Make:
    def make(**changes: Any) -> FinetuneRequest:
        sets = {"train": 300, "dev": 60, "test": 60}
        files = {
            name: toy.write_table(tmp_path / f"{name}.csv", toy.motif_set(count, seed=seed))
            for seed, (name, count) in enumerate(sets.items())
        }
        config = FinetuneConfig(pooling="max", reverse_complement=False)
        model = tmp_path / "toy"
        plain = FinetuneRequest(
            str(model if model.exists() else toy.saved_model(model)), files["train"], files["dev"],
            (files["test"],), config=config, lr=1e-2, epochs=20, evaluations=1, seed=1,
        )  # fmt: skip
        return replace(plain, **changes)

    return make


def test_from_tables_to_a_model_in_use(request_for: Make, toy: ModuleType, tmp_path: Path) -> None:
    told: list[str] = []
    done = finetune(request_for(), tmp_path / "out", "0", listener=Listener(told.append))
    assert done.judged["test"].figures["mcc"] is not None
    assert done.judged["test"].figures["mcc"] > 0.85
    assert done.best_step <= done.steps == 20 * (300 // 32)
    model = open_language_model(tmp_path / "out" / "model", device="cpu")
    assert model.target is not None
    assert model.target.names == ("with", "without")  # in the order of the text
    sequences = toy.motif_set(60, seed=2).sequences
    np.testing.assert_allclose(
        predictions(model, model.encode(sequences)), done.judged["test"].predictions_NK, atol=1e-5
    )
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert figures["sets"]["test"]["mcc"]["value"] == done.judged["test"].figures["mcc"]
    assert figures["request"]["seed"] == 1
    rows = (tmp_path / "out" / "predictions.tsv").read_text().splitlines()
    assert rows[0] == "set\tname\ttruth\tp_with\tp_without"
    assert len(rows) == 1 + 60 + 60
    assert "mcc" in (tmp_path / "out" / "model" / "README.md").read_text()
    with pytest.raises(UsageError, match="is done"):
        finetune(request_for(), tmp_path / "out", "0", resume=True)


def test_a_training_that_was_stopped_goes_on_to_the_same_bits(request_for: Make, tmp_path: Path) -> None:
    request = request_for(epochs=4)

    def stop(row: dict[str, Any]) -> None:
        if "validation" in row and row["step"] >= 18:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(request, tmp_path / "a", "0", listener=Listener(log=stop))
    with pytest.raises(UsageError, match="add --resume"):
        finetune(request, tmp_path / "a", "0")
    with pytest.raises(UsageError, match="different: seed"):
        finetune(replace(request, seed=7), tmp_path / "a", "0", resume=True)
    finetune(request, tmp_path / "a", "0", resume=True)
    finetune(request, tmp_path / "b", "0")
    first, second = (load(tmp_path / name / "model") for name in "ab")
    for name, weight in first.weights.items():
        assert np.array_equal(weight, second.weights[name]), name


def test_without_a_validation_file_a_part_is_held_out(request_for: Make, tmp_path: Path) -> None:
    told: list[str] = []
    request = request_for(validation=None, test=(), epochs=1)
    done = finetune(request, tmp_path / "out", "0", listener=Listener(told.append))
    assert told == ["30 of 300 training sequences are held out to choose the network"]
    assert len(done.judged["validation"].labelled) == 30


def test_patience_ends_a_training_early(request_for: Make, tmp_path: Path) -> None:
    done = finetune(request_for(patience=2, epochs=40), tmp_path / "out", "0")
    assert done.steps < 40 * 9
    assert done.best_step + 2 * 9 <= done.steps <= done.best_step + 2 * 9 + 1


def test_further_pretraining_comes_first_and_is_not_done_twice(request_for: Make, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    request = request_for(epochs=1, pretrain_epochs=3)
    finetune(request, tmp_path / "out", "0", listener=Listener(log=rows.append))
    masked = [row for row in rows if "frequency_loss" in row.get("validation", {})]
    assert len(masked) == 1
    assert masked[0]["step"] == 3 * (294 // 64)  # six of the sequences validate
    assert not (tmp_path / "out" / "pretraining" / "store").exists()


def test_sequences_are_cut_only_when_asked(request_for: Make, tmp_path: Path) -> None:
    told: list[str] = []
    finetune(request_for(epochs=1, max_bp=12), tmp_path / "out", "0", listener=Listener(told.append))
    assert told == ["420 sequences were cut to 12 bases"]


def test_labels_that_training_does_not_have_are_refused(request_for: Make, tmp_path: Path) -> None:
    request = request_for()
    request.test[0].write_text("sequence,label\nACGT,with\nACGT,perhaps\n")
    with pytest.raises(BadInputError, match=r"test.csv: row 2 has the label 'perhaps'"):
        finetune(request, tmp_path / "out", "0")
    assert not (tmp_path / "out").exists()


def test_every_sequence_is_judged_once_by_a_network_that_has_not_seen_it(
    request_for: Make, tmp_path: Path
) -> None:
    request = request_for(validation=None, test=(), epochs=6)
    done = cross_validate(request, 3, tmp_path / "cv", "0")
    assert len(done.by_fold) == 3
    assert done.judged.figures["accuracy"] is not None
    assert np.isclose(done.judged.predictions_NK.sum(1), 1).all()
    rows = (tmp_path / "cv" / "predictions.tsv").read_text().splitlines()
    assert [row.split("\t")[1] for row in rows[1:]] == [str(n + 1) for n in range(300)]
    assert any(line.startswith("mcc ") and "folds" in line for line in done.lines())
    with pytest.raises(UsageError, match="takes no other sets"):
        cross_validate(request_for(), 3, tmp_path / "other", "0")


def test_the_usual_rate_depends_on_method_and_size(toy: ModuleType) -> None:
    model = toy.masked_model()
    small = usual_rate(FinetuneConfig(), model)
    large = replace(model, weights={"w": np.zeros(30_000_000, np.float16)})
    assert usual_rate(FinetuneConfig(), large) < small < usual_rate(FinetuneConfig(method="lora"), model)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"validation_share": 1.0}])
def test_requests_that_make_no_sense(request_for: Make, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="must"):
        request_for(**wrong)
