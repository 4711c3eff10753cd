"""The table of a correction: columns, empty cells, nothing that would break a line."""

from pathlib import Path

from lexome.tasks.correct.table import COLUMNS, TableRow, TableWriter


def test_lines_have_all_columns(tmp_path: Path) -> None:
    writer = TableWriter(tmp_path / "t.tsv")
    writer.write(TableRow("m/1/ccs", "written", "", 3, 2, 1, 0, 250, 251, 31.5, 4, 8, 1))
    writer.write(TableRow("m/2/ccs", "no_ccs", "a\treason\nof two lines"))
    writer.close()
    writer.close()
    assert writer.partial_path.read_text() == (
        "name\toutcome\treason\twindows\tcorrected\tskipped\toverflow\tbases_in\tbases_out\tmean_quality\t"
        "changes\tsubreads\tsubreads_unused\n"
        "m/1/ccs\twritten\t\t3\t2\t1\t0\t250\t251\t31.50000\t4\t8\t1\n"
        "m/2/ccs\tno_ccs\ta_reason_of two lines" + "\t" * 10 + "\n"
    )
    assert len(COLUMNS) == 13
