"""True identities of reads that were made from a genome."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.noise_flag import FlagReport
from lexome.tasks.language.noise_identity import beside_truth, identities_by_alignment, read_truth


def _random(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def test_identities_by_alignment(tmp_path: Path) -> None:
    genome = _random(5000, 0)
    (tmp_path / "g.fa").write_text(f">g\n{genome}\n")
    worse = "".join(
        "ACGT"[("ACGT".index(b) + 1) % 4] if i % 20 == 10 else b for i, b in enumerate(genome[:2000])
    )
    reads = {"same": genome[1000:3000], "worse": worse, "other": _random(2000, 9)}
    (tmp_path / "r.fa").write_text("".join(f">{name}\n{text}\n" for name, text in reads.items()))
    found = identities_by_alignment(tmp_path / "r.fa", tmp_path / "g.fa")
    assert {*found} == {"same", "worse"}
    assert found["same"] == 1
    assert found["worse"] == pytest.approx(0.95, abs=0.005)


def test_truth(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("read_id\tlength\talignment_identity\na\t5\t0.9\nb\t5\t0.0\nc\t5\t1\n")
    assert read_truth(path) == {"a": 0.9, "c": 1.0}
    path.write_text("name\tidentity\na\t0.5\nb\t\n")
    assert read_truth(path) == {"a": 0.5}
    for text, told in (
        ("read_id\tidentity\na\t90\n", "identity '90' is no number from 0 to 1"),
        ("read_id\tidentity\na\tx\n", "identity 'x'"),
        ("read_id\tidentity\n\t0.5\n", "row 1 has no read_id or name"),
        ("read_id\tq\na\t5\n", "no read with an identity"),
    ):
        path.write_text(text)
        with pytest.raises(BadInputError, match=told):
            read_truth(path)


def test_beside_the_truth() -> None:
    report = FlagReport({f"r{i}": i / 10 for i in range(9)})
    identities = {f"r{i}": 0.99 - i / 50 for i in range(8)}
    found = beside_truth(report, identities, None)
    figures = found.figures()
    assert (figures["reads"], figures["bad_reads"]) == (8, 2)
    assert figures["auroc"]["value"] == 1
    assert figures["spearman"]["value"] == pytest.approx(1)
    upside_down = beside_truth(report, {f"r{i}": 0.8 + i / 50 for i in range(8)}, 0.81).figures()
    assert (upside_down["bad_reads"], upside_down["auroc"]["value"]) == (1, 0)
    assert "auroc_mean_q" not in figures
    report.mean_q.update({f"r{i}": 20.0 - abs(i - 5) for i in range(8)})
    assert beside_truth(report, identities, None).figures()["auroc_mean_q"]["value"] == pytest.approx(4 / 12)
    none_bad = beside_truth(report, identities, 0.1).figures()
    assert none_bad["auroc"] == {"value": None, "interval": None}
    with pytest.raises(UsageError, match="0 reads have a true identity"):
        beside_truth(report, {"x": 0.5}, None)
