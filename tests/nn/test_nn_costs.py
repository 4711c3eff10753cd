"""Products against numbers worked out by hand; memory against what must be alive."""

import pytest
import torch
from torch import nn

from lexome.nn.costs import counted
from lexome.nn.experts import Experts, ExpertsConfig
from lexome.nn.feed_forward import DenseConfig, DenseFeedForward
from lexome.nn.mamba import Mamba, MambaLayerConfig
from lexome.nn.min_gru import MinGru
from lexome.nn.multihead import MultiHeadAttention
from lexome.nn.onednn_linear import use_onednn
from lexome.nn.packed_linear import can_pack, pack_linears
from lexome.nn.s4 import S4Block, S4BlockConfig
from lexome.nn.stepped_lstm import SteppedLstm

FLOAT = 4  # bytes


@pytest.mark.parametrize(
    ("module", "shape", "macs"),
    [
        (nn.Linear(6, 4), (2, 5, 6), 2 * 5 * 6 * 4),
        (nn.Linear(6, 4, bias=False), (10, 6), 10 * 6 * 4),
        (nn.Conv1d(3, 8, 5, stride=2, padding=2), (2, 3, 20), 2 * 10 * 3 * 8 * 5),
        (nn.Conv1d(4, 8, 3, groups=4, dilation=2), (1, 4, 20), 16 * 8 * 1 * 3),
        (nn.ConvTranspose1d(3, 8, 5, stride=2), (1, 3, 20), 20 * 3 * 8 * 5),
        (nn.LSTM(6, 4, batch_first=True), (2, 5, 6), 2 * 5 * 4 * 4 * (6 + 4)),
        (nn.LSTM(6, 4, num_layers=2, bidirectional=True), (5, 2, 6), 10 * 2 * 16 * ((6 + 4) + (8 + 4))),
        (nn.GRU(6, 4, batch_first=True), (2, 5, 6), 2 * 5 * 3 * 4 * (6 + 4)),
        (nn.RNN(6, 4), (5, 1, 6), 5 * 4 * (6 + 4)),
        (MultiHeadAttention(8, 2), (2, 5, 8), 2 * (4 * 5 * 8 * 8 + 2 * 5 * 5 * 8)),
        (
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            (1, 5, 8),
            5 * (4 * 64 + 256) + 2 * 5 * 5 * 8,
        ),
        (Experts(8, ExpertsConfig(6, 4)), (1, 5, 8), 5 * (8 * 4 + 4 * 2 * 8 * 6)),
        (Experts(8, ExpertsConfig(6, 4, grouped=True)), (1, 5, 8), 5 * (8 * 4 + 2 * 2 * 8 * 6)),
        (S4Block(S4BlockConfig(4, 2, 8)), (1, 20, 4), 4 * 20 * 16 + 20 * 4 * 4),
        (nn.Sequential(nn.BatchNorm1d(4), nn.SiLU(), nn.Dropout(0.5)), (2, 4, 9), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_products_of_one_layer(module: nn.Module, shape: tuple[int, ...], macs: int) -> None:
    found = counted(module, torch.randn(shape))
    assert (found.macs, found.uncounted) == (macs, ())


def test_what_a_scan_does_is_counted_by_rule() -> None:
    x = torch.randn(2, 7, 6)
    assert counted(MinGru(6, 4), x).macs == 2 * 7 * (2 * 4 * 6 + 4)
    config = MambaLayerConfig(6, states=3, rank=2)  # 12 inner features
    linears = 6 * 24 + 12 * (2 + 6) + 2 * 12 + 12 * 6
    # the convolution of 4 taps gives as many steps as there are
    assert counted(Mamba(config), x).macs == 2 * 7 * (linears + 12 * 4 + 2 * 12 * 3)


def test_a_layer_that_fills_up_its_rows_counts_as_the_plain_one() -> None:
    module = DenseFeedForward(8, DenseConfig(16))
    x = torch.randn(1, 33, 8)
    plain = counted(module, x).macs
    assert plain == 33 * 2 * 8 * 16
    assert use_onednn(module) == 2
    assert counted(module, x).macs == plain


@pytest.mark.skipif(not can_pack(), reason="this build of torch has no oneDNN")
def test_packed_layers_count_as_plain_ones() -> None:
    module = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    assert pack_linears(module) == 2
    assert counted(module, torch.randn(5, 8)).macs == 5 * (8 * 16 + 16 * 4)


def test_scripts_are_looked_into() -> None:
    x = torch.randn(2, 5, 6)
    for script in (False, True):
        assert counted(SteppedLstm(6, 4, script=script), x).macs == 2 * 5 * 4 * 4 * (6 + 4)


class Spectrum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.rfft(x).abs()


class Honest(Spectrum):
    def macs(self, inputs: tuple[torch.Tensor], output: torch.Tensor) -> int:
        return inputs[0].numel() * 3


def test_products_that_nobody_knows_of_are_named() -> None:
    found = counted(Spectrum(), torch.randn(2, 8))
    assert found.uncounted == ("aten._fft_r2c",)
    assert found.macs == 0


def test_a_module_may_tell_its_own_number() -> None:
    found = counted(nn.Sequential(nn.Linear(8, 8), Honest()), torch.randn(2, 8))
    assert (found.macs, found.uncounted) == (2 * 8 * 8 + 2 * 8 * 3, ())


def test_the_network_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.LSTM(4, 4)).train()
    module[1].eval()
    fastpath = torch.backends.mha.get_fastpath_enabled()
    counted(module, torch.randn(3, 4))
    assert [part.training for part in module] == [True, False, True]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert torch.backends.mha.get_fastpath_enabled() == fastpath
    with pytest.raises(RuntimeError):
        counted(module, torch.randn(3, 5))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_memory_is_what_is_alive_at_the_worst_moment() -> None:
    rows = 100
    narrow = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    # the input and the output of the second activation; weights and the input of all are not activations
    assert counted(narrow, torch.randn(rows, 4)).peak_bytes == rows * (16 + 16) * FLOAT
    in_place = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 16), nn.ReLU(inplace=True))
    assert counted(in_place, torch.randn(rows, 4)).peak_bytes == rows * (8 + 16) * FLOAT


def test_memory_of_a_recurrent_layer_is_its_output() -> None:
    found = counted(nn.LSTM(4, 8, batch_first=True), torch.randn(1, 50, 4))
    assert found.peak_bytes == (50 * 8 + 8 + 8) * FLOAT  # all outputs, and the last two states


def test_it_is_the_same_every_time() -> None:
    module = nn.Sequential(nn.Conv1d(1, 8, 5), nn.SiLU(), nn.Conv1d(8, 8, 5))
    x = torch.randn(1, 1, 200)
    assert len({(one.macs, one.peak_bytes) for one in (counted(module, x) for _ in range(4))}) == 1


def test_no_storage_is_needed() -> None:
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(4, 10**6), nn.LSTM(10**6, 8))
    found = counted(module, torch.empty(3, 4, device="meta"))
    assert found.macs == 3 * (4 * 10**6 + 32 * (10**6 + 8))
