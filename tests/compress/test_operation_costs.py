"""Costs of operations: counted ones against arithmetic, tables read back, what is wrong said in a line."""

import json
from pathlib import Path

import pytest

from lexome.compress.costs import (
    CostTable,
    Operation,
    OperationCost,
    check_target,
    counted_costs,
    plain_costs,
    read_cost_table,
    table_costs,
)
from lexome.core.errors import BadInputError, LexomeError, UsageError


def block(weight_bits: int = 32, **config: object) -> Operation:
    blocks = [{"size": 8, "kernel": 5, **config}]
    return Operation("one", "quartznet", {"blocks": blocks, "in_channels": 4}, 4, 3, weight_bits)


@pytest.mark.parametrize(
    ("operation", "products", "weights"),
    [
        (block(), 4 * 5 + 4 * 8, 4 * 5 + 4 * 8),
        (block(groups_of=2), 4 * 2 * 5 + 4 * 8, 4 * 2 * 5 + 4 * 8),
        (block(separable=False), 4 * 5 * 8, 4 * 5 * 8),
        (block(separable=False, stride=2), 4 * 5 * 8 / 2, 4 * 5 * 8),
        (block(4), 4 * 5 + 4 * 8, (4 * 5 + 4 * 8) / 8),
    ],
)
def test_what_is_counted_is_arithmetic(operation: Operation, products: float, weights: float) -> None:
    norms = 4 * 8  # scale, shift, mean and variance of a channel
    assert counted_costs(operation) == (pytest.approx(products / 3), 4 * weights + 4 * norms)
    assert plain_costs({"one": operation}, "bytes") == {"one": 4 * weights + 4 * norms}
    assert plain_costs({"one": operation}, "macs") == {"one": pytest.approx(products / 3)}


def test_a_table_is_read_back(tmp_path: Path) -> None:
    table = CostTable({"a": OperationCost(1.5, 2.0, 3.0)}, {"rounds": 3}, {"processor": "x"})
    path = tmp_path / "costs.json"
    path.write_text(json.dumps(table.record()))
    assert read_cost_table(path) == table
    assert table_costs(table, ["a"], "costs.json") == {"a": 1.5}


def test_missing_operations_are_named() -> None:
    table = CostTable({"a": OperationCost(1.5, 2.0, 3.0)}, {}, {})
    with pytest.raises(BadInputError) as error:
        table_costs(table, ["b", "a", "c", "b"], "costs.json")
    assert str(error.value).startswith(
        "costs.json: no cost of 2 of 3 operations: b; c; measure this space with"
    )
    with pytest.raises(BadInputError, match=r"o4 and 15 more; measure"):
        table_costs(table, [f"o{n}" for n in range(20)], "costs.json")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not a table of costs"),
        ("[]", "not a table of costs"),
        ('{"operations": {}, "format_version": 2}', "format_version 2 is not 1"),
        (
            '{"operations": {"a": {"latency_ns": 1, "macs": 1}}, "format_version": 1}',
            "'a': key 'bytes' is missing",
        ),
        (
            '{"operations": {"a": {"latency_ns": NaN, "macs": 1, "bytes": 1}}, "format_version": 1}',
            "must be finite and not negative",
        ),
    ],
)
def test_what_is_no_table(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    path.write_text(text)
    with pytest.raises(LexomeError, match=complaint):
        read_cost_table(path)
    with pytest.raises(BadInputError, match=r"none\.json: cannot be read"):
        read_cost_table(tmp_path / "none.json")


def test_an_impossible_target() -> None:
    check_target(5.0, 5.0, "bytes")
    for target in (4.0, float("nan")):
        with pytest.raises(
            UsageError, match=r"costs .* bytes or less: the least possible is 5; raise --target"
        ):
            check_target(target, 5.0, "bytes")
