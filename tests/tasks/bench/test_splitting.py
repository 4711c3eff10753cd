"""Cut sequences: what is compared, and the count of the thesis."""

import pytest
import torch
from torch import nn

from lexome.core.errors import UsageError
from lexome.nn.costs import counted
from lexome.tasks.bench.layer_speed import SpeedRequest, measure_subject
from lexome.tasks.bench.splitting import PLAIN, SPLIT, lstm_flop, lstm_stack, side_by_side, splitting_subject
from lexome.tasks.bench.timing import Clock, TimingConfig

N, T, D, LAYERS = 2, 12, 6, 3


def steps(seed: int = 0) -> torch.Tensor:
    return torch.randn(N, T, D, generator=torch.Generator().manual_seed(seed))


def test_parts_stand_behind_each_other() -> None:
    x = steps()
    cut = side_by_side(x, 3)
    assert cut.shape == (6, 4, D)
    for item in range(N):
        for part in range(3):
            assert torch.equal(cut[3 * item + part], x[item, 4 * part : 4 * part + 4])
    with pytest.raises(UsageError, match="12 steps cannot be cut into 5"):
        side_by_side(x, 5)


def test_a_layer_without_state_gives_the_same_in_another_arrangement() -> None:
    layer, x = nn.Linear(D, D), steps()
    torch.testing.assert_close(layer(side_by_side(x, 4)).reshape(N, T, D), layer(x))


@torch.no_grad()
def test_a_stack_gives_what_it_gives_for_each_part_by_itself_and_what_split_layers_give() -> None:
    plain, split, x = lstm_stack(D, layers=LAYERS), lstm_stack(D, splits=2, layers=LAYERS), steps()
    split.load_state_dict(plain.state_dict())
    apart = torch.cat([plain(half) for half in x.chunk(2, dim=1)], dim=1)
    torch.testing.assert_close(plain(side_by_side(x, 2)).reshape(N, T, D), apart)
    torch.testing.assert_close(split(x), apart)
    whole = plain(x)
    torch.testing.assert_close(whole[:, : T // 2], apart[:, : T // 2])  # both begin with a zero state
    assert (whole[:, T // 2] - apart[:, T // 2]).abs().max() > 1e-3


def test_the_formula_of_the_thesis_counts_multiply_accumulates() -> None:
    assert lstm_flop(384, 384, 512, 5) == 3_019_898_880
    assert lstm_flop(D, D, T, LAYERS) == counted(lstm_stack(D, layers=LAYERS), steps()[:1]).macs
    assert lstm_flop(2, 3, 5, 1) == counted(nn.LSTM(2, 3, batch_first=True), torch.zeros(1, 5, 2)).macs


def test_subject() -> None:
    ticks = iter(range(10**6))
    timing = TimingConfig(min_repeats=1, min_s=0.0, max_s=1e9)
    request = SpeedRequest(max_batch=4)
    subject = splitting_subject(request, widths=(D,), steps=8, layers=2)
    found = measure_subject(subject, timing, Clock(lambda: float(next(ticks)), None))
    parts, batches = found["groups"]
    assert found["formula_macs_per_sequence"] == {"6": lstm_flop(6, 6, 8, 2)}
    (one,) = parts["series"]  # no batch of 16
    assert [p["x"] for p in one["points"]] == [1, 2, 4, 8]
    assert {p["samples"] for p in one["points"]} == {8}  # the work stays
    assert {p["macs"] for p in one["points"]} == {lstm_flop(6, 6, 8, 2)}
    assert [s["name"] for s in batches["series"]] == [PLAIN, SPLIT]
    for series in batches["series"]:
        assert [p["macs"] for p in series["points"]] == [n * lstm_flop(6, 6, 8, 2) for n in (1, 2, 4)]
