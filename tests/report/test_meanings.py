"""The page, the table, the JSON file and docs/metrics.md speak of the same figures in the same words."""

import dataclasses
import re
from pathlib import Path

from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP
from lexome.evaluate.cigar import LONG_GAP
from lexome.evaluate.figures import PerRead, ReadsFigures, figures
from lexome.evaluate.homopolymers import MIN_RUN
from lexome.evaluate.profile import ContextBin, ErrorProfile, HomopolymerBin, QualityBin, Substitution
from lexome.evaluate.reads import FileEvaluation
from lexome.report.meanings import MEANING

METRICS = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text("utf-8")
ROWS = re.findall(r"^\| (`[^|]+`) \| (.+) \|$", METRICS, re.M)


def documented() -> dict[str, str]:
    return {name: meaning for names, meaning in ROWS for name in re.findall(r"`(\w+)`", names)}


def test_every_figure_has_the_same_meaning_in_the_documents() -> None:
    assert {name: documented().get(name) for name in MEANING} == MEANING


def test_everything_in_the_json_file_is_documented() -> None:
    import numpy as np

    none = np.zeros(0, np.int64)
    per_read = PerRead((), none, none, np.zeros(0, bool), np.zeros(0), none.reshape(0, 12))
    found = figures(per_read, ErrorProfile(), DEFAULT_BOOTSTRAP)
    written = FileEvaluation("c", "r", "a", DEFAULT_BOOTSTRAP, found, per_read).to_json()
    assert set(written) == set(documented())


def test_every_number_has_a_meaning_and_every_meaning_a_number() -> None:
    lists = {"intervals", "q_predicted_vs_empirical", "homopolymers", "substitutions", "contexts"}
    assert set(MEANING) == {field.name for field in dataclasses.fields(ReadsFigures)} - lists


def test_the_fields_of_the_lists_are_documented() -> None:
    kinds = {
        "q_predicted_vs_empirical": QualityBin,
        "homopolymers": HomopolymerBin,
        "substitutions": Substitution,
        "contexts": ContextBin,
        "bootstrap": type(DEFAULT_BOOTSTRAP),
    }
    for name, kind in kinds.items():
        fields = {field.name for field in dataclasses.fields(kind)}
        assert fields <= set(re.findall(r"`(\w+)`", documented()[name])), name


def test_the_numbers_in_the_definitions_are_the_ones_in_use() -> None:
    assert (MIN_RUN, LONG_GAP) == (3, 50)
    assert "a maximal run of three or more equal bases" in METRICS
    assert "an insertion or deletion of 50 bases or more" in METRICS
    assert DEFAULT_BOOTSTRAP.resamples == 1000
    assert "(1000 resamples" in METRICS
