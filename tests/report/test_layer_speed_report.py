"""The page, the picture and the tables of `lexome bench speed`, from made-up figures."""

from pathlib import Path
from typing import Any

import pytest

from lexome.report.layer_speed import busy_share, speed_tables, write_speed_page, write_speed_png
from lexome.report.layer_speed_figures import (
    all_figures,
    group_table,
    left_out_table,
    ratio_text,
    speed_panels,
)


def point(x: int, rate: float, ratio: float | None, **more: Any) -> dict[str, Any]:
    return {
        "x": x, "batch_size": x, "repeats": 5, "wall_s": 0.25, "wall_s_quartiles": [0.2, 0.3],
        "samples_per_s": rate, "samples_per_s_quartiles": [rate - 1, rate + 1], "cpu_s": 0.2, "cores": 0.8,
        "samples_per_cpu_s": 2 * rate, "macs": 10, "gflop_per_s": 3.0, "gflop_per_cpu_s": 4.0, "ratio": ratio,
        "ratio_per_cpu_s": ratio, "peak_bytes": None, **more,
    }  # fmt: skip


def figures(**more: Any) -> dict[str, Any]:
    group = {
        "title": "Layers <x>", "axis": "batch size", "unit": "steps", "baseline": "plain", "at_first": False,
        "note": "a note", "shown": ["samples_per_s"],
        "series": [
            {"name": "plain", "points": [point(1, 1000.0, 1.0), point(16, 2000.0, 1.0)], "left_out": []},
            {"name": "fast", "points": [point(1, 12345.0, 12.345)],
             "left_out": [{"x": 16, "reason": "too <long>"}]},
        ],
    }  # fmt: skip
    return {
        "subject": "kan", "title": "Some & layers", "about": "What is measured.", "source": "table 0",
        "groups": [group], "machine": {"processor": "P"}, "lexome_version": "0",
        "protocol": {"device": "cpu", "threads": 1, "max_batch": 16, "points": 4,
                     "timing": {"warm_ups": 3, "min_repeats": 5, "min_s": 1.0, "max_s": 60.0}},
        **more,
    }  # fmt: skip


ROOF = {
    "peak_gflop_per_s": 100.0, "bytes_per_s": 2e10, "ridge_flop_per_byte": 5.0,
    "products": [{"x": 64, "flop_per_byte": 10.7, "gflop_per_s": 50.0}],
    "layers": [{"name": "an LSTM", "flop_per_byte": 20.0, "flop_per_byte_anew": None, "gflop_per_s": 30.0,
                "gflop_per_cpu_s": 40.0, "of_best_product": 0.3, "of_best_product_per_cpu_s": 0.4,
                "of_roof": 0.31}],
}  # fmt: skip


def test_one_line_per_size_one_column_per_series() -> None:
    table = group_table(figures()["groups"][0])
    assert table.columns == ("batch size", "plain", "fast")
    assert table.rows == (
        ("1", "1,000 (1.00; 1.00)", "12,300 (12.35; 12.35)"),
        ("16", "2,000 (1.00; 1.00)", "left out"),
    )
    assert "ratio to 'plain'; per CPU-second" in table.caption
    group = figures()["groups"][0]
    late = {"name": "late", "points": [point(16, 5.0, None)], "left_out": [{"x": 1, "reason": "r"}]}
    group["series"] += [late, {"name": "only 1", "points": [point(1, 7.0, 1.0)], "left_out": []}]
    assert [row[3:] for row in group_table(group).rows] == [("left out", "7 (1.00; 1.00)"), ("5 (-; -)", "")]


def test_ratios_say_what_they_are_to() -> None:
    group = {**figures()["groups"][0], "at_first": True}
    assert "'plain' at its first place" in group_table(group).caption
    assert "the same series at its first place" in group_table({**group, "baseline": ""}).caption
    assert [ratio_text(v) for v in (None, 0.00123, 0.5, 12.345)] == ["-", "0.0012", "0.50", "12.35"]


def test_all_figures_of_a_group() -> None:
    table = all_figures(figures()["groups"][0])
    assert len(table.rows) == 3
    row = dict(zip(table.columns, table.rows[2], strict=True))
    assert (row["series"], row["batch size"], row["ms"], row["cores"]) == ("fast", "1", "250", "0.8")
    assert (row["steps/s"], row["per CPU-s"], row["GFLOP/s"], row["per CPU-s "]) == (
        "12,300",
        "24,700",
        "3",
        "4",
    )
    assert "MiB" not in table.columns
    group = figures()["groups"][0]
    group["series"][0]["points"][0]["peak_bytes"] = 3 << 20
    table = all_figures(group)
    assert [row[-1] for row in table.rows] == ["3", "-", "-"]


def test_what_was_left_out_is_said() -> None:
    assert left_out_table(figures()["groups"]).rows == (("Layers <x>", "fast", "16", "too <long>"),)


def test_panels() -> None:
    (panel,) = speed_panels(figures())
    assert (panel.x.label, panel.y.label) == ("batch size", "steps per second")
    plain, fast = panel.series
    assert (plain.x, plain.y, plain.labels) == ([1, 16], [1000.0, 2000.0], ("", "plain"))
    assert (fast.x, fast.labels) == ([1], ("fast",))
    assert panel.x.low < 1
    assert panel.x.high > 16 * 1.5  # room for the names
    group = {**figures()["groups"][0], "shown": ["wall_s", "gflop_per_s"]}
    first, second = speed_panels(figures(groups=[group]))
    assert first.series[0].y == [250.0, 250.0]  # milliseconds
    assert second.series[0].y == [3.0, 3.0]
    nothing = {**group, "series": [{"name": "a", "points": [], "left_out": []}]}
    assert speed_panels(figures(groups=[nothing])) == []


def test_roof_is_a_line_with_points_below_it() -> None:
    *_, panel = speed_panels(figures(roof=ROOF))
    line, products, layers = panel.series
    assert line.x[1] == 5.0
    assert line.y[1] == line.y[2] == 100.0
    assert line.y[0] == pytest.approx(20.0 * line.x[0])  # GB/s times FLOP per byte
    assert (products.labels, products.is_hollow, layers.labels) == (["64"], True, ["an LSTM"])
    assert speed_panels(figures(roof={**ROOF, "ridge_flop_per_byte": None}))[-1].title == "Layers <x>"


def test_tables_of_single_subjects() -> None:
    paper = [
        {"group": "Layers", "x": 1, "thesis": 8.56, "sine": 3.21, "sine per CPU-s": None},
        {"group": "Convolutions", "x": 16, "thesis": 9.0, "sine": 1.0, "sine per CPU-s": 2.0},
    ]
    slopes = [
        {"mode": "training", "axis": "length", "layer": "LSTM", "points": 5, "time": 1.014, "cpu_time": None,
         "macs": 1.0, "memory": 0.9, "table_time": 1.0, "table_memory": 1.0, "table_row": "recurrence"},
    ]  # fmt: skip
    tables = speed_tables(figures(roof=ROOF, paper=paper, exponents=slopes))
    rates, roof, layers, convs, exponents, left = tables
    assert rates.rows[0][0] == "1"
    assert roof.rows == (("an LSTM", "20", "-", "30", "40", "30%", "40%", "31%"),)
    assert layers.rows == (("1", "8.56", "3.21", "-"),)
    assert convs.columns == ("batch size", "thesis (sines, GPU)", "sine", "sine per CPU-s")
    assert exponents.rows == (("LSTM", "1.01", "-", "1.00", "0.90", "1.00", "1.00", "recurrence"),)
    assert left.rows[0][-1] == "too <long>"
    hidden = figures()
    hidden["groups"][0]["shown"] = []
    assert [table.columns[0] for table in speed_tables(hidden)] == ["plot"]


def test_page_and_picture(tmp_path: Path) -> None:
    write_speed_page(tmp_path / "page.html", figures(roof=ROOF), command="lexome bench speed <kan>")
    page = (tmp_path / "page.html").read_text()
    for part in (
        "Some &amp; layers", "table 0", "Layers &lt;x&gt;", "too &lt;long&gt;", "&lt;kan&gt;", "a note",
        "GFLOP per second, float32", "The machine did other work", "80%", "an LSTM", "3 warm-ups",
    ):  # fmt: skip
        assert part in page
    assert page.count("<svg") == 2
    write_speed_png(tmp_path / "page.png", figures(roof=ROOF))
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_a_busy_machine_is_told_by_runs_of_one_thread_only() -> None:
    one = figures()
    assert busy_share(one) == 0.8
    one["protocol"]["threads"] = 2
    assert busy_share(one) is None
    gpu = figures()
    for series in gpu["groups"][0]["series"]:
        for p in series["points"]:
            p["cores"] = None
    assert busy_share(gpu) is None
