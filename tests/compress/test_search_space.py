"""Search spaces as data: what their networks are, what is refused."""

from typing import Any

import pytest

from lexome.compress.ladder import LadderCosts, LadderSpace
from lexome.compress.space import ConvolutionSpace, Kind, Stage
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError
from lexome.models.registry import build_encoder
from lexome.nn.separable import SeparableConfig

DATA: dict[str, Any] = {
    "kind": "convolutions",
    "stem": [{"size": 4, "kernel": 5, "stride": 3, "separable": False}],
    "stages": [
        {"channels": [4, 8], "kernels": [3, 9], "layers": 2, "bits": [[8, 8], [32, 32]]},
        {"channels": [8], "kernels": [5], "kinds": [{"repeat": 2, "groups_of": 4}], "stride": 2},
    ],
}
LADDER: dict[str, Any] = {
    "kind": "ladder", "widths": [8, 12], "depths": [1, 2], "strides": [5, 6],
    "convs": [{"size": 4, "kernel": 5}, {"size": 99, "kernel": 19}],
}  # fmt: skip


def test_choices_are_a_configuration() -> None:
    space = from_dict(ConvolutionSpace, DATA, "here")
    assert from_dict(ConvolutionSpace, to_dict(space), "there") == space
    choices = {slot.name: 0 for slot in space.slots}
    choices |= {"stage0.channels": 1, "stage0.layer0.operator": 1, "stage0.layer1.operator": 2}
    architecture = space.architecture(choices)
    blocks = [(b["size"], b["kernel"], b["repeat"], b["stride"]) for b in architecture["config"]["blocks"]]
    assert blocks == [(4, 5, 1, 3), (8, 9, 1, 1), (8, 5, 2, 2)]  # the second layer is left out
    encoder = build_encoder(architecture["name"], architecture["config"])
    assert encoder.stride == space.stride == 6
    assert space.bits(choices) == {"encoder.blocks.1.*": (8, 8)}
    assert space.bits(choices | {"stage0.layer0.bits": 1}) == {}
    assert [layer.samples_per_step for layer in space.layers] == [1, 3, 3, 3]
    # the stem; three pairs of widths (one is there twice) of 2 kernels and 2 bits; the last stage
    assert len(space.operations()) == 1 + (2 + 2 - 1) * 4 + 2
    for key, one in space.operations().items():
        assert key == one.key
        assert int(one.module().num_features) > 0  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"stages": []}, "at least one stage"),
        ({"stages": [{"channels": [4, 8], "kernels": [3]}]}, "a block of the tail is needed"),
        ({"stages": [{"channels": [4], "kernels": [4]}]}, "must be odd"),
        ({"stages": [{"channels": [4], "kernels": []}]}, "needs channels, kernels"),
        ({"stages": [{"channels": [4], "kernels": [3, 3]}]}, "kernels of a stage is there twice"),
        ({"stages": [{"channels": [4], "kernels": [3], "bits": [[1, 8]]}]}, "1 bits: 2 to 16"),
        (
            {"stages": [{"channels": [6], "kernels": [3], "kinds": [{"groups_of": 4, "repeat": 2}]}]},
            "6 channels",
        ),
        (
            {"stages": [{"channels": [4], "kernels": [3], "kinds": [{"residual": True}], "stride": 2}]},
            "stride of one",
        ),
        ({"stages": [{"channel": [4], "kernels": [3]}]}, "did you mean 'channels'"),
        ({"stages": [{"channels": list(range(1, 300)), "kernels": [3], "layers": 30}]}, "at most 5,000"),
    ],
)
def test_what_is_no_space(change: dict[str, Any], complaint: str) -> None:
    tail = {"tail": [{"size": 4, "kernel": 1}]} if "5,000" in complaint else {}
    with pytest.raises(UsageError, match=complaint):
        from_dict(ConvolutionSpace, {**DATA, **change, **tail}, "here")


def test_operators_are_every_kernel_of_every_kind() -> None:
    stage = Stage((4, 6), (3, 5), (Kind(), Kind(repeat=2)))
    assert list(stage.operators()) == [
        SeparableConfig(6, 3), SeparableConfig(6, 5), SeparableConfig(6, 3, 2), SeparableConfig(6, 5, 2),
    ]  # fmt: skip


def test_a_ladder() -> None:
    space = from_dict(LadderSpace, LADDER, "here")
    everything = space.all_choices()
    assert len(everything) == len(space.operations()) == 8
    choices = {"width": 1, "depth": 1, "stride": 1}
    architecture = space.architecture(choices)
    encoder = build_encoder(architecture["name"], architecture["config"])
    assert (encoder.stride, encoder.num_features) == (6, 12)
    assert [lstm["reverse"] for lstm in architecture["config"]["lstms"]] == [True, False]
    assert space.operation(choices).key == "lstm 12 x2 behind 4k5s1-12k19s6"
    assert space.bits(choices) == {}
    costs = {key: 10.0 + n for n, key in enumerate(space.operations())}
    ladder = LadderCosts(space, costs, "pebbles")
    assert sorted(ladder.of(choices) for choices in everything) == sorted(costs.values())
    ladder.check_target(10.0)
    with pytest.raises(UsageError, match="least possible is 10;"):
        ladder.check_target(9.0)
    for change in ({"widths": []}, {"depths": [1, 1]}, {"strides": [0]}, {"widths": list(range(1, 300))}):
        with pytest.raises(UsageError, match=r"here: "):
            from_dict(LadderSpace, {**LADDER, **change}, "here")
