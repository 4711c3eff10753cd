import numpy as np
import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.simulate import levels
from lexome.simulate.levels import bundled_levels


def test_the_r9_table_is_a_plausible_one() -> None:
    table = bundled_levels("r9.4.1")
    assert (table.k, table.centre) == (6, 2)
    assert 60 < np.median(table.mean_pa) < 110
    assert 8 < table.mean_pa.std() < 20
    assert (table.sd_pa > 0).all()
    assert table.sd_pa.mean() < 5
    assert bundled_levels().name == table.name


def test_an_unknown_table_is_an_error_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"known: r9\.4\.1"):
        bundled_levels("r9")


def test_a_broken_installation_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(levels.BUNDLED, "r9.4.1", "gone.tsv")
    with pytest.raises(LexomeError, match="lacks"):
        bundled_levels()
