"""onnxruntime gives what torch gives, and the same bytes whatever the batch and the threads."""

import dataclasses
import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.engine import onnx
from lexome.engine.onnx import OnnxEngine, cache_folder, cached_graph, graph_key
from lexome.engine.torch import TorchEngine
from lexome.models.registry import new_network
from lexome.nn.initialise import scale_to_data


def signals(count: int, length: int) -> list[np.ndarray]:
    generator = np.random.default_rng(7)
    return [generator.standard_normal(length, dtype=np.float32) for _ in range(count)]


def moves_of(scores: np.ndarray) -> np.ndarray:
    """The scores without the fixed stays: K = 4 S of K = 5 S."""
    return scores.reshape(*scores.shape[:-1], -1, 5)[..., 1:].reshape(*scores.shape[:-1], -1)


def test_scores_are_those_of_torch(checkpoint: Checkpoint) -> None:
    engine = OnnxEngine(checkpoint)
    network = build_network(checkpoint)
    assert (engine.stride, engine.chunk_multiple, engine.stay_score, engine.device) == (3, 3, 1.5, "cpu")
    for batch, length in ((1, 300), (5, 601), (3, 90)):
        signal = np.random.default_rng(1).standard_normal((batch, 1, length), dtype=np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(signal)).numpy()
        scores = engine.scores(signal)
        np.testing.assert_allclose(scores, moves_of(expected), rtol=0, atol=1e-5)
        assert scores.std() > 0.1


@pytest.mark.parametrize("head", [{"blank_score": None}, {"clamp": None, "activation": "none", "scale": 1.0}])
def test_other_heads_are_exported_as_they_are(checkpoint: Checkpoint, head: dict) -> None:
    weights = dict(checkpoint.weights)
    if head.get("blank_score", 0) is None:
        weights["scorer.linear.weight"] = np.repeat(weights["scorer.linear.weight"], 2, 0)[:80]
        weights["scorer.linear.bias"] = np.arange(80, dtype=np.float32) / 80
    config = {**checkpoint.head.config, **head}
    other = dataclasses.replace(
        checkpoint, head=dataclasses.replace(checkpoint.head, config=config), weights=weights
    )
    engine = OnnxEngine(other)
    signal = np.random.default_rng(1).standard_normal((2, 1, 300), dtype=np.float32)
    with torch.inference_mode():
        expected = build_network(other)(torch.from_numpy(signal)).numpy()
    if "blank_score" in head:
        assert engine.stay_score is None
    else:
        assert engine.stay_score == 2.0
        expected = moves_of(expected)
    np.testing.assert_allclose(engine.scores(signal), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["lstm_v3", "lstm_v4", "transformer_v5"])
@pytest.mark.parametrize("layout", [".", "tensors"])
def test_scores_are_those_of_bonito(shared: Path, name: str, layout: str) -> None:
    folder = shared / "golden" / "bonito" / name
    golden = np.load(folder / "golden.npz")
    engine = OnnxEngine(load(folder / layout))
    expected = golden["scores"].transpose(1, 0, 2)
    np.testing.assert_allclose(engine.scores(golden["signal"]), moves_of(expected), rtol=0, atol=1e-5)
    assert (expected.reshape(-1, 5)[:, 0] == engine.stay_score).all()


def digests(checkpoint: Checkpoint, chunks: list[np.ndarray], batch_size: int, threads: int) -> list[str]:
    engine = OnnxEngine(checkpoint, batch_size=batch_size, threads=threads)
    results = engine.run(enumerate(chunks), lambda scores: hashlib.sha256(scores.tobytes()).hexdigest())
    keys, values = zip(*results, strict=True)
    assert list(keys) == list(range(len(chunks)))
    return list(values)


SETTINGS = [(1, 1), (7, 1), (32, 1), (1, 2), (7, 2), (32, 2)]


def test_batch_and_threads_do_not_change_a_bit(checkpoint: Checkpoint) -> None:
    chunks = signals(40, 600)
    found = {setting: digests(checkpoint, chunks, *setting) for setting in SETTINGS}
    assert len(set(found[1, 1])) == len(chunks)
    assert all(values == found[1, 1] for values in found.values())


def other_network(architecture: str, config: dict, head: dict) -> Checkpoint:
    """Random weights, scaled to data, every bias at work."""
    torch.manual_seed(0)
    network = new_network({"name": architecture, "config": config}, {"name": "crf", "config": head})
    scale_to_data(network, torch.randn(8, 1, 600))
    for parameter in network.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)
    component = Component(architecture, config)
    return Checkpoint("basecall", component, Component("crf", head), {}, weights=weights_of(network))


def recurrent(kind: str) -> Checkpoint:
    """A size that is no multiple of what a processor works on at once, and layers with and without bias."""
    lstms = [{"size": 21, "reverse": bool(i), "bias": bool(i), "kind": kind} for i in range(2)]
    convs = [{"size": 4, "kernel": 5}, {"size": 21, "kernel": 9, "stride": 3}]
    return other_network("bonito", {"convs": convs, "lstms": lstms}, {"state_len": 2})


def transformer(window: list[int] | None) -> Checkpoint:
    config = {
        "convs": [{"size": 4, "kernel": 5, "batch_norm": True}, {"size": 32, "kernel": 9, "stride": 6}],
        "attention": {"num_heads": 2, "window": window},
        "feed_forwards": [48, 40],
        "upsample": 2,
    }
    return other_network("transformer", config, {"state_len": 2, "activation": "none", "bias": False})


OTHERS = {
    "lstm": lambda: recurrent("lstm"),
    "gru": lambda: recurrent("gru"),
    "elman": lambda: recurrent("elman"),
    "windows": lambda: transformer([15, 16]),
    "uneven": lambda: transformer([0, 37]),
    "no window": lambda: transformer(None),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_agree_with_torch_and_do_not_depend_on_the_batch(name: str) -> None:
    """Chunks of lengths that the graph was not exported with, down to one of a single multiple."""
    checkpoint = OTHERS[name]()
    one, other = OnnxEngine(checkpoint), TorchEngine(checkpoint)
    assert (one.stride, one.chunk_multiple) == (other.stride, other.chunk_multiple)
    for batch, length in ((1, 600), (5, 1002), (3, 90), (2, one.chunk_multiple)):
        signal = np.random.default_rng(1).standard_normal((batch, 1, length), dtype=np.float32)
        scores = one.scores(signal)
        assert scores.shape == (batch, length // one.stride, 64)
        np.testing.assert_allclose(scores, other.scores(signal), rtol=0, atol=1e-5)
    chunks = signals(40, 600)
    found = {setting: digests(checkpoint, chunks, *setting) for setting in [*SETTINGS, (13, 1)]}
    assert len(set(found[1, 1])) == len(chunks)
    assert all(values == found[1, 1] for values in found.values())


def test_batches_are_small_where_they_are_of_no_use(checkpoint: Checkpoint) -> None:
    assert OnnxEngine(checkpoint).batch_size == onnx.BATCH_SIZE
    assert OnnxEngine(transformer([3, 3])).batch_size == onnx.FEEDFORWARD_BATCH_SIZE
    assert OnnxEngine(transformer([3, 3]), batch_size=5).batch_size == 5


def test_batch_and_threads_do_not_change_a_bit_of_a_real_size(shared: Path) -> None:
    checkpoint = load(shared / "golden" / "bonito" / "fast_128_random")
    chunks = signals(33, 1998)
    found = {setting: digests(checkpoint, chunks, *setting) for setting in SETTINGS}
    assert len(set(found[1, 1])) == len(chunks)
    assert all(values == found[1, 1] for values in found.values())


def test_a_kept_graph_needs_no_torch(checkpoint: Checkpoint, tmp_path: Path, cache: Path) -> None:
    save(tmp_path / "model", checkpoint, "card")
    OnnxEngine(load(tmp_path / "model"))
    (kept,) = cache.iterdir()
    code = (
        "import sys; from lexome.checkpoint.store import load; from lexome.engine.engine import open_engine; "
        f"open_engine(load({str(tmp_path / 'model')!r}), device='cpu'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ).returncode == 0
    assert list(cache.iterdir()) == [kept]


def test_the_key_tells_networks_apart(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {name: w.copy() for name, w in checkpoint.weights.items()}
    same = dataclasses.replace(checkpoint, weights=weights, provenance={"name": "another"}, features={"a": 1})
    assert graph_key(same) == graph_key(checkpoint)
    weights["scorer.linear.bias"][3] += 1e-6
    head = dataclasses.replace(checkpoint.head, config={**checkpoint.head.config, "scale": 4.0})
    keys = {graph_key(checkpoint), graph_key(same), graph_key(dataclasses.replace(checkpoint, head=head))}
    monkeypatch.setattr(onnx, "EXPORT_VERSION", onnx.EXPORT_VERSION + 1)
    assert len(keys | {graph_key(checkpoint)}) == 4


def test_a_damaged_cache_is_not_used(checkpoint: Checkpoint, cache: Path) -> None:
    graph = cached_graph(checkpoint, cache)
    (kept,) = cache.iterdir()
    kept.write_bytes(graph[:-10])
    assert cached_graph(checkpoint, cache) == graph
    assert kept.read_bytes() == graph
    assert [p.suffix for p in cache.iterdir()] == [".onnx"]


def test_a_cache_that_cannot_be_written_is_done_without(
    checkpoint: Checkpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        engine = OnnxEngine(checkpoint, cache=tmp_path / "file" / "cache")
    assert engine.scores(np.zeros((1, 1, 90), np.float32)).shape == (1, 30, 64)
    assert "cannot keep the exported network" in caplog.text


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEXOME_CACHE", "one")
    monkeypatch.setenv("XDG_CACHE_HOME", "two")
    assert cache_folder() == Path("one")
    monkeypatch.delenv("LEXOME_CACHE")
    assert cache_folder() == Path("two/lexome")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "lexome"


def test_what_the_network_cannot_allocate_is_a_lack_of_memory(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OnnxEngine(checkpoint)

    def failing(*_: object) -> list[np.ndarray]:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 4611686018427387904")

    class Session:
        run = failing

    monkeypatch.setattr(engine, "_session", Session())
    with pytest.raises(MemoryError, match="more memory"):
        engine.scores(np.zeros((1, 1, 100), np.float32))
