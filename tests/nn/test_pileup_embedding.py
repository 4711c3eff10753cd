"""Embedding of pile-up rows: value by value against the definition, folding, and what is refused."""

import math

import pytest
import torch

from lexome.nn.pileup_embedding import PileupEmbedding, PileupRows


def embedding(passes: int = 3, qualities: bool = True, size: int = 6) -> PileupEmbedding:
    torch.manual_seed(0)
    return PileupEmbedding(PileupRows(passes, qualities), size)


def random_rows(config: PileupRows, windows: int = 2, columns: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    rows = [
        torch.randint(0, group.num_values, (windows, group.num_rows, columns), generator=generator)
        - group.shift
        for group in config.groups
    ]
    return torch.cat(rows, dim=1)


def test_the_published_sizes() -> None:
    assert (PileupRows().num_rows, PileupRows().num_features) == (85, 560)
    with_qualities = PileupRows(ccs_qualities=True)
    assert (with_qualities.num_rows, with_qualities.num_features) == (86, 568)


@pytest.mark.parametrize("qualities", [False, True])
def test_every_row_finds_its_own_table_and_its_own_slice_of_the_condenser(qualities: bool) -> None:
    """The columns are summed by hand: row r adds W[:, slice r] @ table[value] * sqrt(width)."""
    layer = embedding(2, qualities)
    rows = random_rows(layer.config)
    names = ["bases"] * 2 + ["pulse_widths"] * 2 + ["interpulse"] * 2 + ["strands"] * 2 + ["bases"]
    names += ["ccs_qualities"] * qualities + ["signal_to_noise"] * 4
    assert rows.shape[1] == len(names)
    expected = torch.zeros(2, 7, 6)
    start = 0
    for row, name in enumerate(names):
        table = layer.tables[name].weight
        assert isinstance(table, torch.Tensor)
        for n in range(2):
            for column in range(7):
                value = int(rows[n, row, column]) + (name == "ccs_qualities")
                if value > 0:
                    part = layer.condenser.weight[:, start : start + table.shape[1]]
                    expected[n, column] += part @ table[value] * math.sqrt(table.shape[1])
        start += table.shape[1]
    torch.testing.assert_close(layer(rows), expected, rtol=1e-5, atol=1e-5)


def test_folded_it_gives_the_same() -> None:
    layer = embedding(20, True, 280)
    rows = random_rows(layer.config, columns=100)
    with torch.no_grad():
        torch.testing.assert_close(layer.folded()(rows), layer(rows), rtol=0, atol=1e-5)


def test_nothing_gives_zeros_whatever_the_tables_hold() -> None:
    layer = embedding()
    rows = torch.zeros(1, layer.config.num_rows, 4, dtype=torch.long)
    rows[:, 13] = -1  # no quality
    assert not layer(rows).any()
    layer(rows).sum().backward()
    assert all(not p.grad.any() for t in layer.tables.values() for p in t.parameters() if p.grad is not None)


def test_whole_numbers_of_any_type_and_fractions_cut_are_the_same() -> None:
    layer = embedding()
    rows = random_rows(layer.config)
    expected = layer(rows)
    for dtype in (torch.int16, torch.int32, torch.float32):
        assert torch.equal(layer(rows.to(dtype)), expected)
    compact = PileupRows(3)
    small = random_rows(compact) % 256
    layer_without = embedding(qualities=False)
    assert torch.equal(layer_without(small.to(torch.uint8)), layer_without(small))
    fractions = rows.double()
    fractions[:, -4:] += 0.9
    assert torch.equal(layer(fractions), expected)


@pytest.mark.parametrize(
    ("row", "value", "complaint"),
    [
        (0, 5, "window 1, row 0, column 2: bases are 0 to 4, not 5"),
        (2, -1, "row 2, .*: bases are 0 to 4, not -1"),
        (5, 256, "pulse widths are 0 to 255, not 256"),
        (8, 300, "interpulse durations are 0 to 255, not 300"),
        (11, 3, "strands are 0 to 2, not 3"),
        (12, 7, "draft bases are 0 to 4, not 7"),
        (13, -2, "draft qualities are -1 to 93, not -2"),
        (13, 94, "draft qualities are -1 to 93, not 94"),
        (5, 2**32, "pulse widths are 0 to 255, not 4.29497e"),
        (17, 501, "signal-to-noise ratios are 0 to 500, not 501"),
    ],
)
def test_values_outside_their_table_are_refused_where_they_stand(row, value, complaint) -> None:
    layer = embedding()
    rows = random_rows(layer.config)
    rows[1, row, 2] = value
    with pytest.raises(ValueError, match=complaint):
        layer(rows)
    with pytest.raises(ValueError, match=complaint):
        layer.folded()(rows)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    rows = random_rows(embedding().config).float()
    rows[1, 16, 2] = value
    with pytest.raises(ValueError, match=f"window 1, row 16, column 2: signal.*, not {value}"):
        embedding()(rows)


def test_other_numbers_of_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="has 17 rows; for 3 passes, with draft qualities, it needs 18"):
        embedding()(torch.zeros(1, 17, 4, dtype=torch.long))


def test_new_tables_give_features_of_unit_size() -> None:
    layer = embedding(20, True)
    for group in layer.config.groups:
        weight = layer.tables[group.table].weight
        assert isinstance(weight, torch.Tensor)
        if weight.numel() > 500:
            assert float(weight.detach().std()) * group.width**0.5 == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize("wrong", [{"passes": 0}, {"width": 0}, {"strand_width": 0}])
def test_impossible_sizes_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="must be 1 to 1000"):
        PileupRows(**wrong)
