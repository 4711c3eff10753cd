"""`lexome bench compare`, as typed."""

import json
from collections.abc import Callable
from pathlib import Path

from lexome.cli.bench_compare import compare

Run = Callable[..., tuple[int, str, str]]


def test_a_comparison(lexome: Run, tiny_store: Path, tmp_path: Path) -> None:
    asked = (
        "bench", "compare", "bonito:8", "bonito_gru:8", "--store", tiny_store, "--seeds", 2, "-o",
        tmp_path / "out",
        "--chunks", 16, "--judged-chunks", 4,
    )  # fmt: skip
    code, out, err = lexome(*asked)
    assert code == 0
    assert err.count("identity validation") == 4
    assert "bonito-8-crf" in out
    figures = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert figures["seeds"] == [0, 1]
    assert (tmp_path / "out" / "compare.html").exists()
    again, same, _ = lexome(*asked)
    assert (again, same) == (0, out)


def test_wrong_use(lexome: Run, tmp_path: Path) -> None:
    assert compare.__doc__
    code, _, err = lexome("bench", "compare", "bonito", "bonita", "--store", "x", "-o", tmp_path)
    assert code == 2
    assert "did you mean 'bonito'" in err
    assert "Traceback" not in err
