"""The tables and the page of corrected reads, and their words in docs/evaluate-correction.md."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.core.config import to_dict
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.correction import (
    LEVELS,
    WINDOWS_BELOW,
    EditRatio,
    JudgedReads,
    ReadQualityRow,
    SetFigures,
    edit_ratio,
    set_figures,
    yield_ratios,
)
from lexome.evaluate.kmer_qv import MOST_KMERS, K, KmerTally, true_kmers
from lexome.evaluate.quality_calibration import QualityRow
from lexome.evaluate.true_reads import TrueRead
from lexome.evaluate.truth_alignment import judge
from lexome.report.correction import (
    MEANING,
    correction_sections,
    correction_table,
    ratio_table,
    write_correction_page,
)
from lexome.tasks.correct.evaluation import CorrectionEvaluation, EvaluationRequest

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "evaluate-correction.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `([^|`]+)` \| (.+) \|$", DOCUMENT, re.M))
BOOTSTRAP = BootstrapConfig(resamples=50)


def judged_reads(rate: float, seed: int, molecules: int = 12, lost: int = 0) -> JudgedReads:
    rng = np.random.default_rng(8)
    truths = [rng.integers(0, 4, 600).astype(np.uint8) for _ in range(molecules)]
    kmers = true_kmers(truths, 600 * molecules)
    reads = JudgedReads(molecules, KmerTally(kmers))
    rng = np.random.default_rng(seed)
    for number, truth in enumerate(truths[: molecules - lost]):
        read = np.repeat(truth, rng.choice([0, 1, 2], 600, p=[rate, 1 - 2 * rate, rate]))
        qualities = rng.integers(10, 30, len(read)).astype(np.uint8)
        reads.kmers.add(*kmers.lookup(read))
        reads.add(number, len(read), 18.0 + number, judge(read, qualities, TrueRead(truth)))
    return reads


def figures_of(**sets: JudgedReads) -> dict[str, Any]:
    figures = {name: set_figures(reads, 20.0) for name, reads in sets.items()}
    others = [name for name in sets if name != "corrected"]
    return CorrectionEvaluation(
        EvaluationRequest(Path("c<&>.bam"), Path("t.bam"), Path("s.bam"), bootstrap=BOOTSTRAP),
        12, 7200, K, 1, figures,
        {name: edit_ratio(sets["corrected"], sets[name], BOOTSTRAP) for name in others},
        {name: yield_ratios(figures["corrected"], figures[name]) for name in others},
        sets,
    ).to_json()  # fmt: skip


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return figures_of(
        corrected=judged_reads(0.002, 1, lost=2), ccs=judged_reads(0.01, 2), majority=judged_reads(0.005, 3)
    )


def test_every_figure_has_the_same_meaning_in_the_document() -> None:
    lists = {"q_predicted_vs_empirical", "read_q_predicted_vs_empirical"}
    assert set(MEANING) == {field.name for field in dataclasses.fields(SetFigures)} - lists
    assert {name: ROWS.get(name) for name in MEANING} == MEANING


def test_everything_in_the_json_file_is_in_the_document(figures: dict[str, Any]) -> None:
    named = set(re.findall(r"`(\w+)`", DOCUMENT))
    assert set(figures) <= named
    for kind in (SetFigures, EditRatio, QualityRow, ReadQualityRow):
        assert {field.name for field in dataclasses.fields(kind)} <= named, kind
    assert set(figures["edit_ratios"]) == {"ccs", "majority"}


def test_the_numbers_in_the_document_are_those_in_use() -> None:
    assert (K, WINDOWS_BELOW, LEVELS) == (21, 100, {20: 0.99, 30: 0.999, 40: 0.9999})
    assert f"{round(MOST_KMERS / 1e6)} million" in DOCUMENT
    assert "k = 21" in DOCUMENT
    assert "fewer than 100 molecules" in DOCUMENT


def test_the_table_has_every_figure_of_every_set(figures: dict[str, Any]) -> None:
    table = correction_table(figures)
    assert table.columns == ("figure", "corrected", "ccs", "majority")
    assert [row[0] for row in table.rows] == list(MEANING)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["missing"] == ("2", "0", "0")
    assert rows["identity_pooled"][0] == f"{figures['sets']['corrected']['identity_pooled']:.5f}"
    assert rows["edits"] == tuple(str(one["edits"]) for one in figures["sets"].values())


def test_ratios_say_what_was_drawn(figures: dict[str, Any]) -> None:
    table = ratio_table(figures)
    assert table is not None
    edits = [row for row in table.rows if row[0] == "edits"]
    assert [(row[1], row[5]) for row in edits] == [
        ("corrected/ccs", "10 molecules"),
        ("corrected/ccs", "60 windows of 100 bases"),
        ("corrected/majority", "10 molecules"),
        ("corrected/majority", "60 windows of 100 bases"),
    ]
    ratio = figures["edit_ratios"]["ccs"]["ratio"]
    assert edits[0][2] == f"{ratio:.5f}"
    low, high = figures["edit_ratios"]["ccs"]["interval_molecules"]
    assert edits[0][3:5] == (f"{low:.5f}", f"{high:.5f}")
    assert len(table.rows) == 4 + 2 * 6
    assert ratio_table(figures_of(corrected=judged_reads(0.01, 1))) is None


def test_the_page_holds_it_all(figures: dict[str, Any], tmp_path: Path) -> None:
    write_correction_page(tmp_path / "p.html", figures, command="lexome evaluate correction c<&>.bam")
    page = (tmp_path / "p.html").read_text("utf-8")
    for word in ("Errors by kind", "Yield", "as predicted", "c&lt;&amp;&gt;.bam", *MEANING):
        assert word in page
    assert "2 of 12 molecules have no corrected read" in page
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", page)
    for drawing in re.findall(r"<svg.*?</svg>", page, re.S):
        ElementTree.fromstring(drawing)
    assert [path.name for path in tmp_path.iterdir()] == ["p.html"]


def test_a_set_without_a_read_or_an_error_still_gives_a_page(tmp_path: Path) -> None:
    nothing = judged_reads(0.01, 1, lost=12)
    perfect = judged_reads(0.0, 1)
    for sets in ({"corrected": nothing}, {"corrected": perfect, "ccs": nothing}, {"corrected": perfect}):
        figures = figures_of(**sets)
        sections = correction_sections(figures, "x")
        assert sections[0].blocks
        write_correction_page(tmp_path / "p.html", figures, command="x")
        assert to_dict(sections[-1])["title"] == "How this was made"
