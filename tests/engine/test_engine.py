"""Which engine a request gets."""

import numpy as np
import pytest

from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import UsageError
from lexome.engine import engine as engines
from lexome.engine.engine import MAX_BATCH_SIZE, MAX_THREADS, Engine, open_engine
from lexome.engine.onnx import OnnxEngine
from lexome.engine.torch import TorchEngine


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without one."""
    monkeypatch.setattr(engines, "_gpu_works", lambda: False)


@pytest.mark.parametrize(
    ("engine", "device", "kind"),
    [
        ("auto", "auto", OnnxEngine),
        ("auto", "cpu", OnnxEngine),
        ("onnx", "auto", OnnxEngine),
        ("torch", "auto", TorchEngine),
        ("torch", "cpu", TorchEngine),
    ],
)
def test_the_engine_that_fits(checkpoint: Checkpoint, engine: str, device: str, kind: type) -> None:
    opened = open_engine(checkpoint, engine=engine, device=device, threads=2, batch_size=5)
    assert type(opened) is kind
    assert isinstance(opened, Engine)
    assert (opened.device, opened.threads, opened.batch_size) == ("cpu", 2, 5)
    assert open_engine(checkpoint, engine=engine, device=device).batch_size > 1


def test_a_gpu_that_works_is_taken(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_gpu_works", lambda: True)
    asked: list[str] = []
    monkeypatch.setattr(
        "lexome.engine.torch._usable",
        lambda device: asked.append(device) or __import__("torch").device("cpu"),
    )
    assert isinstance(open_engine(checkpoint), TorchEngine)
    assert isinstance(open_engine(checkpoint, engine="onnx"), OnnxEngine)
    assert isinstance(open_engine(checkpoint, device="cuda:1"), TorchEngine)
    assert asked == ["cuda", "cuda:1"]


def test_both_engines_agree(checkpoint: Checkpoint) -> None:
    chunks = list(enumerate(np.random.default_rng(3).standard_normal((5, 300), dtype=np.float32)))
    onnx, torch = (
        dict(open_engine(checkpoint, engine=name).run(chunks, np.copy)) for name in ("onnx", "torch")
    )
    assert onnx.keys() == torch.keys() == set(range(5))
    for key, scores in onnx.items():
        np.testing.assert_allclose(scores, torch[key], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"engine": "onxx"}, "did you mean 'onnx'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"device": "cuda:x"}, "unknown device 'cuda:x'"),
        ({"engine": "onnx", "device": "cuda"}, "use the torch engine"),
        ({"device": "cuda:9999"}, "unknown device 'cuda:9999'"),
        ({"device": "cuda:\u00b2"}, "unknown device"),  # a digit, but no number
        ({"threads": 0}, "0 threads: must be from 1 to"),
        ({"threads": MAX_THREADS + 1}, "threads: must be from 1 to"),
        ({"batch_size": 0}, "a batch size of 0 is not from 1 to"),
        ({"batch_size": MAX_BATCH_SIZE + 1}, "is not from 1 to"),
    ],
)
def test_wrong_requests_are_answered(checkpoint: Checkpoint, request_: dict, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        open_engine(checkpoint, **request_)
