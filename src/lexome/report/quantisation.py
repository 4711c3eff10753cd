"""The pages of `lexome compress quantize` and `lexome compress sensitivity`, from plain values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.report.axes import Axis, nice_range
from lexome.report.charts import Bar, Series, bars, lines
from lexome.report.heatmap import HeatMap, heat_map
from lexome.report.page import Block, Card, Cards, Facts, Figure, Figures, Prose, Section, write_page
from lexome.report.tables import Table

FIGURES = {
    "identity": ("label identity", "{:.4f}"),
    "weight_bytes": ("bytes of weights", "{:,.0f}"),
    "macs_per_sample": ("MAC per sample", "{:,.0f}"),
    "bit_operations_per_sample": ("bit operations per sample", "{:,.0f}"),
    "samples_per_cpu_s": ("samples per CPU-second", "{:,.0f}"),
}


def before_after_table(figures: Mapping[str, Any]) -> Table:
    """What quantisation did to a model: one figure a row, before, after, and their ratio."""
    rows = []
    for name, (words, style) in FIGURES.items():
        before, after = figures["before"][name], figures["after"][name]
        rows.append(
            (words, style.format(before), style.format(after), f"{after / before:.3f}" if before else "-")
        )
    return Table(("", "before", "after", "after / before"), tuple(rows), figures["model"])


def layer_table(figures: Mapping[str, Any]) -> Table:
    """The bits of every layer."""
    rows = tuple(
        (
            layer["name"], f"{layer['weights']:,}", f"{layer['macs_per_sample']:,.0f}",
            _bits(layer["weight_bits"]), _bits(layer["activation_bits"]),
        )
        for layer in figures["layers"]
    )  # fmt: skip
    return Table(("layer", "weights", "MAC per sample", "weight bits", "activation bits"), rows)


def write_quantize_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of a quantised model: before and after, and the bits of every layer.

    Args:
        path: the HTML file.
        figures: what `quantize.json` holds.
        command: how it was made.

    Raises:
        LexomeError: if the file cannot be written.
    """
    groups = {
        layer["name"]: [Bar("weights", layer["weight_bits"]), Bar("activations", layer["activation_bits"])]
        for layer in figures["layers"]
    }
    drawn = bars(groups, style="number", description="Bits of weights and activations of every layer")
    before, after = figures["before"], figures["after"]
    cards = (
        Card("Label identity", f"{after['identity']:.4f}", f"float: {before['identity']:.4f}"),
        Card("Bytes of weights", f"{after['weight_bytes']:,}", f"float: {before['weight_bytes']:,}"),
        Card(
            "Speed", f"{after['samples_per_cpu_s'] / before['samples_per_cpu_s']:.2f}x",
            "samples per CPU-second, network alone",
        ),
    )  # fmt: skip
    sections = [
        Section("", [Cards(cards), before_after_table(figures), Prose(figures["how_it_runs"])]),
        Section(
            "Bits per layer", [Figures((Figure("Bits per layer", drawn, "32: float"),)), layer_table(figures)]
        ),
        Section("How this was made", [Facts({"command": command, "lexome": figures["lexome_version"]})]),
    ]
    write_page(path, f"{figures['model']}, quantised", sections)


def sensitivity_tables(figures: Mapping[str, Any]) -> list[Table]:
    """Identity by width: of all layers together, and of each alone."""
    return [_uniform_table(figures), *(_layers_table(figures, part) for part in _parts(figures["layers"]))]


def write_sensitivity_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of a sweep.

    Args:
        path: the HTML file.
        figures: what the command's JSON holds.
        command: how it was made.

    Raises:
        LexomeError: if the file cannot be written.
    """
    blocks: list[Block] = [Figures((Figure("All layers with as many bits", _sweep(figures)),))]
    sections = [
        Section("Uniform widths", [*blocks, _uniform_table(figures)], f"Float: {figures['float']:.4f}."),
    ]
    for part in _parts(figures["layers"]):
        table = _layers_table(figures, part)
        picture = Figure(
            f"One layer alone: {part}", _heat(figures, part), "Points of identity that are lost."
        )
        sections.append(Section(f"Each layer alone: {part}", [Figures((picture,)), table]))
    if figures["suggested"]:
        text = "; ".join(f"{name}: {bits}" for name, bits in figures["suggested"].items())
        points = f"{100 * figures['max_loss']:g} points"
        lead = f"The fewest bits of each layer that lose at most {points} when it is alone."
        drawn = bars(
            {"": [Bar(name, bits) for name, bits in figures["suggested"].items()]}, style="number",
            description="Bits suggested for every layer",
        )  # fmt: skip
        figure = Figures((Figure("Bits per layer", drawn),))
        sections.append(Section("Bits that each layer needs", [figure, Prose(text)], lead))
    sections.append(
        Section("How this was made", [Facts({"command": command, "lexome": figures["lexome_version"]})])
    )
    write_page(path, f"Bits and identity: {figures['model']}", sections)


def _parts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["part"] for row in rows))


def _widths(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    return sorted({row["bits"] for row in rows})


def _sweep(figures: Mapping[str, Any]) -> str:
    rows = figures["uniform"]
    ends = [*(row["identity"] for row in rows), figures["float"]]
    low, high = nice_range(min(ends), max(ends))
    widths = _widths(rows)
    series = []
    for part in _parts(rows):
        own = sorted((row["bits"], row["identity"]) for row in rows if row["part"] == part)
        series.append(Series(part, [bits for bits, _ in own], [identity for _, identity in own]))
    x = Axis("bits", min(widths) - 1, max(widths) + 1)
    y = Axis("label identity", low, min(high, 1.0) if low < 1 else high, "percent")
    return lines(series, x, y, description="Label identity by the bits of all layers")


def _heat(figures: Mapping[str, Any], part: str) -> str:
    widths, cells = _widths(figures["layers"]), _by_place(figures, part)
    lost = [
        [None if (i := cells.get((name, w))) is None else 100 * (figures["float"] - i) for w in widths]
        for name in figures["names"]
    ]
    most = max([0.1, *(value for row in lost for value in row if value is not None)])
    drawn = HeatMap(
        lost, figures["names"], [str(w) for w in widths], 0.0, min(most, 10.0), 1, across="bits", down="layer"
    )
    return heat_map(drawn, f"Identity lost by one layer alone, {part}")


def _by_place(figures: Mapping[str, Any], part: str) -> dict[tuple[str, int], float]:
    return {(r["layer"], r["bits"]): r["identity"] for r in figures["layers"] if r["part"] == part}


def _layers_table(figures: Mapping[str, Any], part: str) -> Table:
    widths, cells = _widths(figures["layers"]), _by_place(figures, part)
    rows = tuple(
        (name, *(f"{cells[name, w]:.4f}" if (name, w) in cells else "-" for w in widths))
        for name in figures["names"]
    )
    return Table(("layer", *(str(w) for w in widths)), rows, f"Label identity, one layer alone: {part}")


def _uniform_table(figures: Mapping[str, Any]) -> Table:
    rows = [("float", "32", f"{figures['float']:.4f}", f"{figures['float_bytes']:,}", "-")]
    rows += [
        (
            row["part"], str(row["bits"]), f"{row['identity']:.4f}", f"{row['weight_bytes']:,}",
            f"{row['bit_operations_per_sample']:,.0f}",
        )
        for row in figures["uniform"]
    ]  # fmt: skip
    head = ("what", "bits", "label identity", "bytes of weights", "bit operations per sample")
    return Table(head, tuple(rows), f"{figures['model']}: all layers with as many bits")


def _bits(bits: int) -> str:
    return "float" if bits == 32 else str(bits)
