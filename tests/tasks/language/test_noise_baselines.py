"""Baselines of finding errors: thresholds against trying them all, and what they tell apart on windows."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.errors import BadInputError
from lexome.simulate.genome import random_genome
from lexome.tasks.language.judged_sets import Scored
from lexome.tasks.language.noise_baselines import (
    BaselineConfig,
    about,
    best_threshold,
    distinct_kmers,
    noise_baselines,
)
from lexome.tasks.language.noise_prepare import prepare_noise
from lexome.tasks.language.noise_request import NoiseRequest
from lexome.tasks.language.region_split import RegionConfig


@pytest.fixture(autouse=True)
def no_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time and are tested where they are made."""
    monkeypatch.setattr("lexome.tasks.language.judged.figure_intervals", lambda *_: {})


@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=1, max_size=12))
def test_the_threshold_is_the_best_one(drawn: list[tuple[int, bool]]) -> None:
    scores = np.array([float(score) for score, _ in drawn])
    is_clean = np.array([clean for _, clean in drawn])

    def right(threshold: float) -> int:
        return int(((scores > threshold) == is_clean).sum())

    found = best_threshold(scores, is_clean)
    assert found not in scores
    assert right(found) == max(right(threshold) for threshold in np.arange(-5, 6) + 0.5)


def test_distinct_kmers() -> None:
    assert distinct_kmers("ACACACAC", 3) == 2
    assert distinct_kmers("AC", 3) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome of repeats, which a Markov model knows by heart, and telomeres."""
    work = tmp_path_factory.mktemp("noise")
    unit = random_genome(700, 0)
    (work / "g.fa").write_text(">c\n" + unit * 60 + "\n")
    motifs = [f"TT{'A' * i}GG{'G' * j}" for i in range(1, 6) for j in range(4)]
    (work / "t.csv").write_text("sequence\n" + "\n".join(motifs) + "\n")
    request = NoiseRequest(
        {"g": work / "g.fa"},
        (work / "t.csv",),
        100,
        regions=RegionConfig(1000, 0.2, 0.2),
        telomere_windows=120,
    )
    prepare_noise(request, work / "out", "")
    return work / "out"


def _accuracy(scored: list[Scored]) -> dict[tuple[str, str, str], float | None]:
    return {(one.split, one.group, one.predictor): one.judged.figures["accuracy"] for one in scored}


def test_what_they_tell_apart(folder: Path) -> None:
    told: list[str] = []
    config = BaselineConfig(4, 6)
    found = _accuracy(noise_baselines(folder, config, note=told.append))
    predictors = {"k-mer regression", "distinct 8-mers", "Markov, order 6", "Markov, order 6, against noisy"}
    assert set(found) == {
        (split, group, who)
        for split in ("dev", "test")
        for group in ("genomic", "telomeric")
        for who in predictors
    }
    # a genome that repeats itself is known, so errors in it are seen
    assert (found["test", "genomic", "Markov, order 6"] or 0) > 0.8
    # fewer 8-mers in telomeres without errors, whatever the motif
    assert (found["test", "telomeric", "distinct 8-mers"] or 0) > 0.9
    assert (found["test", "genomic", "k-mer regression"] or 0) > 0.6
    assert len(told) == 2
    assert about(folder, config)["markov_order"] == 6


def test_predictions_of_a_network_stand_beside_them(folder: Path, tmp_path: Path) -> None:
    from lexome.tasks.language.labelled import read_labelled

    rows = ["set\tname\ttruth\tp_clean\tp_noisy"]
    dev = read_labelled(folder / "dev.csv")
    rows += [f"validation\t{name}\tx\t{1 - t}\t{t}" for name, t in zip(dev.names, dev.truth, strict=True)]
    path = tmp_path / "predictions.tsv"
    path.write_text("\n".join(rows) + "\n")
    found = _accuracy(noise_baselines(folder, BaselineConfig(2, 2), {"oracle": path}))
    assert found["dev", "genomic", "oracle"] == 1
    assert ("test", "genomic", "oracle") not in found


def test_folders_of_something_else(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("sequence,label,category\nACGT,a,x\nACGA,b,x\n")
    with pytest.raises(BadInputError, match="the labels are not clean and noisy"):
        noise_baselines(tmp_path, BaselineConfig())
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(BadInputError, match="does not say the rates"):
        noise_baselines(tmp_path, BaselineConfig(2, 2))


def test_telomeres_alone(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.name != "train_regions.fa":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    told: list[str] = []
    found = _accuracy(noise_baselines(tmp_path, BaselineConfig(2, 2), note=told.append))
    assert {who for _, _, who in found} == {"k-mer regression", "distinct 8-mers"}
    assert "no Markov model" in told[-1]
