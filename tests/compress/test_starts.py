"""Students that begin as layers of their teachers."""

from typing import Any

import pytest
import torch

from lexome.compress.starts import start_as_layers
from lexome.core.errors import UsageError
from lexome.models.registry import new_network
from lexome.nn.network import Network

HEAD = {"name": "crf", "config": {"state_len": 1}}


def bonito(layers: int, seed: int, size: int = 6) -> Network:
    torch.manual_seed(seed)
    config: dict[str, Any] = {
        "convs": [{"size": 4, "kernel": 5, "stride": 5}, {"size": size, "kernel": 5}],
        "lstms": [{"size": size, "reverse": i % 2 == 0} for i in range(layers)],
    }
    return new_network({"name": "bonito", "config": config}, HEAD)


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [("top", (3, 4, 5)), ("bottom", (1, 2, 3)), ("alternating", (1, 3, 5)), ((5, 1, 1), (5, 1, 1))],
)
def test_layers_are_those_of_the_mapping(mapping: Any, expected: tuple[int, ...]) -> None:
    student, teacher = bonito(3, 0), bonito(5, 1)
    before = teacher.state_dict()
    assert start_as_layers(student, teacher, "bonito", mapping) == {"lstms": expected}
    after = student.state_dict()
    for name, weight in after.items():
        source = name
        if name.startswith("encoder.lstms."):
            number, _, rest = name.removeprefix("encoder.lstms.").partition(".")
            source = f"encoder.lstms.{expected[int(number)] - 1}.{rest}"
        assert torch.equal(weight, before[source]), name


def test_random_layers_stay_and_the_rest_is_copied() -> None:
    student, teacher = bonito(3, 0), bonito(5, 1)
    own = {name: weight.clone() for name, weight in student.state_dict().items()}
    assert start_as_layers(student, teacher, "bonito", "random") == {"lstms": ()}
    for name, weight in student.state_dict().items():
        expected = own[name] if name.startswith("encoder.lstms.") else teacher.state_dict()[name]
        assert torch.equal(weight, expected), name


def test_all_layers_make_the_teacher_itself() -> None:
    student, teacher = bonito(4, 0), bonito(4, 1)
    start_as_layers(student, teacher, "bonito", "top")
    x = torch.randn(2, 1, 200)
    assert torch.equal(student(x), teacher(x))


def test_what_cannot_begin_so_is_refused_and_unchanged() -> None:
    student, teacher = bonito(3, 0), bonito(5, 1, size=8)
    own = {name: weight.clone() for name, weight in student.state_dict().items()}
    with pytest.raises(UsageError, match="only the number of layers may differ"):
        start_as_layers(student, teacher, "bonito", "top")
    assert all(torch.equal(own[name], weight) for name, weight in student.state_dict().items())
    with pytest.raises(UsageError, match="causalcall is no stack"):
        start_as_layers(student, teacher, "causalcall", "top")
    with pytest.raises(UsageError, match="cannot start from the top layers"):
        start_as_layers(bonito(6, 0), bonito(5, 1), "bonito", "top")
