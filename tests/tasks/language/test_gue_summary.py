"""Figures of the tables: against plain loops over the same resamples."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.classification import figure_intervals, figures_of
from lexome.tasks.language.gue_results import Result
from lexome.tasks.language.gue_summary import summarised

FEW = BootstrapConfig(resamples=40)
ROLES = {"kmer": "kmer", "cnn": "cnn", "majority": "majority", "scratch:byte": "scratch"}


def _result(
    set_name: str, contender: str, skill: float, *, count: int = 60, seed: int = 0, group: str = "TF-H",
    published: float | None = 70.0, is_published: bool = True, metric: str = "mcc", data: str = "",
    suite: str = "GUE", **settings: Any,
) -> Result:  # fmt: skip
    """A contender that is right in a part `skill` of the sequences, and guesses the others."""
    rng = np.random.default_rng([len(set_name), count, 1])
    truth = rng.integers(0, 2, count)
    own = np.random.default_rng([sum(map(ord, contender)), seed, count])
    knows = own.random(count) < skill
    said = np.where(knows, truth, own.integers(0, 2, count))
    predictions = np.stack([1.0 - said, said], axis=1)
    content = {
        "set": {"name": set_name, "group": group, "suite": suite, "metric": metric, "published": published,
                "note": ""},
        "protocol": {"text": "whole" if is_published else "half", "published": is_published},
        "kind": "classes",
        "sizes": {"tested": count},
        "leakage": {"same": 0, "reverse": 0, "lines": []},
        "duplicates": [],
        "contender": {"name": contender, "role": ROLES.get(contender, "model")},
        "cost": {"cpu_s": 10.0, "parameters": count, "bases_per_token": None, "relative_flops": 0.5},
        "data_sha256": {"training": data, "tested": ""},
        "settings": {"contender": contender, "seed": seed, **settings},
    }  # fmt: skip
    return Result(content, predictions, truth, Path(f"{set_name}-{contender}-{seed}.json"))


def _mcc(result: Result, drawn: Any = slice(None)) -> float:
    value = figures_of("classes", result.predictions_NK[drawn], result.truth[drawn], ["mcc"])["mcc"]
    assert value is not None
    return value


def test_scores_are_those_of_the_results() -> None:
    one = _result("tf/0", "m", 0.7)
    figures = summarised([one], FEW)
    (row,) = figures["sets"]
    assert row["scores"]["m"]["value"] == _mcc(one)
    expected = figure_intervals("classes", one.predictions_NK, one.truth, ["mcc"], FEW)["mcc"]
    assert row["scores"]["m"]["interval"] == pytest.approx(expected)
    assert row["differences"] == {"kmer": {}, "cnn": {}}
    assert row["published"] == 70.0


def test_differences_are_of_the_same_sequences() -> None:
    model, kmer, cnn = (
        _result("tf/0", name, skill) for name, skill in (("m", 0.8), ("kmer", 0.5), ("cnn", 0.6))
    )
    (row,) = summarised([cnn, model, kmer], FEW)["sets"]
    rng = np.random.default_rng(FEW.seed)
    drawn = [rng.integers(0, 60, 60) for _ in range(FEW.resamples)]
    for base, other in (("kmer", kmer), ("cnn", cnn)):
        found = row["differences"][base]["m"]
        assert found["value"] == pytest.approx(_mcc(model) - _mcc(other))
        expected = np.percentile([_mcc(model, d) - _mcc(other, d) for d in drawn], [2.5, 97.5])
        assert found["interval"] == pytest.approx(tuple(expected))
    assert set(row["differences"]["kmer"]) == {"m", "cnn"}
    assert set(row["differences"]["cnn"]) == {"m", "kmer"}


def test_seeds_count_as_their_mean() -> None:
    runs = [_result("tf/0", "m", 0.5, seed=seed) for seed in range(3)]
    (row,) = summarised(runs, FEW)["sets"]
    values = [_mcc(one) for one in runs]
    assert len(set(values)) == 3
    assert row["scores"]["m"]["value"] == pytest.approx(np.mean(values))
    assert row["scores"]["m"]["seeds"] == values
    rng = np.random.default_rng(FEW.seed)
    drawn = [rng.integers(0, 60, 60) for _ in range(FEW.resamples)]
    expected = np.percentile([np.mean([_mcc(one, d) for one in runs]) for d in drawn], [2.5, 97.5])
    assert row["scores"]["m"]["interval"] == pytest.approx(tuple(expected))
    assert row["scores"]["m"]["cpu_s"] == 10.0


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    """Three contenders, one of which was not run on one set."""
    made = []
    for set_name, count, group, is_published in (
        ("mouse/2", 40, "TF-M", True), ("tf/0", 60, "TF-H", True), ("tf/1", 200, "TF-H", False),
    ):  # fmt: skip
        for name, skill in (("m", 0.8), ("kmer", 0.3), ("half", 0.6)):
            if (set_name, name) != ("tf/1", "half"):
                made.append(
                    _result(set_name, name, skill, count=count, group=group, is_published=is_published)
                )
    return summarised(made[::-1], FEW)


def test_orders(figures: dict[str, Any]) -> None:
    assert figures["contenders"] == ["kmer", "half", "m"]
    assert [row["name"] for row in figures["sets"]] == ["mouse/2", "tf/0", "tf/1"]
    assert [row["published"] for row in figures["sets"]] == [70.0, 70.0, None]


def test_averages(figures: dict[str, Any]) -> None:
    rows = {row["label"]: row for row in figures["averages"]}
    assert list(rows) == ["TF-M", "TF-H", "published protocol", "all"]
    score = {row["name"]: row["scores"] for row in figures["sets"]}
    m = [score[name]["m"]["value"] for name in ("mouse/2", "tf/0", "tf/1")]
    assert rows["all"]["macro"]["m"]["value"] == pytest.approx(np.mean(m))
    assert rows["all"]["micro"]["m"] == pytest.approx(np.dot(m, [40, 60, 200]) / 300)
    assert rows["TF-H"]["macro"]["m"]["value"] == pytest.approx(np.mean(m[1:]))
    assert rows["published protocol"]["macro"]["m"]["value"] == pytest.approx(np.mean(m[:2]))
    for label, has_all in (("TF-M", True), ("TF-H", False), ("published protocol", True), ("all", False)):
        assert (rows[label]["macro"]["half"]["value"] is not None) == has_all
        assert (rows[label]["micro"]["half"] is not None) == has_all
        assert (rows[label]["differences"]["kmer"]["half"]["value"] is not None) == has_all
    assert [rows[label]["published"] for label in rows] == [70.0, None, 70.0, None]
    difference = rows["all"]["differences"]["kmer"]["m"]
    kmer = [score[name]["kmer"]["value"] for name in ("mouse/2", "tf/0", "tf/1")]
    assert difference["value"] == pytest.approx(np.mean(m) - np.mean(kmer))
    low, high = difference["interval"]
    assert low < difference["value"] < high


def test_the_interval_of_an_average_is_that_of_independent_sets() -> None:
    """Four sets alike: the spread of their mean is half that of one, though one seed drew all resamples."""
    config = BootstrapConfig(resamples=400)
    made = [_result(f"tf/{n}", "m", 0.5, count=150) for n in range(4)]
    figures = summarised(made, config)
    widths = [np.ptp(row["scores"]["m"]["interval"]) for row in figures["sets"]]
    assert len(set(widths)) == 1  # the same sequences, drawn in the same way
    whole = np.ptp(figures["averages"][-1]["macro"]["m"]["interval"])
    assert whole / widths[0] == pytest.approx(0.5, abs=0.08)


def test_one_set_has_its_own_interval_as_average(figures: dict[str, Any]) -> None:
    (row,) = (row for row in figures["sets"] if row["name"] == "mouse/2")
    average = figures["averages"][0]
    assert average["macro"]["m"]["interval"] == pytest.approx(row["scores"]["m"]["interval"])


def test_ranks(figures: dict[str, Any]) -> None:
    scores = [{n: s["value"] for n, s in row["scores"].items()} for row in figures["sets"]]
    for name in figures["contenders"]:
        ranks = figures["ranks"][name]
        places = [sorted(one.values(), reverse=True).index(one[name]) for one in scores if name in one]
        assert ranks["sets"] == len(places)
        assert (ranks["first"], ranks["second"]) == (places.count(0), places.count(1))
    wins = figures["ranks"]["m"]["wins"]
    assert wins["kmer"]["sets"] == wins["kmer"]["wins"] == 3
    clear = [row["differences"]["kmer"]["m"]["interval"][0] > 0 for row in figures["sets"]]
    assert wins["kmer"]["clear_wins"] == sum(clear)
    assert wins["cnn"] == {"sets": 0, "wins": 0, "clear_wins": 0, "clear_losses": 0}


def test_equal_scores_share_a_rank() -> None:
    one = _result("tf/0", "m", 1.0)
    ranks = summarised([one, _result("tf/0", "n", 1.0), _result("tf/0", "kmer", 0.0)], FEW)["ranks"]
    assert [(ranks[name]["first"], ranks[name]["second"]) for name in ("m", "n", "kmer")] == [
        (1, 0), (1, 0), (0, 0)
    ]  # fmt: skip


def test_costs_and_settings() -> None:
    made = [
        _result("tf/0", "m", 0.5, count=40, epochs=3.0),
        _result("tf/1", "m", 0.5, count=60, epochs=3.0),
        _result("tf/1", "m", 0.5, count=60, seed=1, epochs=5.0),
    ]
    figures = summarised(made, FEW)
    assert figures["costs"]["m"] == {
        "results": 3, "cpu_s": 30.0, "parameters": [40, 160 / 3, 60], "bases_per_token": None,
        "relative_flops": [0.5, 0.5, 0.5],
    }  # fmt: skip
    assert figures["settings"]["m"] == {"seed": [0, 1], "epochs": [3.0, 5.0]}


def test_other_suites_have_their_own_average() -> None:
    made = [
        _result("tf/0", "m", 0.9),
        _result("mine", "m", 0.1, group="other", suite="other", published=None),
    ]
    figures = summarised(made, FEW)
    assert [row["label"] for row in figures["averages"]] == [
        "TF-H", "other", "published protocol", "GUE", "all"
    ]  # fmt: skip
    assert figures["averages"][2]["sets"] == 1


def test_other_data_cannot_be_compared() -> None:
    with pytest.raises(BadInputError, match="different sequences"):
        summarised([_result("tf/0", "m", 0.5), _result("tf/0", "kmer", 0.5, data="other")], FEW)


def test_figures_are_json(figures: dict[str, Any]) -> None:
    json.dumps(figures, allow_nan=False)
    alone = summarised([_result("tf/0", "m", 0.5, count=1)], FEW)
    assert json.loads(json.dumps(alone, allow_nan=False))["averages"][-1]["macro"]["m"]["interval"] is None
