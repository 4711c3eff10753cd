"""The encoder with local and global attention."""

from typing import Any

import pytest
import torch

from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.models.bigbird import BigBird, BigBirdConfig

TINY: dict[str, Any] = {
    "convs": [{"size": 8, "kernel": 5, "stride": 5}],
    "num_heads": 2,
    "window": [2, 3],
    "feed_forwards": [{"hidden": 12}, {"hidden": 10}],
}


def tiny(**changes: Any) -> BigBird:
    torch.manual_seed(0)
    return BigBird(from_dict(BigBirdConfig, TINY | changes, "test")).eval()


def reached(encoder: BigBird) -> list[int]:
    """Steps that change with the samples of step 50 of 100."""
    x = torch.randn(1, 1, 500, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[0, 0, 252] += 1
    with torch.no_grad():
        differs = (encoder(x) - encoder(changed))[0].abs().amax(-1) > 1e-9
    return differs.nonzero().flatten().tolist()


def test_local_attention_reaches_as_far_as_its_windows() -> None:
    # a step hears 2 before and 3 after it in each of two layers
    assert reached(tiny()) == list(range(50 - 6, 50 + 4 + 1))


def test_global_places_carry_everything_everywhere() -> None:
    assert reached(tiny(num_global=1)) == list(range(100))


def test_without_a_window_that_cuts_it_is_attention_to_all() -> None:
    """Local attention as wide as the chunk is what it is when the global places are steps too."""
    wide, narrow = tiny(window=[100, 100]), tiny(window=[3, 3])
    x = torch.randn(2, 1, 100)
    assert not torch.allclose(wide(x), narrow(x), atol=1e-3)
    wider = tiny(window=[300, 300])
    torch.testing.assert_close(wide(x), wider(x))


def test_shapes_and_names() -> None:
    encoder = tiny(num_global=3)
    assert (encoder.stride, encoder.num_features) == (5, 8)
    assert encoder(torch.zeros(2, 1, 60)).shape == (2, 12, 8)
    modules = dict(encoder.named_modules())
    assert all(name in modules for name in encoder.prunable)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"feed_forwards": []}, "at least one"),
        ({"window": [-1, 2]}, "a window reaches"),
        ({"num_global": -1}, "num_global is not negative"),
        ({"num_heads": 3}, "do not divide into 3 heads"),
    ],
)
def test_senseless_configs_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_dict(BigBirdConfig, TINY | wrong, "test")
