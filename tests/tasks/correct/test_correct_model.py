"""A model for correction is opened with the windows that it was made for, or refused."""

from dataclasses import replace

import pytest

from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.errors import BadInputError, UsageError
from lexome.decode.consensus import Calibration
from lexome.engine.windows import WindowEngine
from lexome.features.pileup import PileupConfig
from lexome.tasks.correct.model import open_corrector, pileup_config


def with_head(checkpoint: Checkpoint, **config: object) -> Checkpoint:
    return replace(checkpoint, head=Component("consensus", config))


def test_windows_follow_from_features_and_rows(random_corrector_model: Checkpoint) -> None:
    assert pileup_config(random_corrector_model) == PileupConfig(max_passes=6)
    features = {"max_insertion_bp": 3, "width": 50}
    changed = replace(random_corrector_model, features=features)
    assert pileup_config(changed) == PileupConfig(max_passes=6, max_insertion_bp=3, width=50)
    rows = {"pileup": {"passes": 7, "ccs_qualities": True}}
    qualities = replace(random_corrector_model, architecture=Component("deepconsensus", rows))
    assert pileup_config(qualities) == PileupConfig(max_passes=7, with_qualities=True)
    with pytest.raises(UsageError, match="random, features: unknown key 'size'"):
        pileup_config(replace(random_corrector_model, features={"size": 1}))
    with pytest.raises((UsageError, BadInputError), match="random, features"):
        pileup_config(replace(random_corrector_model, features={"width": 0}))


def test_the_calibration_is_that_of_the_model_or_the_one_asked_for(
    random_corrector_model: Checkpoint,
) -> None:
    model = with_head(random_corrector_model, calibration="0,1.2,-1")
    assert open_corrector(model).calibration == Calibration(0.0, 1.2, -1.0)
    assert open_corrector(model, calibration="skip").calibration is None
    asked = open_corrector(model, calibration="10,0.5,2", ccs_calibration="0,2,0")
    assert (asked.calibration, asked.ccs_calibration) == (
        Calibration(10.0, 0.5, 2.0),
        Calibration(0.0, 2.0, 0.0),
    )
    plain = open_corrector(random_corrector_model)
    assert (plain.calibration, plain.ccs_calibration, plain.skip_above, plain.max_quality) == (
        None, None, 45, 93,
    )  # fmt: skip


def test_what_cannot_work_is_refused_in_one_line(random_corrector_model: Checkpoint) -> None:
    with pytest.raises(UsageError, match="is for the task 'basecall', not for read correction"):
        open_corrector(replace(random_corrector_model, task="basecall"))
    with pytest.raises(BadInputError, match="calibration must be text"):
        open_corrector(with_head(random_corrector_model, calibration=1.5))
    with pytest.raises(UsageError, match="calibration 'x'"):
        open_corrector(random_corrector_model, calibration="x")
    with pytest.raises(UsageError, match="calibration 'y'"):
        open_corrector(random_corrector_model, ccs_calibration="y")
    for wrong in (94, -1):
        with pytest.raises(UsageError, match=f"0 to 93, not {wrong}"):
            open_corrector(random_corrector_model, max_quality=wrong)
    for wrong in (-1.0, float("nan")):
        with pytest.raises(UsageError, match="skipped above"):
            open_corrector(random_corrector_model, skip_above=wrong)
    other = replace(random_corrector_model, features={"max_passes": 5})
    with pytest.raises(BadInputError, match="takes 29 rows, its features make 25"):
        open_corrector(other)


def test_the_engine_is_the_one_asked_for(random_corrector_model: Checkpoint) -> None:
    for int8, threads in ((False, 1), (True, 3)):
        engine = open_corrector(random_corrector_model, int8=int8, threads=threads).engine
        assert isinstance(engine, WindowEngine)
        assert (engine.int8, engine.threads, engine.columns) == (int8, threads, 100)
