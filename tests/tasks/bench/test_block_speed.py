"""Experts and heads: what is compared has the size that is said."""

import torch
from torch import Tensor

from lexome.nn.global_attention import LocalGlobalAttention
from lexome.tasks.bench.block_speed import HEADS, experts_subject, heads_subject, transformer_layer
from lexome.tasks.bench.layer_speed import SpeedRequest


def test_every_block_uses_as_many_hidden_features() -> None:
    steps, width, active = 6, 8, 16
    (group,) = experts_subject(SpeedRequest(max_batch=2), steps, width, active).groups
    macs = {one.name: one.spots[0].case.open().macs_per_item for one in group.series}
    dense = steps * 2 * width * active
    gate = steps * width * 8
    assert macs["dense"] == dense
    assert macs["experts, gathered"] == dense + gate
    assert macs["experts, all run"] == 4 * dense + gate
    assert macs["large dense"] == 4 * dense
    assert macs["4 leaves"] == dense + steps * width * 3
    assert macs["16 leaves"] == dense + steps * width * 15
    assert group.baseline == "dense"
    assert [spot.batch_size for spot in group.series[0].spots] == [1, 2]


def test_gathered_and_all_run_give_the_same() -> None:
    (group,) = experts_subject(SpeedRequest(max_batch=1), 6, 8, 16).groups
    found: dict[str, Tensor] = {}
    for one in group.series:
        case = one.spots[0].case
        output = case.open().run(case.make_input(2))
        assert isinstance(output, Tensor)
        assert output.shape == (2, 6, 8)
        found[one.name] = output
    torch.testing.assert_close(found["experts, gathered"], found["experts, all run"])


def test_heads_change_the_arrangement_not_the_work() -> None:
    subject = heads_subject(SpeedRequest(max_batch=2), steps=40, widths=(16,))
    (group,) = subject.groups
    full, local = group.series
    assert [spot.x for spot in full.spots] == list(HEADS)
    assert {spot.batch_size for spot in full.spots} == {2}
    macs = {spot.case.open().macs_per_item for spot in full.spots}
    assert macs == {40 * (4 * 16 * 16 + 2 * 4 * 16 * 16) + 2 * 40 * 40 * 16}
    assert len({spot.case.open().macs_per_item for spot in local.spots}) == 1
    for spot, layer_heads in zip(local.spots, HEADS, strict=True):
        mixer = transformer_layer(16, layer_heads, (16, 16)).get_submodule("mixer")
        assert isinstance(mixer, LocalGlobalAttention)
        assert (mixer.num_heads, mixer.num_global) == (layer_heads, 0)
        output = spot.case.open().run(spot.case.make_input(2))
        assert isinstance(output, Tensor)
        assert output.shape == (2, 40, 16)
