"""The settings of a correction: written, read back, and compared in words."""

import dataclasses
import json
from pathlib import Path

import pytest

from lexome.checkpoint.store import Checkpoint
from lexome.tasks.basecall.journal import InputFile, differences, read_journal, write_journal
from lexome.tasks.correct.journal import CorrectSettings
from lexome.tasks.correct.model import open_corrector
from lexome.tasks.correct.outcomes import Filters

SETTINGS = CorrectSettings(
    "0.1.0", "one", "d1", False, None, "0.0,1.0,2.5", 45.0, 93, 20.0, 0, None, InputFile("s.bam", 20),
    InputFile("c.bam", 30),
)  # fmt: skip


def changed(**changes: object) -> CorrectSettings:
    return dataclasses.replace(SETTINGS, **changes)  # pyright: ignore[reportArgumentType]


def test_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "o.bam.partial.json"
    settings = changed(shard="2/8", int8=True, ccs_calibration=None)
    write_journal(path, settings)
    content = read_journal(path)
    assert content is not None
    assert differences(content, settings) == []
    assert differences(content, SETTINGS) == [
        "--int8 on there, off here",
        "calibration of CCS bases none there, 0.0,1.0,2.5 here",
        "shard 2/8 there, none here",
    ]


@pytest.mark.parametrize(
    ("here", "words"),
    [
        (changed(model="two", model_digest="d2"), "model one there, two here"),
        (changed(model_digest="d2"), "the weights or the configuration of model one have changed"),
        (changed(calibration="0,1,2"), "calibration none there, 0,1,2 here"),
        (changed(skip_above=0.0), "windows skipped above 45.0 there, 0.0 here"),
        (changed(max_quality=60), "highest quality of a base 93 there, 60 here"),
        (changed(min_quality=0.0), "lowest quality of a read 20.0 there, 0.0 here"),
        (changed(min_length_bp=9), "fewest bases of a read 0 there, 9 here"),
        (changed(subreads=InputFile("x.bam", 20)), "subreads s.bam there, x.bam here"),
        (changed(subreads=InputFile("s.bam", 21)), "the size of s.bam has changed"),
        (changed(ccs=InputFile("x.bam", 20)), "CCS reads c.bam there, x.bam here"),
        (changed(lexome="2", model="x"), "lexome 0.1.0 there, 2 here"),
    ],
)
def test_every_difference_is_named(here: CorrectSettings, words: str) -> None:
    assert differences(json.loads(json.dumps(dataclasses.asdict(SETTINGS))), here) == [words]


def test_each_field_makes_a_difference() -> None:
    """A setting that is added later must not be forgotten in the comparison."""
    for field in dataclasses.fields(CorrectSettings):
        value = getattr(SETTINGS, field.name)
        other = InputFile("other", 1) if isinstance(value, InputFile) else "other"
        assert list(changed(**{field.name: other}).differences_from(SETTINGS)), field.name


def test_the_journal_of_another_command_fits_nothing() -> None:
    assert differences({"lexome": "0.1.0", "beam_width": 3}, SETTINGS) == ["its journal is damaged"]


def test_settings_are_those_of_the_corrector(random_corrector_model: Checkpoint) -> None:
    def settings(model: Checkpoint, **options) -> CorrectSettings:
        corrector = open_corrector(model, **options)
        files = InputFile("s.bam", 1), InputFile("c.bam", 2)
        return CorrectSettings.of(corrector, Filters(7.0, 5), "0.1.0", "1/2", *files)

    plain = settings(random_corrector_model)
    assert plain.model == "random"
    assert plain == settings(random_corrector_model, threads=3)
    calibrations = {"calibration": "0,1,0.1", "ccs_calibration": "3,1,0"}
    other = settings(random_corrector_model, int8=True, skip_above=0, max_quality=9, **calibrations)
    differing = {
        f.name for f in dataclasses.fields(plain) if getattr(plain, f.name) != getattr(other, f.name)
    }
    assert differing == {"int8", "calibration", "ccs_calibration", "skip_above", "max_quality"}
    assert other.calibration == "0.0,1.0,0.1"
    weights = dict(random_corrector_model.weights)
    name = next(iter(weights))
    weights[name] = weights[name] + 1
    retrained = dataclasses.replace(random_corrector_model, weights=weights)
    assert settings(retrained).model_digest != plain.model_digest
