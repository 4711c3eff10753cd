"""The table of aligned subreads, and the counts."""

from pathlib import Path

from lexome.tasks.correct.aligned_table import (
    COLUMNS,
    EXAMPLES,
    AlignOutcome,
    AlignRow,
    AlignSummary,
)
from lexome.tasks.correct.table import TableWriter


def test_lines_have_all_columns(tmp_path: Path) -> None:
    table = TableWriter[AlignRow](tmp_path / "t.tsv", COLUMNS)
    table.write(AlignRow("m/1/ccs", AlignOutcome.ALIGNED, "", 900, 8, 7, 3, 12, 0.9, "empty:1"))
    table.write(AlignRow("m/2", "no_ccs", "a\treason\nof two lines", subreads=3))
    table.close()
    table.close()
    assert table.partial_path.read_text() == (
        "name\toutcome\treason\tccs_bp\tsubreads\taligned\treverse\tclipped_bp\tidentity\tleft_out\n"
        "m/1/ccs\taligned\t\t900\t8\t7\t3\t12\t0.90000\tempty:1\n"
        "m/2\tno_ccs\ta_reason_of two lines\t\t3\t\t\t\t\t\n"
    )
    assert len(COLUMNS) == 10


def test_of_each_other_outcome_a_few_are_named() -> None:
    summary = AlignSummary()
    for number in range(EXAMPLES + 2):
        summary.add(AlignRow(f"m/{number}", "no_ccs", f"reason {number}"))
        summary.add(AlignRow(f"m/{number}/ccs", AlignOutcome.ALIGNED))
    assert summary.outcomes == {"no_ccs": EXAMPLES + 2, "aligned": EXAMPLES + 2}
    assert summary.examples == {"no_ccs": [(f"m/{n}", f"reason {n}") for n in range(EXAMPLES)]}
