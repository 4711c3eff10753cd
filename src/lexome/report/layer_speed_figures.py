"""The tables and plots of `lexome bench speed`, from plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

from lexome.report.axes import PLOT_WIDTH, Axis
from lexome.report.frontier_figures import rate_text
from lexome.report.panels import LETTER, Panel, Points
from lexome.report.tables import Table

# A figure of a point -> what its axis says, and a factor.
SHOWN = {
    "samples_per_s": ("{unit} per second", 1.0),
    "gflop_per_s": ("GFLOP per second", 1.0),
    "wall_s": ("milliseconds a run", 1e3),
}


def group_table(group: Mapping[str, Any]) -> Table:
    """One line per size, one column per series: its rate, and its ratios to the baseline in brackets."""
    series = group["series"]
    places = sorted({p["x"] for one in series for p in [*one["points"], *one["left_out"]]})
    rows = []
    for x in places:
        cells = []
        for one in series:
            found = [point for point in one["points"] if point["x"] == x]
            missing = any(point["x"] == x for point in one["left_out"])
            cells.append(_cell(found[0]) if found else "left out" if missing else "")
        rows.append((f"{x:,}", *cells))
    return Table(
        (group["axis"], *(one["name"] for one in series)),
        tuple(rows),
        _caption(group),
        "r" * (len(series) + 1),
    )


def _caption(group: Mapping[str, Any]) -> str:
    return f"{group['title']}: {group['unit']} per second (ratio to {baseline_text(group)}; per CPU-second)"


def baseline_text(group: Mapping[str, Any]) -> str:
    """What the ratios of a group are to, in words."""
    name = f"'{group['baseline']}'" if group["baseline"] else "the same series"
    return f"{name} at its first place" if group["at_first"] else name


def _cell(point: Mapping[str, Any]) -> str:
    ratios = "; ".join(ratio_text(point[name]) for name in ("ratio", "ratio_per_cpu_s"))
    return f"{rate_text(point['samples_per_s'])} ({ratios})"


def ratio_text(value: float | None) -> str:
    """A factor, with as many digits as mean something."""
    return "-" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def all_figures(group: Mapping[str, Any]) -> Table:
    """Everything that was measured in a group, one line per point."""
    with_memory = any(p["peak_bytes"] is not None for one in group["series"] for p in one["points"])
    head = (
        "series", group["axis"], "repeats", f"{group['unit']}/s", "quartiles", "per CPU-s", "ms", "cores",
        "GFLOP/s", "per CPU-s ", "ratio", "ratio per CPU-s", *(("MiB",) if with_memory else ()),
    )  # fmt: skip
    rows = []
    for one in group["series"]:
        for p in one["points"]:
            low, high = p["samples_per_s_quartiles"]
            memory = () if not with_memory else (_number(p["peak_bytes"], 2**-20),)
            rows.append(
                (
                    one["name"], f"{p['x']:,}", str(p["repeats"]), rate_text(p["samples_per_s"]),
                    f"{rate_text(low)}–{rate_text(high)}", rate_text(p["samples_per_cpu_s"]),
                    _number(p["wall_s"], 1e3), _number(p["cores"]), _number(p["gflop_per_s"]),
                    _number(p["gflop_per_cpu_s"]), ratio_text(p["ratio"]),
                    ratio_text(p["ratio_per_cpu_s"]), *memory,
                )
            )  # fmt: skip
    return Table(head, tuple(rows), group["title"])


def left_out_table(groups: Sequence[Mapping[str, Any]]) -> Table:
    """What was not measured, and why."""
    rows = [
        (group["title"], one["name"], f"{left['x']:,}", left["reason"])
        for group in groups
        for one in group["series"]
        for left in one["left_out"]
    ]
    return Table(("plot", "series", "size", "why it was not measured"), tuple(rows), align="llrl")


def derived_tables(figures: Mapping[str, Any]) -> list[Table]:
    """The tables of what only some subjects have."""
    tables = []
    if "roof" in figures:
        tables.append(_roof_table(figures["roof"]))
    if "paper" in figures:
        tables += _paper_tables(figures["paper"])
    if "exponents" in figures:
        tables += _exponent_tables(figures["exponents"])
    return tables


def _roof_table(roof: Mapping[str, Any]) -> Table:
    rows = [
        (
            one["name"], _number(one["flop_per_byte"]), _number(one["flop_per_byte_anew"]),
            _number(one["gflop_per_s"]), _number(one["gflop_per_cpu_s"]),
            _percent(one["of_best_product"]),
            _percent(one["of_best_product_per_cpu_s"]), _percent(one["of_roof"]),
        )
        for one in roof["layers"]
    ]  # fmt: skip
    head = (
        "layer",
        "FLOP/byte",
        "weights anew",
        "GFLOP/s",
        "per CPU-s",
        "of best product",
        "by CPU-s",
        "of its roof",
    )
    return Table(head, tuple(rows), "Where Bonito's layers lie")


def _paper_tables(rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    names = [name for name in rows[0] if name not in ("group", "x", "thesis")]
    tables = []
    for title in dict.fromkeys(row["group"] for row in rows):
        lines = tuple(
            (f"{row['x']:,}", *(_number(row[name]) for name in ("thesis", *names)))
            for row in rows
            if row["group"] == title
        )
        head = ("batch size", "thesis (sines, GPU)", *names)
        tables.append(Table(head, lines, f"{title}: times faster than a KAN", "r" * len(head)))
    return tables


def _exponent_tables(rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    tables = []
    head = ("layer", "time", "CPU time", "MAC", "memory", "time, table 2.1", "space, table 2.1", "row there")
    for mode, axis in dict.fromkeys((row["mode"], row["axis"]) for row in rows):
        lines = tuple(
            (
                row["layer"],
                *(
                    "-" if row[name] is None else f"{row[name]:.2f}"
                    for name in ("time", "cpu_time", "macs", "memory", "table_time", "table_memory")
                ),
                row["table_row"] or "-",
            )
            for row in rows
            if (row["mode"], row["axis"]) == (mode, axis)
        )
        tables.append(Table(head, lines, f"Exponents of {axis}, {mode}", "l" + "r" * 6 + "l"))
    return tables


def speed_panels(figures: Mapping[str, Any]) -> list[Panel]:
    """All plots of a subject; groups of which nothing was measured have none."""
    panels = [
        panel for group in figures["groups"] for name in group["shown"] for panel in _panels(group, name)
    ]
    if "roof" in figures:
        panels += _roof_panel(figures["roof"])
    return panels


def _panels(group: Mapping[str, Any], name: str) -> list[Panel]:
    label, factor = SHOWN[name]
    series = []
    for one in group["series"]:
        points = [p for p in one["points"] if p[name] is not None]
        if points:
            x, y = [p["x"] for p in points], [factor * p[name] for p in points]
            series.append((one["name"], x, y))
    if not series:
        return []
    every_x, every_y = ([v for one in series for v in one[i]] for i in (1, 2))
    right = _room_for(min(every_x), max(every_x), [one[0] for one in series])
    across = Axis(group["axis"], min(every_x) / 1.3, right, "count", log=True)
    up = Axis(label.format(unit=group["unit"]), min(every_y) / 1.6, max(every_y) * 1.6, "count", log=True)
    drawn = [Points(name, x, y, ("",) * (len(x) - 1) + (name,), is_joined=True) for name, x, y in series]
    return [Panel(group["title"], across, up, drawn)]


def _room_for(low: float, high: float, names: Sequence[str]) -> float:
    """The right end of a log axis whose last points have names beside them."""
    part = min(0.5, LETTER * max(map(len, names)) / PLOT_WIDTH + 0.03)
    return high * max(2.0, (1.3 * high / low) ** (part / (1 - part)))


def _roof_panel(roof: Mapping[str, Any]) -> list[Panel]:
    """The roof as a line, products and layers below it."""
    peak, bandwidth, ridge = (roof[k] for k in ("peak_gflop_per_s", "bytes_per_s", "ridge_flop_per_byte"))
    if ridge is None:
        return []
    products, layers = roof["products"], roof["layers"]
    x = [one["flop_per_byte"] for one in [*products, *layers]] + [ridge]
    left, right = min(x) / 1.5, max(x) * 4.0
    y = [one["gflop_per_s"] for one in [*products, *layers]] + [peak, 1e-9 * bandwidth * left]
    line = Points("roof", [left, ridge, right], [1e-9 * bandwidth * left, peak, peak], is_joined=True)
    found = [line]
    for name, points, labels in (
        ("products", products, [f"{one['x']}" for one in products]),
        ("layers", layers, [one["name"] for one in layers]),
    ):
        if points:
            across, up = [p["flop_per_byte"] for p in points], [p["gflop_per_s"] for p in points]
            found.append(Points(name, across, up, labels, is_hollow=name == "products"))
    axes = (
        Axis("floating-point operations per byte", left, right, "count", log=True),
        Axis("GFLOP per second", min(y) / 2, max(y) * 2, "count", log=True),
    )
    return [Panel("Roofline", *axes, found)]


def _number(value: float | None, factor: float = 1.0) -> str:
    return "-" if value is None else f"{float(f'{value * factor:.3g}'):,g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
