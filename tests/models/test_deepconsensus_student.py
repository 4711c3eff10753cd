"""Students that start from their teacher."""

from typing import Any

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.models.deepconsensus import DeepConsensus
from lexome.models.deepconsensus_student import initialise_student, teacher_layers
from lexome.models.registry import new_network
from lexome.nn.network import Network

CONFIG: dict[str, Any] = {"pileup": {"passes": 2, "width": 4}, "size": 12, "num_heads": 2, "band": 3}


def network(layers: int, seed: int, hidden: int = 8, **changes: Any) -> Network:
    torch.manual_seed(seed)
    config = CONFIG | {"feed_forwards": [hidden] * layers} | changes
    made = new_network({"name": "deepconsensus", "config": config}, {"name": "consensus", "config": {}})
    for parameter in made.parameters():  # nothing is where it starts
        torch.nn.init.normal_(parameter)
    return made


def part(network: Network, name: str) -> list[torch.Tensor]:
    return [p.detach().clone() for p in network.get_submodule(name).parameters()]


def same(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_which_layers_a_mapping_names() -> None:
    assert teacher_layers("alternating", 4, 6) == (1, 2, 4, 6)
    assert teacher_layers("alternating", 3, 6) == (1, 3, 6)
    assert teacher_layers("alternating", 5, 6) == (1, 2, 3, 4, 6)
    assert teacher_layers("alternating", 1, 6) == (1,)
    assert teacher_layers("alternating", 6, 6) == (1, 2, 3, 4, 5, 6)
    assert teacher_layers("top", 5, 6) == (2, 3, 4, 5, 6)
    assert teacher_layers("bottom", 3, 6) == (1, 2, 3)
    assert teacher_layers("random", 9, 6) == ()
    assert teacher_layers([6, 6, 1], 3, 6) == (6, 6, 1)


@pytest.mark.parametrize(
    ("mapping", "layers"),
    [("top", (3, 4)), ("alternating", (1, 4)), ("bottom", (1, 2)), ("random", ()), ([4, 2], (4, 2))],
)
@pytest.mark.parametrize("gates", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_what_is_copied_and_what_is_not(mapping, layers, gates: bool, norm: bool) -> None:
    teacher, student, untouched = network(4, 1), network(2, 2), network(2, 2)
    original = network(4, 1)
    assert initialise_student(student, teacher, mapping, copy_gates=gates, copy_norm=norm) == layers
    for name in ("encoder.embedding", "scorer"):
        assert same(part(student, name), part(teacher, name))
    assert same(part(student, "encoder.norm"), part(teacher if norm else untouched, "encoder.norm"))
    for i in range(2):
        for kind in ("attention", "feed_forward"):
            name = f"encoder.layers.{i}.{kind}"
            source = teacher if layers else untouched
            theirs = f"encoder.layers.{layers[i] - 1}.{kind}" if layers else name
            assert same(part(student, f"{name}.inner"), part(source, f"{theirs}.inner"))
            gate_of, gate_name = (source, theirs) if gates else (untouched, name)
            gate = student.get_parameter(f"{name}.gate")
            assert torch.equal(gate, gate_of.get_parameter(f"{gate_name}.gate"))
    assert same(part(teacher, "encoder"), part(original, "encoder"))
    with torch.no_grad():  # nothing is shared
        next(student.scorer.parameters()).add_(1)
    assert same(part(teacher, "scorer"), part(original, "scorer"))


def test_a_student_with_all_copied_is_its_teacher() -> None:
    teacher, student = network(3, 1).eval(), network(3, 2).eval()
    initialise_student(student, teacher, "top", copy_gates=True, copy_norm=True)
    rows = torch.randint(0, 3, (2, 13, 9), generator=torch.Generator().manual_seed(0)).float()
    with torch.no_grad():
        assert torch.equal(student(rows), teacher(rows))


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ([1, 2, 3], "needs 2 layers, each 1 to 4"),
        ([0, 1], "each 1 to 4"),
        ([1, 5], "each 1 to 4"),
        ([], "needs 2 layers"),
    ],
)
def test_impossible_mappings_are_refused(mapping, complaint) -> None:
    with pytest.raises(UsageError, match=complaint):
        initialise_student(network(2, 1), network(4, 1), mapping)


def test_a_student_deeper_than_its_teacher_needs_a_list() -> None:
    with pytest.raises(UsageError, match="3 layers cannot start from the top layers of a teacher of 2"):
        initialise_student(network(3, 1), network(2, 1), "top")
    assert initialise_student(network(3, 1), network(2, 1), [1, 2, 2]) == (1, 2, 2)


def test_networks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match=r"layer 1: the student's shape is not the teacher's \(into.bias\)"):
        initialise_student(network(2, 1, hidden=6), network(2, 1), "top")
    with pytest.raises(UsageError, match="embedding: the student's shape"):
        initialise_student(network(2, 1, pileup={"passes": 3, "width": 4}), network(2, 1), "top")
    other = Network(torch.nn.Identity(), torch.nn.Identity())
    with pytest.raises(UsageError, match="the teacher is not a DeepConsensus network"):
        initialise_student(network(2, 1), other, "top")
    assert isinstance(network(2, 1).encoder, DeepConsensus)
