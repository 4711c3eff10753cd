"""The reference engine."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load
from lexome.core.errors import UsageError
from lexome.engine.torch import TorchEngine


def test_scores_are_the_networks_own(checkpoint: Checkpoint) -> None:
    engine = TorchEngine(checkpoint, batch_size=3, threads=2)
    network = build_network(checkpoint)
    signal = np.random.default_rng(1).standard_normal((8, 300), dtype=np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(signal[:, None])).unflatten(-1, (-1, 5))
    results = list(engine.run(enumerate(signal), np.copy))
    assert [key for key, _ in results] == list(range(8))
    scores = np.stack([scores for _, scores in results])
    np.testing.assert_allclose(scores, expected[..., 1:].flatten(-2).numpy(), rtol=0, atol=1e-5)
    assert (expected[..., 0] == engine.stay_score).all()
    assert (engine.stride, engine.chunk_multiple, engine.device) == (3, 3, "cpu")


@pytest.mark.parametrize("name", ["lstm_v4", "transformer_v5"])
def test_scores_are_those_of_bonito(shared: Path, name: str) -> None:
    folder = shared / "golden" / "bonito" / name
    golden = np.load(folder / "golden.npz")
    scores = TorchEngine(load(folder)).scores(golden["signal"])
    expected = golden["scores"].reshape(*golden["scores"].shape[:2], -1, 5)[..., 1:].transpose(1, 0, 2, 3)
    np.testing.assert_allclose(scores, expected.reshape(scores.shape), rtol=0, atol=1e-5)


def test_a_network_in_training_is_left_alone(checkpoint: Checkpoint) -> None:
    network = build_network(checkpoint).train()
    engine = TorchEngine(network)
    signal = np.random.default_rng(1).standard_normal((1, 1, 300), dtype=np.float32)
    before = engine.scores(signal)
    assert network.training
    assert network.scorer.expand_blanks
    assert all(p.requires_grad for p in network.parameters())
    with torch.no_grad():
        network.scorer.linear.weight.zero_()  # pyright: ignore
    assert np.array_equal(engine.scores(signal), before)


def test_the_threads_of_torch_are_given_back(checkpoint: Checkpoint) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        engine = TorchEngine(checkpoint, batch_size=1)
        items = [(0, np.zeros(90, np.float32))]
        inside = dict(engine.run(items, lambda scores: torch.get_num_threads()))
        assert (inside[0], torch.get_num_threads()) == (1, 2)
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_named(checkpoint: Checkpoint) -> None:
    with pytest.raises(UsageError, match="no GPU that this torch can use; try --device cpu"):
        TorchEngine(checkpoint, device="cuda:0")


@pytest.mark.gpu
def test_a_gpu_agrees_with_the_cpu(checkpoint: Checkpoint) -> None:
    signal = np.random.default_rng(1).standard_normal((40, 3000), dtype=np.float32)
    results = {}
    for device in ("cpu", "cuda:0"):
        engine = TorchEngine(checkpoint, device=device, batch_size=16, threads=2)
        results[device] = np.stack([scores for _, scores in engine.run(enumerate(signal), np.copy)])
    np.testing.assert_allclose(results["cuda:0"], results["cpu"], rtol=0, atol=1e-4)
