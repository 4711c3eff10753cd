"""Linear layers laid out for inference."""

import pytest
import torch
from torch import nn

from lexome.models.dnabert2 import Dnabert2, Dnabert2Config
from lexome.nn import packed_linear
from lexome.nn.packed_linear import PackedLinear, can_pack, pack_linears

pytestmark = pytest.mark.skipif(not can_pack(), reason="this build of torch has no oneDNN")


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(1, 70), (5, 70), (2, 3, 70), (513, 70), (0, 70), (70,)])
def test_it_is_the_same_layer(bias: bool, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(70, 45, bias=bias)
    packed = PackedLinear(linear)
    x = torch.randn(shape)
    with torch.no_grad():
        expected = linear.double()(x.double()).float()
    torch.testing.assert_close(packed(x), expected, rtol=0, atol=5e-6)  # float32, not bfloat16


def test_rows_do_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    packed, x = PackedLinear(nn.Linear(64, 96)), torch.randn(300, 64)
    whole = packed(x)
    for rows in (1, 7, 100):
        assert torch.equal(packed(x[:rows]), whole[:rows])


def test_a_packed_encoder_gives_the_same_features() -> None:
    torch.manual_seed(0)
    config = Dnabert2Config(vocab_size=30, size=24, num_layers=2, num_heads=4, hidden=20, initial_std=0.3)
    encoder = Dnabert2(config).eval()
    ids, visible = torch.randint(0, 30, (3, 700)), torch.ones(3, 700, dtype=torch.bool)
    visible[1, 400:] = False
    with torch.no_grad():
        expected = encoder(ids, visible)
        assert pack_linears(encoder) == 2 * 4
        assert not [m for m in encoder.modules() if isinstance(m, nn.Linear)]
        torch.testing.assert_close(encoder(ids, visible), expected, rtol=0, atol=1e-5)
        assert pack_linears(encoder) == 0


def test_there_are_no_gradients() -> None:
    packed = PackedLinear(nn.Linear(4, 4))
    with pytest.raises(RuntimeError, match="no gradients"):
        packed(torch.randn(2, 4, requires_grad=True))


def test_other_layers_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Linear(3, 3).double(), nn.LayerNorm(3), nn.Linear(3, 3))
    assert pack_linears(network) == 1
    monkeypatch.setattr(packed_linear, "can_pack", lambda: False)
    assert pack_linears(nn.Sequential(nn.Linear(3, 3))) == 0
