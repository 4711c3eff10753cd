"""Read ids as bytes, and sets of them."""

import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core import read_ids
from lexome.core.read_ids import IdSet, id_bytes

PLAIN = "0f0e0d0c-0b0a-4908-8706-050403020100"


def test_a_uuid_is_its_own_bytes_however_it_is_written() -> None:
    expected = uuid.UUID(PLAIN).bytes
    for form in (PLAIN, PLAIN.upper(), PLAIN.replace("-", "")):
        assert id_bytes(form) == expected


@pytest.mark.parametrize(
    "name", ["", "read_1", "READ_1", "x" * 32, "0f" * 15, "0f" * 17, " " * 32, "é" * 32, "ff " * 16]
)
def test_other_names_are_told_apart(name: str) -> None:
    others = {id_bytes(other) for other in ("read_2", PLAIN, name + "x", name + "-")}
    assert len(id_bytes(name)) == 16
    assert id_bytes(name) not in others


@pytest.mark.parametrize("fewest", [1, 7, 100_000])
@given(added=st.lists(st.integers(0, 60)), asked=st.lists(st.integers(0, 60)))
def test_a_set_is_a_set(fewest: int, added: list[int], asked: list[int]) -> None:
    def name(number: int) -> str:  # many ids with the same first half, some that are no UUIDs
        return f"read {number}" if number % 5 == 0 else str(uuid.UUID(int=((number % 3) << 64) + number))

    ids, expected = IdSet(), set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_ids, "_FEWEST_PENDING", fewest)
        for number in added:
            assert ids.add(name(number)) == (name(number) not in expected)
            expected.add(name(number))
            assert len(ids) == len(expected)
            assert name(number) in ids
        for number in asked:
            assert (name(number) in ids) == (name(number) in expected)


def test_many_ids_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ids, "_FEWEST_PENDING", 1000)
    rng = random.Random(1)
    numbers = [rng.getrandbits(128) for _ in range(20_000)]
    ids = IdSet()
    for number in numbers:
        ids.add(str(uuid.UUID(int=number)))
    assert len(ids) == 20_000
    assert len(ids._pending) <= 20_000 // 8 + 1
    assert ids._high.nbytes + ids._low.nbytes <= 16 * 20_000
    assert all(str(uuid.UUID(int=number)) in ids for number in numbers[::50])
    assert not any(str(uuid.UUID(int=number ^ 1)) in ids for number in numbers[::50])
