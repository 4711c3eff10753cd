"""The encoder of Causalcall."""

from typing import Any

import pytest
import torch

from lexome.models.causalcall import Causalcall, CausalcallConfig

TINY = CausalcallConfig(size=6, dilations=(1, 2), linear=5)


def test_the_published_size() -> None:
    """5 blocks of 256: two gated convolutions of width 3 each (weights, gains, biases), norms, 256 -> 128."""
    with torch.device("meta"):
        encoder = Causalcall(CausalcallConfig())
    gated = [3 * 2 * 256 * width + 2 * 2 * 256 for width in (1, *[256] * 9)]
    expected = sum(gated) + (256 + 256) + 5 * 2 * 256 + 256 * 128 + 128
    assert sum(p.numel() for p in encoder.parameters()) == expected
    assert encoder.receptive_field == 125


def test_shapes_stride_and_names() -> None:
    encoder = Causalcall(TINY)
    assert (encoder.stride, encoder.num_features) == (1, 5)
    assert encoder(torch.zeros(2, 1, 30)).shape == (2, 30, 5)
    modules = dict(encoder.named_modules())
    assert all(name in modules for name in (*encoder.prunable, *encoder.skips))


def test_it_is_causal_and_hears_back_as_far_as_it_says() -> None:
    torch.manual_seed(0)
    encoder = Causalcall(TINY).eval()
    assert encoder.causal
    x = torch.randn(1, 1, 60)
    changed = x.clone()
    changed[0, 0, 20] += 1
    with torch.no_grad():
        differs = (encoder(x) - encoder(changed))[0].abs().amax(-1) > 1e-9
    assert differs.nonzero().flatten().tolist() == list(range(20, 20 + encoder.receptive_field))


@pytest.mark.parametrize("wrong", [{"size": 0}, {"dilations": ()}, {"dilations": (1, 0)}, {"kernel": 0}])
def test_senseless_configs_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        CausalcallConfig(**wrong)
