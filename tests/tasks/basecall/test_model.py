"""Opening a model for calling: what options change and what they refuse."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from lexome.checkpoint.store import Checkpoint, load
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.features.signal import SignalConfig
from lexome.tasks.basecall.model import open_model


@pytest.fixture(scope="module")
def checkpoint(small_model: Path) -> Checkpoint:
    return load(small_model)


def test_the_models_own_configuration(small_model: Path) -> None:
    model = open_model(small_model, device="cpu")
    assert (model.name, model.stride) == ("small", 5)
    expected = SignalConfig(sample_rate_hz=4000, chunk_size=1000, overlap=100)
    assert model.signal == expected


def test_options_reach_the_signal_and_the_engine(small_model: Path) -> None:
    model = open_model(
        small_model, device="cpu", threads=3, batch_size=5, chunk_size=807, overlap=94, trim=False
    )
    assert (model.signal.chunk_size, model.signal.overlap) == (805, 90), "multiples of the stride, and of two"
    assert model.signal.trim.enabled is False
    assert (model.engine.threads, model.engine.batch_size, model.engine.device) == (3, 5, "cpu")


def test_a_small_chunk_takes_a_small_overlap(small_model: Path) -> None:
    """An overlap that was not asked for gives way; one that was asked for is refused if it does not fit."""
    assert open_model(small_model, device="cpu", chunk_size=80).signal.overlap == 20
    with pytest.raises(UsageError, match="overlap must be from 0 to below chunk_size, is 100 of 80"):
        open_model(small_model, device="cpu", chunk_size=80, overlap=100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_size": 45}, "a chunk of 45 samples is too short; take at least 50"),
        ({"engine": "onx"}, "unknown engine 'onx'; did you mean 'onnx'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"device": "cuda:0", "engine": "onnx"}, "the onnx engine runs on the CPU"),
        ({"threads": 0}, "must be from 1 to"),
        ({"beam_width": 0}, "a beam width of 0 is not from 1 to 256"),
        ({"beam_width": 257}, "a beam width of 257 is not from 1 to 256"),
    ],
)
def test_options_that_cannot_be(small_model: Path, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_model(small_model, **{"device": "cpu", "engine": "onnx", **options})


def test_a_name_that_is_none(monkeypatch: pytest.MonkeyPatch, small_model: Path) -> None:
    bundled = {"r9.4.1_fast": small_model, "r10.4.1_fast": small_model}
    monkeypatch.setattr("lexome.checkpoint.store.bundled_models", lambda: bundled)
    with pytest.raises(UsageError, match=r"no model 'r9\.4\.1_fsat': .*did you mean 'r9\.4\.1_fast'"):
        open_model("r9.4.1_fsat")
    assert open_model("r9.4.1_fast", device="cpu").name == "small"


def test_folders_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="not a model"):
        open_model(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(LexomeError, match=r"config\.json"):
        open_model(tmp_path)


def test_a_model_that_may_not_be_read(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions do not stop the superuser, who may run the tests, so the refusal is played."""

    def refuse(path: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(BadInputError, match=r"config\.json: cannot be read \(Permission denied\)"):
        open_model(small_model)


def test_a_model_for_another_task(checkpoint: Checkpoint) -> None:
    with pytest.raises(UsageError, match="for the task 'correct', not for basecalling"):
        open_model(dataclasses.replace(checkpoint, task="correct"))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"scalling": {}}, "unknown key 'scalling'; did you mean 'scaling'"),
        ({"chunk_size": 100, "overlap": 100}, "overlap must be from 0 to below chunk_size"),
        ({"scaling": {"method": "median"}}, "method"),
    ],
)
def test_signal_settings_that_make_no_sense(checkpoint: Checkpoint, features: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_model(dataclasses.replace(checkpoint, features=features), device="cpu")


def test_opening_a_model_whose_graph_is_known_needs_no_torch(small_model: Path) -> None:
    """Importing torch takes seconds, which every call on a CPU would pay."""
    program = """
import sys
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.plan import plan_calls
from lexome.tasks.basecall.model import open_model
open_model(sys.argv[1], threads=1, engine="onnx")
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program, str(small_model)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
