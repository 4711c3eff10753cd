"""Checks of language models."""

import dataclasses
from types import ModuleType

import numpy as np

from lexome.tasks.language import check
from lexome.tasks.language.check import check_language_model


def results(lines: list[check.CheckLine]) -> dict[str, str]:
    return {line.check: line.result for line in lines}


def test_a_sound_model(toy: ModuleType) -> None:
    found = results(check_language_model(toy.masked_model()))
    assert found == {
        "files": "pass", "weights": "pass", "tokenizer": "info", "round trip": "pass", "padding": "pass",
        "hidden tokens": "info", "packed": "pass",
    }  # fmt: skip


def test_what_is_wrong_is_found(toy: ModuleType, monkeypatch) -> None:
    model = toy.masked_model()
    ((files,),) = ([check_language_model(dataclasses.replace(model, features={}))],)
    assert "has no tokenizer" in files[0].finding
    weights = {name: weight.copy() for name, weight in model.weights.items()}
    weights["scorer.transform.dense.bias"][0] = np.nan
    found = results(check_language_model(dataclasses.replace(model, weights=weights)))
    assert found["weights"] == found["padding"] == found["packed"] == "FAIL"

    def wrong(network: object) -> int:
        network.scorer.decoder.bias.data += 1  # type: ignore[attr-defined]
        return 0

    monkeypatch.setattr(check, "pack_linears", wrong)
    assert results(check_language_model(model))["packed"] == "FAIL"
