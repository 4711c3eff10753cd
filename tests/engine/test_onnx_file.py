"""The ONNX file alone, without this package, gives the scores of the network and says how to use them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import LexomeError, UsageError
from lexome.engine import onnx_file
from lexome.engine.onnx_file import write_onnx


@pytest.fixture(scope="module")
def written(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    features = {"scaling": {"method": "pa", "mean": 90.0}, "sample_rate_hz": 5000, "chunk_size": 1000}
    path = tmp_path_factory.mktemp("onnx") / "new" / "model.onnx"
    write_onnx(dataclasses.replace(checkpoint, features={**features, "overlap": 100}), path)
    return path


def test_scores_are_those_of_torch_for_any_batch_and_length(written: Path, checkpoint: Checkpoint) -> None:
    session = ort.InferenceSession(written, providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["signal"]
    network = build_network(checkpoint)
    for batch, samples in ((1, 300), (4, 999), (2, 61)):
        signal = np.random.default_rng(batch).standard_normal((batch, 1, samples), dtype=np.float32)
        (scores_NTK,) = session.run(["scores"], {"signal": signal})
        with torch.inference_mode():
            expected_NTK = network(torch.from_numpy(signal)).numpy()
        moves = expected_NTK.reshape(*expected_NTK.shape[:2], -1, 5)[..., 1:]
        expected = moves.reshape(*expected_NTK.shape[:2], -1)
        np.testing.assert_allclose(np.asarray(scores_NTK), expected, rtol=0, atol=1e-5)
        assert expected.std() > 0.1


def test_the_metadata_says_how_to_use_it(written: Path) -> None:
    model = onnx.load(written)
    assert [entry.version for entry in model.opset_import if not entry.domain] == [17]
    said = {p.key.removeprefix("lexome_"): json.loads(p.value) for p in model.metadata_props}
    del said["layout"]  # for this package's own engine
    scaling = said.pop("scaling")
    assert (scaling["method"], scaling["mean"], scaling["stdev"]) == ("pa", 90.0, 1.0)
    assert said == {
        "name": "small",
        "stride": 3,
        "chunk_multiple": 3,
        "stay_score": 1.5,
        "head": "crf",
        "head_config": {"state_len": 2, "blank_score": 2.0, "clamp": [-1.5, 1.5]},
        "labels": ["A", "C", "G", "T"],
        "sample_rate_hz": 5000,
        "chunk_size": 999,
        "overlap": 96,
    }


def test_nothing_is_replaced(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_onnx(checkpoint, tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_text() == "mine"


def test_what_cannot_be_is_said(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.onnx"):
        write_onnx(checkpoint, tmp_path / "model")
    with pytest.raises(UsageError, match="not for basecalling"):
        write_onnx(dataclasses.replace(checkpoint, task="correct"), tmp_path / "model.onnx")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(LexomeError, match=r"cannot be written \((Not a directory|File exists)\)"):
        write_onnx(checkpoint, tmp_path / "file" / "model.onnx")


def test_a_graph_of_other_scores_is_not_written(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {**checkpoint.weights}
    weights["scorer.linear.bias"] = weights["scorer.linear.bias"] + np.float32(0.01)
    other = onnx_file.export_graph(dataclasses.replace(checkpoint, weights=weights))
    monkeypatch.setattr(onnx_file, "export_graph", lambda model: other)
    with pytest.raises(LexomeError, match=r"gives other scores than the network \(by up to 0\.0"):
        write_onnx(checkpoint, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
