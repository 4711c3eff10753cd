"""Training state on disk: all of it comes back, and a save that was cut off is recognised or repaired."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from lexome.core.errors import BadInputError
from lexome.train.averaging import WeightAverage
from lexome.train.state import RECORD, TENSORS, Position, load_state, read_record, save_state


def make(seed: int, width: int = 3) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv1d(1, width, 3), nn.BatchNorm1d(width))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01 * seed, betas=(0.8, 0.95))
    model(torch.randn(4, 1, 9)).square().sum().backward()
    optimizer.step()
    return model, optimizer


def save(folder: Path, seed: int, step: int = 7) -> tuple[nn.Module, torch.optim.Optimizer]:
    model, optimizer = make(seed)
    save_state(folder, model, [optimizer], [[0.1, 1 / 3]], Position(step, 70, 0.25, 5), {"key": [1, 2]})
    return model, optimizer


def test_everything_comes_back(tmp_path: Path) -> None:
    model, optimizer = save(tmp_path, 1)
    expected_random = torch.rand(3)
    other, other_optimizer = make(2)
    position, clips = load_state(tmp_path, other, [other_optimizer])
    assert torch.equal(torch.rand(3), expected_random)  # torch's generator goes on where it was
    assert position == Position(7, 70, 0.25, 5)
    assert clips == [[0.1, 1 / 3]]
    assert read_record(tmp_path)["recipe"] == {"key": [1, 2]}
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    left, right = optimizer.state_dict(), other_optimizer.state_dict()
    assert left["state"].keys() == right["state"].keys()
    for index, entry in left["state"].items():
        for key, value in entry.items():
            assert torch.equal(right["state"][index][key], value), (index, key)
    for group, same in zip(left["param_groups"], right["param_groups"], strict=True):
        assert group | {"betas": None} == same | {"betas": None}
        assert list(group["betas"]) == list(same["betas"])


def test_every_process_gets_its_own_generator_back(tmp_path: Path) -> None:
    model, optimizer = make(1)
    states = [torch.Generator().manual_seed(seed).get_state() for seed in (5, 6)]
    save_state(tmp_path, model, [optimizer], [[]], Position(), {}, generators=states)
    for rank, state in enumerate(states):
        torch.manual_seed(0)
        load_state(tmp_path, *make_list(2), rank=rank)
        assert torch.equal(torch.get_rng_state(), state)
    other, optimizers = make_list(2)
    before = torch.get_rng_state()
    load_state(tmp_path, other, optimizers, rank=2)  # was not there
    assert torch.equal(torch.get_rng_state(), before)


def make_list(seed: int) -> tuple[nn.Module, list[torch.optim.Optimizer]]:
    model, optimizer = make(seed)
    return model, [optimizer]


def test_the_average_comes_back(tmp_path: Path) -> None:
    model, optimizer = make(1)
    average = WeightAverage(make(3)[0], 0.9)
    average.updates = 17
    more = {"watch": {"sum": 1 / 3}}
    save_state(tmp_path, model, [optimizer], [[]], Position(), {}, average=average, more=more)
    other = make(2)
    loaded = WeightAverage(other[0], 0.9)
    load_state(tmp_path, other[0], [other[1]], average=loaded)
    assert loaded.updates == 17
    for name, tensor in average.tensors.items():
        assert torch.equal(loaded.tensors[name], tensor), name
        assert torch.equal(other[0].state_dict()[name], model.state_dict()[name]), name
    assert read_record(tmp_path)["more"] == more


def test_an_average_that_was_not_saved_begins_with_the_weights(tmp_path: Path) -> None:
    model, _ = save(tmp_path, 1)
    other, optimizer = make(2)
    average = WeightAverage(other, 0.9)
    average.updates = 3
    load_state(tmp_path, other, [optimizer], average=average)
    assert average.updates == 0
    assert all(torch.equal(average.tensors[n], t) for n, t in model.state_dict().items())


def test_saving_again_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    save(tmp_path, 1, step=3)
    save(tmp_path, 2, step=4)
    assert {p.name for p in tmp_path.iterdir()} == {TENSORS, RECORD}
    assert read_record(tmp_path)["position"]["step"] == 4


def test_a_pair_of_two_moments_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 1)
    old = (tmp_path / RECORD).read_bytes()
    save(tmp_path, 2)
    (tmp_path / RECORD).write_bytes(old)
    model, optimizer = make(3)
    for read in (lambda: read_record(tmp_path), lambda: load_state(tmp_path, model, [optimizer])):
        with pytest.raises(BadInputError, match="not of one moment"):
            read()


def test_a_save_cut_off_between_the_two_renames_is_repaired(tmp_path: Path) -> None:
    save(tmp_path, 1, step=3)
    old = (tmp_path / RECORD).read_bytes()
    save(tmp_path, 2, step=4)
    (tmp_path / RECORD).rename(tmp_path / f"{RECORD}.partial")
    (tmp_path / RECORD).write_bytes(old)
    assert read_record(tmp_path)["position"]["step"] == 4


@pytest.mark.parametrize("leftover", [TENSORS, RECORD])
def test_a_save_cut_off_before_the_renames_leaves_the_old_state(tmp_path: Path, leftover: str) -> None:
    save(tmp_path, 1, step=3)
    (tmp_path / f"{leftover}.partial").write_bytes(b"half of it")
    assert read_record(tmp_path)["position"]["step"] == 3


@pytest.mark.parametrize("name", [TENSORS, RECORD])
@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"{}", b"[]"])
def test_damage_is_said(tmp_path: Path, name: str, content: bytes | None) -> None:
    save(tmp_path, 1)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=str(tmp_path)):
        read_record(tmp_path)


def test_a_tensor_file_cut_short_is_said(tmp_path: Path) -> None:
    save(tmp_path, 1)
    path = tmp_path / TENSORS
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BadInputError, match="no training to resume"):
        read_record(tmp_path)


def test_a_state_without_a_token_is_no_state(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"model.x": torch.zeros(1)}, tmp_path / TENSORS)
    (tmp_path / RECORD).write_text(json.dumps({"position": {}}))
    with pytest.raises(BadInputError, match="not of one moment"):
        read_record(tmp_path)


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 1)
    model, optimizer = make(2, width=4)
    with pytest.raises(BadInputError, match="does not fit"):
        load_state(tmp_path, model, [optimizer])
