"""Scores as a table, and going on with one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.simulate.genome import random_genome
from lexome.tasks.language.model import open_language_model
from lexome.tasks.language.regions import open_genome
from lexome.tasks.language.score import ScoreConfig
from lexome.tasks.language.score_files import COLUMNS, ScoreRequest, score_to_file


def test_a_table_that_is_gone_on_with(
    tmp_path: Path, random_language_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "g.fa").write_text(f">c\n{'A' * 20}{random_genome(100, 1)}\n")
    lines = [f"c\t{pos}\trs{pos}\tA\tC,G,AGG" for pos in range(1, 20)]
    (tmp_path / "v.vcf").write_text("#CHROM\n" + "".join(line + "\n" for line in lines))
    model = open_language_model(random_language_model("3mer-overlapping"), device="cpu")
    config = ScoreConfig(window_bp=20, batch_tokens=20)

    def write(name: str, *, resume: bool = False, stop_after: int | None = None) -> int:
        def tell(done: float) -> None:
            if done == stop_after:
                raise KeyboardInterrupt

        with open_genome(tmp_path / "g.fa") as genome:
            request = ScoreRequest(tmp_path / "v.vcf", genome, tmp_path / name, resume)
            return score_to_file(model, request, config, tell).kept

    assert write("whole.tsv") == 0
    rows = [line.split("\t") for line in (tmp_path / "whole.tsv").read_text().splitlines()]
    assert rows[0] == [name for name, _ in COLUMNS]
    assert [row[1:5] for row in rows[1:4]] == [["1", "rs1", "A", alt] for alt in ("C", "G", "AGG")]
    assert len(rows) == 1 + 3 * 19
    for row in rows[1:]:
        assert float(row[5]) == pytest.approx(float(row[8]) - float(row[7]), abs=2e-4)
    with pytest.raises(KeyboardInterrupt):
        write("o.tsv", stop_after=31)
    assert not (tmp_path / "o.tsv").exists()
    assert write("o.tsv", resume=True) == 31
    assert (tmp_path / "o.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
