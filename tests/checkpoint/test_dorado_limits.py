"""What dorado would run differently is refused; what it runs the same is not."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lexome.checkpoint.dorado_limits import SWISH_MIN, dorado_obstacles
from lexome.checkpoint.export_network import plain_network
from lexome.checkpoint.exporting import export_model
from lexome.checkpoint.store import Checkpoint, load
from lexome.core.errors import UsageError

Styles = dict[str, tuple[str, dict[str, Any], dict[str, Any]]]
Make = Callable[[str, dict[str, Any], dict[str, Any]], Checkpoint]
Change = dict[str, Any]
OBSTACLES: list[tuple[str, Change, Change, str]] = [
    ("plain", {"convs": [{"size": 16, "kernel": 5}, {"size": 8, "kernel": 5}]}, {}, "2 convolutions"),
    ("plain", {"convs.0.size": 8}, {}, "a first convolution 8 wide"),
    ("plain", {"convs.1.padding": 0}, {}, "convolution 1: padding 0 with a kernel of 5"),
    ("plain", {"convs.1.activation": "relu"}, {}, "convolution 1: activation relu"),
    ("plain", {"convs.2.activation": "none"}, {}, "convolution 2: activation none"),
    (
        "bottleneck",
        {"convs.0.clamp": [-0.5, 3.0]},
        {},
        r"convolution 0: a clamp to \(-0.5, 3.0\) after swish",
    ),
    ("bottleneck", {"convs.0.clamp": [-0.2, 3.5]}, {}, r"convolution 0: a clamp to \(-0.2, 3.5\)"),
    (
        "bottleneck",
        {"convs.2.activation": "tanh"},
        {},
        r"convolution 2: a clamp to \(-0.5, 3.5\) after tanh",
    ),
    ("bottleneck", {}, {"clamp": None}, "scores bounded by None"),
    ("plain", {}, {"clamp": [-4.0, 4.0]}, r"scores bounded by \(-4.0, 4.0\)"),
    ("plain", {}, {"clamp": [-5.0, 5.0], "blank_score": 6.0}, "a bounded score for staying of 6.0"),
    ("plain", {}, {"blank_score": None}, "learned scores for staying"),
    ("plain", {}, {"state_len": 2}, "states of 2 bases"),
    ("plain", {}, {"activation": "tanh"}, "a tanh, a factor or a bias in the scores"),
    ("plain", {}, {"scale": 5.0}, "a tanh, a factor or a bias in the scores"),
    ("plain", {}, {"bias": True}, "a tanh, a factor or a bias in the scores"),
    ("plain", {"lstms.0.reverse": False}, {}, "LSTMs other than 5 in turn"),
    ("plain", {"lstms.4.size": 9}, {}, r"LSTMs \[8, 8, 8, 8, 9\] wide"),
    ("plain", {"convs.2.size": 9}, {}, "after a convolution 9 wide"),
    ("plain", {"linears": [{"size": 4}]}, {}, "a linear layer after LSTMs 8 wide"),
    ("bottleneck", {"linears": [{"size": 4}, {"size": 3}]}, {}, "2 linear layers"),
    ("flat", {"convs.2.kernel": 17}, {}, "with a first convolution 4 wide anything but kernels"),
    ("flat", {"convs.1.stride": 2}, {}, "a stride in the third only"),
    ("flat", {"convs.1.size": 15}, {}, "a second convolution 16 wide"),
    ("flat", {"convs.1.activation": "tanh"}, {}, "swish and no clamps"),
    ("flat", {"convs.1.clamp": [-0.5, 3.5]}, {}, "swish and no clamps; scores bounded by None"),
    ("flat", {}, {"scale": 4.0}, r"anything but 5 \* tanh"),
    ("flat", {}, {"activation": "none"}, r"anything but 5 \* tanh"),
    ("flat", {}, {"clamp": [-5.0, 5.0]}, r"anything but 5 \* tanh"),
    ("plain", {"lstms.3.kind": "gru"}, {}, "recurrent layers of the kind gru$"),
    ("transformer", {"convs.0.padding": 0}, {}, "convolution 0: padding 0 with a kernel of 5"),
    ("transformer", {"convs.0.activation": "relu"}, {}, "convolution 0: activation relu"),
    ("transformer", {"convs.1.clamp": [-0.5, 3.5]}, {}, "a transformer with clamps"),
    ("transformer", {}, {"clamp": [-5.0, 5.0]}, "a transformer with clamps"),
    ("transformer", {"attention.window": None}, {}, "attention without a window"),
    ("transformer", {"attention.theta": 500.0}, {}, "rotary frequencies of another base than 10000"),
    ("transformer", {"feed_forwards": [24, 16]}, {}, "feed-forward blocks of several widths"),
    ("transformer", {"upsample": 1}, {}, "a transformer without upsampling"),
    ("transformer", {}, {"activation": "tanh"}, "a tanh or a bias in the scores of a transformer"),
    ("transformer", {}, {"bias": True}, "a tanh or a bias in the scores of a transformer"),
    ("transformer", {}, {"blank_score": 3.0}, "a score for staying of 3.0 in a transformer"),
    ("transformer", {}, {"blank_score": None}, "learned scores for staying$"),
    ("transformer", {}, {"state_len": 6}, "states of 6 bases"),
]


@pytest.mark.parametrize(("style", "layers", "head", "named"), OBSTACLES)
def test_what_dorado_would_run_differently_is_refused(
    tmp_path: Path, styles: Styles, random_model: Make, style: str, layers: Change, head: Change, named: str
) -> None:
    name, architecture, own_head = copy.deepcopy(styles[style])
    for path, value in layers.items():
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        place: Any = architecture
        for part in parents:
            place = place[part]
        place[last] = value
    model = random_model(name, architecture, {**own_head, **head})
    with pytest.raises(UsageError, match=f"model random cannot be written for dorado, .*{named}"):
        export_model(model, "dorado", tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("style", ["plain", "flat", "bottleneck", "transformer"])
def test_dorados_own_shapes_meet_no_obstacle(styles: Styles, random_model: Make, style: str) -> None:
    assert dorado_obstacles(plain_network(random_model(*styles[style]), "dorado")) == []


def test_the_bundled_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a tanh, a factor or a bias in the scores"):
        export_model(load("r9.4.1_fast"), "dorado", tmp_path / "out")


def test_clamps_without_an_effect_are_no_obstacle(styles: Styles, random_model: Make) -> None:
    name, architecture, head = copy.deepcopy(styles["bottleneck"])
    architecture["convs"][1]["clamp"] = [-2.0, 3.5]
    architecture["convs"][2].update(activation="tanh", clamp=[-1.0, 1.0])
    assert dorado_obstacles(plain_network(random_model(name, architecture, head), "dorado")) == []
    x = torch.linspace(-10, 0, 1_000_001, dtype=torch.float64)
    least = float(torch.nn.functional.silu(x).min())
    assert least - 1e-6 < SWISH_MIN <= least
