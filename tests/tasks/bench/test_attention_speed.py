"""Attention as sequences grow: what is compared has the size that is said."""

from functools import partial

import torch

from lexome.nn.multihead import MultiHeadAttention
from lexome.tasks.bench.attention_speed import ATTENTIONS, FUSED, LENGTHS, WithBiases, attention_subject
from lexome.tasks.bench.layer_speed import SpeedRequest

SMALL = {
    FUSED: partial(MultiHeadAttention, 16, 2),
    "dense": partial(WithBiases, None, 0, 16, 2),
    "window": partial(WithBiases, 4, 3, 16, 2),
}


def test_products_of_windows_grow_with_the_length_and_those_of_pairs_with_its_square() -> None:
    subject = attention_subject(SpeedRequest(max_batch=1), (64, 128), SMALL, 16)
    assert [group.title for group in subject.groups] == ["Inference", "Training"]
    macs = {
        one.name: [spot.case.open().macs_per_item for spot in one.spots] for one in subject.groups[0].series
    }
    linear = 4 * 16 * 16
    assert macs["dense"] == [64 * linear + 2 * 64 * 64 * 16, 128 * linear + 2 * 128 * 128 * 16]
    assert macs[FUSED] == macs["dense"]
    # windows of 3 * 4 tokens and 3 global ones, whose keys and values are two more linear layers
    extra = 2 * 3 * 16 * 16
    assert macs["window"] == [n * linear + 2 * n * (12 + 3) * 16 + extra for n in (64, 128)]


def test_memory_of_windows_grows_with_the_length() -> None:
    subject = attention_subject(SpeedRequest(max_batch=1), (256, 512), SMALL, 16)
    for group in subject.groups:
        peaks = {}
        for one in group.series:
            peaks[one.name] = found = []
            for spot in one.spots:
                peak_bytes = spot.case.open().peak_bytes
                assert peak_bytes is not None
                found.append(peak_bytes(spot.case.make_input(1)))
        assert peaks["dense"][1] > 3.5 * peaks["dense"][0]
        assert peaks["window"][1] < 2.2 * peaks["window"][0]


def test_what_is_compared_is_enbeds() -> None:
    assert LENGTHS[-1] == 16384
    window = ATTENTIONS["within 128"]()
    assert isinstance(window, WithBiases)
    assert (window.attention.radius, window.attention.num_global) == (128, 32)
    with torch.no_grad():
        assert window(torch.randn(1, 5, 256)).shape == (1, 5, 256)
    assert attention_subject(SpeedRequest(max_batch=1)).groups[0].baseline == FUSED
