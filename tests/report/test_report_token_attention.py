"""The page of token attention: one cell per token while there is room."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.report.token_attention import MOST_CELLS, binned, head_table, write_token_attention_page


def figures(tokens: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    weights = rng.dirichlet(np.ones(tokens), tokens)
    one = {
        "name": "chr<1>",
        "tokens": ["[CLS]", *("ACGT"[i % 4] for i in range(tokens - 2)), "[SEP]"],
        "starts": [0, *range(tokens - 2), 0],
        "ends": [0, *range(1, tokens - 1), 0],
        "maps": [{"layer": 2, "head": "mean", "weights": weights.tolist()}],
        "heads": [{"layer": 1, "head": h, "distance_tokens": 2.0 * h, "entropy_nats": 1.5} for h in (1, 2)],
    }
    other = {**one, "heads": [{**h, "distance_tokens": 0.0} for h in one["heads"]]}
    return {"lexome_version": "0", "model": "m", "sequences": [one, other]}


@pytest.mark.parametrize(("tokens", "cells"), [(12, 12), (MOST_CELLS, MOST_CELLS), (130, 44)])
def test_page(tmp_path: Path, tokens: int, cells: int) -> None:
    write_token_attention_page(tmp_path / "a.html", figures(tokens), command="lexome lm attention")
    text = (tmp_path / "a.html").read_text()
    assert text.count("<rect") == 2 * cells**2
    assert "chr&lt;1&gt;" in text
    assert "Layer 2, mean over heads" in text
    assert ("3 tokens share a cell" in text) == (tokens == 130)
    assert "10 C" in text if tokens == 12 else "1 A" in text
    assert "http" not in text.replace("http-equiv", "")


def test_cells_keep_the_sums() -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(7), 7)
    cells = np.array(binned(weights.tolist(), 3))
    assert cells.shape == (3, 3)
    np.testing.assert_allclose(cells.sum(axis=1), 1)
    np.testing.assert_allclose(cells[2, 0], weights[6, :3].sum())
    np.testing.assert_allclose(cells[0, 1], weights[:3, 3:6].sum() / 3)
    np.testing.assert_allclose(binned(weights.tolist(), 1), weights)


def test_table_is_the_mean_over_sequences() -> None:
    table = head_table(figures(5))
    assert table.rows == (("1", "1", "1.00", "1.50"), ("1", "2", "2.00", "1.50"))
