"""The report on what became of reads and chunks."""

from lexome.tasks.basecall.yields import TABLE_COLUMNS, LabelReport


def filled() -> LabelReport:
    report = LabelReport()
    for samples in (1000, 2000, 3000):
        report.add_read("placed", samples)
    report.add_read("its call does not map", 4000)
    report.methods.update({"along the moves of its call": 2, "by its signal alone": 1})
    report.aligned_bp = 550
    for bases in (20, 30):
        report.add_chunk("kept for training", bases)
    report.add_chunk("kept for test", 25)
    report.add_chunk("fits badly", 40)
    report.labelled_samples, report.covered_samples = 600, 500
    return report


def test_lines() -> None:
    report = filled()
    report.notes.append("called by m")
    assert report.lines() == [
        "called by m",
        "reads: 4",
        "  placed: 3 (75.0%)",
        "  its call does not map: 1 (25.0%)",
        "    along the moves of its call: 2",
        "    by its signal alone: 1",
        "bases placed on signal: 550",
        "chunks: 4",
        "  kept for training: 2 (50.0%)",
        "  kept for test: 1 (25.0%)",
        "  fits badly: 1 (25.0%)",
        "signal with labels: 500 of 10000 samples (5.0%)",
    ]


def test_the_table_has_a_row_per_outcome() -> None:
    header, *rows = [line.split("\t") for line in filled().table().splitlines()]
    assert header == list(TABLE_COLUMNS)
    assert rows == [
        ["read", "placed", "3", "0.7500", "6000", "550"],
        ["read", "its call does not map", "1", "0.2500", "4000", ""],
        ["placed read", "along the moves of its call", "2", "0.6667", "", ""],
        ["placed read", "by its signal alone", "1", "0.3333", "", ""],
        ["chunk", "kept for training", "2", "0.5000", "400", "50"],
        ["chunk", "kept for test", "1", "0.2500", "200", "25"],
        ["chunk", "fits badly", "1", "0.2500", "200", "40"],
    ]


def test_nothing_at_all_can_be_reported() -> None:
    empty = LabelReport()
    assert empty.lines() == ["reads: 0", "bases placed on signal: 0", "chunks: 0"]
    assert empty.table() == "\t".join(TABLE_COLUMNS) + "\n"
    empty.add_chunk("fits badly", 40)
    assert empty.table().splitlines()[1] == "chunk\tfits badly\t1\t1.0000\t\t40"
