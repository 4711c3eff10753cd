"""The table and the page of an evaluation, from figures worked out on simulated reads."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.core.alphabet import BASES
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.reads import FileEvaluation, evaluate_reads
from lexome.io.calls import CalledRead
from lexome.report.page import Figures, Section
from lexome.report.reads import reads_sections, reads_table, rounded, write_reads_page

BOOTSTRAP = BootstrapConfig(resamples=50)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    rng = np.random.default_rng(4)
    sequence = "".join(
        base * n
        for base, n in zip(rng.choice(list(BASES), 9000).tolist(), rng.integers(1, 6, 9000), strict=True)
    )
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(f">g\n{sequence}\n")
    return path, sequence


def evaluate(genome: tuple[Path, str], *, qualities: bool = True, foreign: bool = False) -> FileEvaluation:
    path, sequence = genome
    rng = np.random.default_rng(5)
    reads = []
    for i in range(30):
        truth = sequence[700 * i : 700 * i + 2000 + 50 * i]
        if foreign:
            truth = "".join(rng.choice(list(BASES), len(truth)))
        bases = [base for base in truth if rng.random() > 0.03]
        wrong = rng.random(len(bases)) < 0.02 + 0.002 * i
        called = [BASES[(BASES.index(b) + 1) % 4] if w else b for b, w in zip(bases, wrong, strict=True)]
        q = np.where(wrong | (rng.random(len(bases)) < 0.1), 8, 20 - i // 3).astype(np.uint8)
        reads.append(CalledRead(f"r{i}", "".join(called), q if qualities else None))
    result = evaluate_reads(reads, ReadAligner(path), bootstrap=BOOTSTRAP)
    aligner = ReadAligner.version()
    return FileEvaluation("a <b>/calls.bam", str(path), aligner, BOOTSTRAP, result.figures, result.per_read)


def sections(result: FileEvaluation) -> list[Section]:
    rows = result.per_read
    return reads_sections(
        result.to_json(),
        identity=rows.identity,
        length_bp=rows.length_bp,
        mean_q=rows.mean_q,
        command="lexome ...",
    )


def drawn(parts: list[Section]) -> Mapping[str, str]:
    """Title -> SVG of every figure."""
    blocks = [block for part in parts for block in part.blocks if isinstance(block, Figures)]
    return {figure.title: figure.svg for block in blocks for figure in block.figures}


def test_the_table_has_every_figure_with_its_interval(genome: tuple[Path, str]) -> None:
    result = evaluate(genome)
    figures = result.to_json()
    rows = {row[0]: row[1:] for row in reads_table(figures).rows}
    assert rows["reads"] == ("30", "", "")
    low, high = figures["intervals"]["identity_median"]
    assert rows["identity_median"] == (f"{figures['identity_median']:.4f}", f"{low:.4f}", f"{high:.4f}")
    assert "intervals" not in rows
    assert "calls" not in rows
    assert len(rows) == len([v for k, v in figures.items() if isinstance(v, int | float)])


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0"), (1_234_567, "1234567"), (0.90148, "0.9015"), (3585.0353, "3585.04")],
)
def test_rounding(value: float | None, text: str) -> None:
    assert rounded(value) == text


def test_the_page_shows_what_was_found(genome: tuple[Path, str], tmp_path: Path) -> None:
    result = evaluate(genome)
    rows = result.per_read
    write_reads_page(
        tmp_path / "report.html",
        result.to_json(),
        identity=rows.identity,
        length_bp=rows.length_bp,
        mean_q=rows.mean_q,
        command="lexome evaluate reads calls.bam",
    )
    text = (tmp_path / "report.html").read_text("utf-8")
    assert f"{100 * (result.figures.identity_median or 0):.2f}%" in text
    for word in (
        "lexome evaluate reads calls.bam",
        "a &lt;b&gt;/calls.bam",
        "mappy",
        "seed 0",
        "50 resamples",
    ):
        assert word in text, word
    assert not re.search("https?:", text)
    assert "nan" not in text.lower().replace("nanopore", "")
    assert len(text) < 300_000


def test_every_chart_is_there_and_well_formed(genome: tuple[Path, str]) -> None:
    charts = drawn(sections(evaluate(genome)))
    assert list(charts) == [
        "Identity of reads",
        "Identity and length",
        "Kinds of error",
        "In homopolymers and elsewhere",
        "Substitutions",
        "The 12 worst 3-mers",
        "Runs called at their true length",
        "How long runs are called",
        "Is a Q what it says?",
        "If only the best reads are kept",
    ]
    for title, svg in charts.items():
        root = ElementTree.fromstring(svg)
        assert len(list(root.iter())) > 5, title
        numbers = [
            v for one in root.iter() for k, v in one.attrib.items() if k in ("x", "y", "cx", "cy", "width")
        ]
        assert all(np.isfinite(float(v)) for v in numbers), title


def test_calls_without_qualities_have_no_quality_chart(genome: tuple[Path, str]) -> None:
    charts = drawn(sections(evaluate(genome, qualities=False)))
    assert "Identity of reads" in charts
    assert "Is a Q what it says?" not in charts


def test_a_page_without_a_mapped_read_says_so(genome: tuple[Path, str], tmp_path: Path) -> None:
    result = evaluate(genome, foreign=True)
    assert result.figures.mapped == 0
    parts = sections(result)
    assert not drawn(parts)
    assert "No read aligned" in [part.title for part in parts]
    json.dumps(result.to_json(), allow_nan=False)
    assert {row[1] for row in reads_table(result.to_json()).rows if row[0] == "identity_mean"} == {"-"}


def test_one_read_is_enough_for_a_page(genome: tuple[Path, str]) -> None:
    path, sequence = genome
    read = CalledRead("one", sequence[100:2000], np.full(1900, 30, np.uint8))
    result = evaluate_reads([read], ReadAligner(path), bootstrap=BOOTSTRAP)
    whole = FileEvaluation("c.bam", str(path), "a", BOOTSTRAP, result.figures, result.per_read)
    assert "Identity of reads" in drawn(sections(whole))


def test_long_gaps_are_pointed_out(genome: tuple[Path, str]) -> None:
    figures: dict[str, Any] = evaluate(genome).to_json()
    figures |= {"long_gaps": 3, "long_gap_columns": 600, "alignment_columns": 60_000}
    rows = evaluate(genome).per_read
    parts = reads_sections(
        figures, identity=rows.identity, length_bp=rows.length_bp, mean_q=rows.mean_q, command=""
    )
    assert any("3 gaps of 50 or more bases (1.00% of all columns)" in part.lead for part in parts)
