"""k-mer regression and the commonest class on a folder of fragments."""

from pathlib import Path

import numpy as np
import pytest

from lexome.tasks.language.annotate_evaluate import annotation_scores


def test_beside_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexome.tasks.language.judged.figure_intervals", lambda *_: {})
    rng = np.random.default_rng(0)
    for split, count in (("train", 60), ("test", 20)):
        rows = []
        for i in range(count):
            letters = rng.choice(list("ACGT"), 50, p=(0.4, 0.1, 0.1, 0.4) if i % 3 else None)
            rows.append(f"{''.join(letters)},{'ab'[i % 3 == 0]},{i}")
        (tmp_path / f"{split}.csv").write_text("sequence,label,name\n" + "\n".join(rows) + "\n")
    lines = [
        "set\tname\ttruth\tp_a\tp_b",
        *(f"test\t{i}\tx\t{int(i % 3 > 0)}\t{int(i % 3 == 0)}" for i in range(20)),
    ]
    (tmp_path / "p.tsv").write_text("\n".join(lines) + "\n")
    told: list[str] = []
    scored = annotation_scores(tmp_path, 3, {"oracle": tmp_path / "p.tsv"}, told.append)
    found = {(one.split, one.group, one.predictor): one.judged.figures["accuracy"] for one in scored}
    assert {who for _, _, who in found} == {"commonest class", "k-mer regression", "oracle"}
    assert found["test", "all", "oracle"] == 1
    assert found["test", "all", "commonest class"] == pytest.approx(13 / 20)
    assert (found["test", "all", "k-mer regression"] or 0) > 0.7
    assert told == ["k-mer regression learns 60 fragments of 2 classes"]
