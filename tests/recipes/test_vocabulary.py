"""The script that compares sizes of the vocabulary, on a toy."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lexome.simulate.genome import random_genome

ROOT = Path(__file__).parents[2]


def test_two_sizes(
    load_file: Callable[[Path], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = load_file(ROOT / "recipes" / "dnabert2" / "vocabulary.py")
    toy = load_file(ROOT / "tests" / "tasks" / "language" / "toy_language.py")
    for split, count in (("train", 64), ("dev", 30), ("test", 30)):
        for name in ("one", "two"):
            (tmp_path / "gue" / name).mkdir(parents=True, exist_ok=True)
            toy.write_table(tmp_path / "gue" / name / f"{split}.csv", toy.motif_set(count, seed=len(split)))
    (tmp_path / "g.fa").write_text(f">g\n{random_genome(100_000, 1)}\n")
    monkeypatch.setattr(
        script, "SHAPE", {"size": 16, "num_layers": 1, "num_heads": 4, "hidden": 16, "conv_widths": [3]}
    )
    out = tmp_path / "out"
    arguments = [
        "vocabulary.py", str(tmp_path / "g.fa"), "--gue", str(tmp_path / "gue"), "--sets", "one,two",
        "--bases", "20000", "--epochs", "1", "--sizes", "16", "64", "-o", str(out),
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", arguments)
    script.main()
    rows = json.loads((out / "sizes.json").read_text())
    assert [row["vocab_size"] for row in rows] == [16, 64]
    assert all(set(row["sets"]) == {"one", "two"} for row in rows)
    assert all(abs(row["macro"] - sum(row["sets"].values()) / 2) < 1e-9 for row in rows)
    assert rows[0]["length_ratio"] > rows[1]["length_ratio"]
    assert rows[1]["parameters"] - rows[0]["parameters"] == 48 * 17  # vectors, and the head's biases
    assert len((out / "table.md").read_text().splitlines()) == 4
    assert all((out / f"{name}.svg").exists() for name in ("length", "flops", "scores"))
    before = (out / "bpe_16" / "training" / "log.jsonl").stat().st_mtime_ns
    script.main()  # nothing is trained again
    assert (out / "bpe_16" / "training" / "log.jsonl").stat().st_mtime_ns == before
