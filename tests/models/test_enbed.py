"""ENBED's encoder: sizes, independence of padding, recomputation, attention maps."""

from typing import Any

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.models import enbed
from lexome.models.enbed import Enbed, EnbedConfig
from lexome.models.registry import new_language_network
from lexome.nn.ragged import full

SMALL: dict[str, Any] = {
    "vocab_size": 30, "size": 16, "num_layers": 3, "num_heads": 2, "head_size": 6, "hidden": 20,
    "narrow_radius": 2, "narrow_layers": 1, "radius": 4, "num_global": 3, "dropout": 0.0,
}  # fmt: skip


def encoder(**changes: Any) -> Enbed:
    torch.manual_seed(0)
    return Enbed(EnbedConfig(**(SMALL | changes))).eval()


def tokens(*shape: int) -> torch.Tensor:
    return torch.randint(0, 30, shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("architecture", "head", "count"),
    [
        ({}, {}, 942_008_832),
        ({"num_layers": 12, "hidden": 3584}, {"hidden": 3584}, 624_148_992),
        (
            {"num_layers": 0, "hidden": 3584},
            {"hidden": 3584, "num_layers": 24, "cross_attention": False},
            None,
        ),
    ],
)
def test_the_published_sizes(architecture: dict[str, Any], head: dict[str, Any], count: int | None) -> None:
    with torch.device("meta"):
        made = new_language_network(
            {"name": "enbed", "config": architecture}, {"name": "text", "config": head}
        )
    layers = [(dict(EnbedConfig(**architecture).__dict__), architecture.get("num_layers", 24), 1)]
    width, inner = 1536, 16 * 64
    hidden = architecture.get("hidden", 3850)
    block = 4 * width * inner + 3 * width * hidden + 2 * width
    num_encoder, num_decoder = layers[0][1], head.get("num_layers", 12)
    cross = head.get("cross_attention", True)
    expected = (
        num_encoder * (block + width)  # the norm of global tokens
        + num_decoder * (block + (4 * width * inner + width) * cross)
        + 2 * width + 3 * 32 * 16 + 2 * 384 * width
    )  # fmt: skip
    found = sum(p.numel() for p in made.parameters())
    assert found == expected
    assert count is None or found == count


def test_padding_on_either_side_changes_nothing() -> None:
    made, ids = encoder(), tokens(3, 40)
    visible = torch.ones(3, 40, dtype=torch.bool)
    visible[0, :9] = False
    visible[2, 25:] = False
    with torch.no_grad():
        found = made(ids, visible)
        alone = made.sequences([ids[0, 9:], ids[1], ids[2, :25]])
    torch.testing.assert_close(found[0, 9:], alone[0])
    torch.testing.assert_close(found[1], alone[1])
    torch.testing.assert_close(found[2, :25], alone[2])
    assert not found[~visible].any()


def test_layers_see_as_far_as_their_radius() -> None:
    made, ids = encoder(num_global=0), tokens(1, 60)
    other = ids.clone()
    other[0, 30] = (other[0, 30] + 1) % 30
    with torch.no_grad():
        moved = (made(ids) - made(other))[0].abs().amax(-1) > 1e-7
    assert moved.nonzero().flatten().tolist() == list(range(30 - 10, 30 + 11))  # 2 + 4 + 4 to either side


def test_recomputing_layers_gives_the_same_gradients() -> None:
    kept, again, ids = encoder().train(), encoder(recompute=True).train(), tokens(2, 33)
    runs = []
    for made in (kept, again):
        made.zero_grad()
        made(ids).square().mean().backward()
        runs.append([p.grad for p in made.parameters()])
    for one, other in zip(*runs, strict=True):
        assert one is not None
        assert other is not None
        torch.testing.assert_close(one, other)


def test_attention_maps_lie_where_the_tokens_are() -> None:
    made, ids = encoder(), tokens(2, 20)
    visible = torch.ones(2, 20, dtype=torch.bool)
    visible[1, :4] = False
    with torch.no_grad():
        maps = made.attention_maps(ids, visible)
        alone = made.attention_maps(ids[1:, 4:])
    assert [tuple(one.shape) for one in maps] == [(2, 2, 20, 20)] * 3
    torch.testing.assert_close(maps[2][1, :, 4:, 4:], alone[2][0])
    assert not maps[0][1, :, :4].any()
    assert not maps[0][0, :, 10, :8].any()  # beyond a radius of 2
    assert maps[0].sum(-1).max() < 1  # the rest goes to the global tokens
    dense = encoder(attention="dense", num_global=0)
    with torch.no_grad():
        full = dense.attention_maps(ids)[0]
    torch.testing.assert_close(full.sum(-1), torch.ones(2, 2, 20))


def test_an_encoder_without_layers_gives_the_vectors() -> None:
    made, ids = encoder(num_layers=0), tokens(2, 7)
    torch.testing.assert_close(made(ids), made.token_vectors[ids])


def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong, words in [
        ({"attention": "dense"}, "has no global tokens"), ({"radius": 0}, "a radius is at least 1"),
        ({"size": 0}, "must be positive"), ({"dropout": 1.0}, "dropout"), ({"num_layers": -1}, "num_layers"),
    ]:  # fmt: skip
        with pytest.raises(UsageError, match=words):
            new_language_network({"name": "enbed", "config": SMALL | wrong}, {"name": "text", "config": {}})
    with pytest.raises(ValueError, match="do not fit a vocabulary of 30"):
        encoder()(torch.tensor([[30]]))
    with pytest.raises(ValueError, match="padding inside"):
        encoder()(tokens(1, 3), torch.tensor([[True, False, True]]))
    with pytest.raises(ValueError, match="no types"):
        encoder().embed(tokens(3), full(1, 3), tokens(3))
    monkeypatch.setattr(enbed, "MAX_LENGTH", 5)
    with pytest.raises(ValueError, match="a sequence of 6 tokens; at most 5"):
        encoder()(tokens(1, 6))
