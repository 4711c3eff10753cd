"""The encoder of DNABERT-2: the published numbers, sizes and independence of padding."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_language_network
from lexome.checkpoint.store import load
from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.models.dnabert2 import Dnabert2, Dnabert2Config, EncoderLayer

SMALL: dict[str, Any] = {"vocab_size": 30, "size": 24, "num_layers": 3, "num_heads": 6, "hidden": 20}
MEMORY = """
import resource, torch
from lexome.models.dnabert2 import Dnabert2, Dnabert2Config
encoder = Dnabert2(Dnabert2Config(vocab_size=8, size=32, num_layers=1, num_heads=4, hidden=64)).eval()
tokens = torch.randint(0, 8, (1, 8192))
with torch.no_grad():
    encoder(tokens[:, :64])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    encoder(tokens)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def encoder(**changes: Any) -> Dnabert2:
    torch.manual_seed(0)
    return Dnabert2(from_dict(Dnabert2Config, SMALL | {"initial_std": 0.2} | changes, "test")).eval()


def tokens(*shape: int) -> torch.Tensor:
    return torch.randint(0, 30, shape, generator=torch.Generator().manual_seed(5))


def test_outputs_are_the_published_programs(shared: Path) -> None:
    golden = np.load(shared / "golden/dnabert2/golden.npz")
    made = build_language_network(load(shared / "golden/dnabert2"))
    ids = torch.from_numpy(golden["input_ids"])
    visible = torch.from_numpy(golden["attention_mask"]).bool()
    assert visible.sum(1).tolist() == [97, 60, 13, 1]
    with torch.no_grad():
        found = {
            "hidden": made.encoder(ids, visible).numpy(),
            "mlm_logits": made(ids, visible)[:2, :, :64].numpy(),
        }
    assert not found["hidden"][~visible.numpy()].any()
    for key, values in found.items():
        # Weights of 0.2 make both programs' float32 err by 1.5e-5 of values up to 4 (float64 says so).
        largest = np.abs(golden[key]).max()
        assert np.abs(values - golden[key]).max() < 1e-5 * largest, key
        assert np.abs(values - golden[key]).mean() < 1e-6 * largest, key


@pytest.mark.parametrize(("changes", "count"), [({}, 116_477_952), ({"pooler": True}, 117_068_544)])
def test_the_published_sizes(changes: dict[str, Any], count: int) -> None:
    with torch.device("meta"):
        made = Dnabert2(Dnabert2Config(**changes))
    assert sum(p.numel() for p in made.parameters()) == count
    assert not list(made.buffers())


def test_padding_changes_nothing() -> None:
    made = encoder()
    rows = [tokens(1, length) for length in (7, 12, 7, 1)]
    with torch.no_grad():
        alone = [made(row)[0] for row in rows]
        for side in ("left", "right", "both"):
            for width in (14, 31):
                ids, visible = torch.full((4, width), 3), torch.zeros(4, width, dtype=torch.bool)
                for i, row in enumerate(rows):
                    spare = width - row.shape[1]
                    first = {"left": spare, "right": 0, "both": spare // 2}[side]
                    ids[i, first : first + row.shape[1]] = row[0]
                    visible[i, first : first + row.shape[1]] = True
                features = made(ids, visible)
                assert not features[~visible].any()
                for i, expected in enumerate(alone):
                    torch.testing.assert_close(features[i, visible[i]], expected, rtol=0, atol=1e-5)
        for found, expected in zip(made.sequences([row[0] for row in rows]), alone, strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_nothing_is_an_answer_to_nothing() -> None:
    made = encoder()
    assert made.sequences([]) == []
    assert made(torch.zeros(0, 5, dtype=torch.int64)).shape == (0, 5, 24)
    visible = torch.tensor([[True, True], [False, False]])
    assert not made(tokens(2, 2), visible)[1].any()
    assert not made(tokens(2, 2), torch.zeros_like(visible)).any()
    assert [len(x) for x in made.sequences([tokens(3), tokens(0)])] == [3, 0]


def test_attention_maps_make_the_output() -> None:
    made = encoder(dropout=0.0)
    ids, visible = tokens(2, 8), torch.ones(2, 8, dtype=torch.bool)
    visible[1, 5:] = False
    with torch.no_grad():
        maps = made.attention_maps(ids, visible)
        x = made.embeddings.LayerNorm(
            made.embeddings.word_embeddings(ids) + made.embeddings.token_type_embeddings.weight[0]
        )
        for layer, weights in zip(made.encoder.layer, maps, strict=True):
            assert isinstance(layer, EncoderLayer)
            expected = visible.float()[:, None].expand(-1, 6, -1)
            torch.testing.assert_close(weights.sum(-1), expected)
            assert not weights[1, :, :, 5:].any()
            v = layer.attention.self.Wqkv(x)[..., 48:].unflatten(-1, (6, 4)).transpose(1, 2)
            seen = layer.attention.output(
                (weights @ v).transpose(1, 2).flatten(2).flatten(0, 1), x.flatten(0, 1)
            )
            x = layer.mlp(seen).view(2, 8, 24)
        torch.testing.assert_close(x[visible], made(ids, visible)[visible], rtol=0, atol=1e-5)


def test_types_of_tokens_count() -> None:
    made = encoder()
    ids = tokens(1, 6)
    with torch.no_grad():
        usual, zeros = made(ids), made(ids, None, torch.zeros_like(ids))
        mixed = made(ids, None, torch.tensor([[0, 0, 0, 1, 1, 1]]))
    assert torch.equal(usual, zeros)
    assert (mixed - usual).abs().max() > 1e-3


def test_everything_learns_the_same_padded_or_not() -> None:
    made = encoder(pooler=False).double()
    ids, visible = tokens(3, 9), torch.ones(3, 9, dtype=torch.bool)
    visible[0, :4] = visible[2, 7:] = False
    weights = torch.randn(3, 9, 24, dtype=torch.float64)
    (made(ids, visible) * weights).sum().backward()
    batched = {name: p.grad for name, p in made.named_parameters()}
    made.zero_grad(set_to_none=True)
    for row in range(3):
        alone = made(ids[row][visible[row]][None])[0]
        (alone * weights[row][visible[row]]).sum().backward()
    for name, p in made.named_parameters():
        torch.testing.assert_close(batched[name], p.grad)
        assert p.grad is not None
        assert p.grad.any(), name


def test_long_sequences_take_little_memory() -> None:
    """All biases of 8,192 tokens and 4 heads would be 1 GiB; everything together stays under 150 MiB."""
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 150 * 1024


@pytest.mark.parametrize("token", [-1, 30])
def test_tokens_outside_the_vocabulary_are_refused(token: int) -> None:
    with pytest.raises(ValueError, match="do not fit a vocabulary of 30"):
        encoder()(torch.tensor([[4, token]]))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"num_heads": 5}, "24 does not divide into num_heads 5"),
        ({"num_layers": 0}, "must be positive"),
        ({"num_layers": 10**9}, "at most 1000"),
        ({"dropout": 1.0}, "below 1"),
        ({"pad_id": 30}, "no token of the 30"),
        ({"norm_eps": 0.0}, "must be positive"),
        ({"num_head": 3}, "did you mean 'num_heads'"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        encoder(**changes)
