"""The report of `lexome bench synthetic`: a table, a page and a picture with the curve, from plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.report.axes import Axis
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Section, write_page
from lexome.report.panels import Panel, Points, scatter
from lexome.report.picture import write_png
from lexome.report.tables import Table

METRICS = {"accuracy": "accuracy", "border_f1": "F1 of borders"}
TITLES = {
    "oscillator": "Resting height of an oscillator",
    "borders": "Borders of bases in simulated signal",
    "bases": "Bases at every sample of simulated signal",
}
_SEGMENTATION = (
    "The thesis saw about 40% lower accuracy at segmentation below a receptive field of 21 samples (section "
    "3.3.2; which labels and which accuracy is not said)."
)
THESIS = {
    "oscillator": "The thesis found this so easy, even with much noise, that two convolutions solve it and "
    "architectures cannot be told apart by it (section 3.3.1).",
    "borders": _SEGMENTATION,
    "bases": _SEGMENTATION,
}
BASELINES = {
    "oscillator": "always the commonest height",
    "borders": "as many borders at even distances",
    "bases": "always the commonest base",
}


def synthetic_table(figures: Mapping[str, Any]) -> Table:
    """One row per receptive field; the last one is the baseline."""
    rows = []
    for point in figures["points"]:
        rows.append(
            (
                str(point["receptive_field"]),
                " + ".join(map(str, point["kernels"])),
                f"{point['parameters']:,}",
                _text(point["mean"]),
                f"{_text(point['least'])}–{_text(point['most'])}",
                _text(point["accuracy"]),
                f"{point['seconds']:.0f}",
            )
        )
    rows.append(
        (
            BASELINES[figures["kind"]],
            "",
            "",
            _text(figures["baseline"]),
            "",
            _text(figures["majority_accuracy"]),
            "",
        )
    )
    head = (
        "receptive field", "kernels", "parameters", METRICS[figures["metric"]], "over seeds", "accuracy",
        "seconds",
    )  # fmt: skip
    return Table(
        head, tuple(rows), f"{TITLES[figures['kind']]}, on {figures['judged_samples']:,} test samples"
    )


def _text(value: float) -> str:
    return f"{value:.3f}"


def synthetic_panel(figures: Mapping[str, Any]) -> Panel:
    """The curve over the receptive field, with the range over seeds and the baseline."""
    points = figures["points"]
    x_values = [float(point["receptive_field"]) for point in points]
    widest = max(x_values)
    curve = Points(
        "two convolutions", x_values, [point["mean"] for point in points],
        intervals=[(point["least"], point["most"]) for point in points], is_joined=True,
    )  # fmt: skip
    flat = Points(
        BASELINES[figures["kind"]], [min(x_values), widest], [figures["baseline"]] * 2, is_joined=True,
        is_hollow=True,
    )  # fmt: skip
    return Panel(
        TITLES[figures["kind"]],
        Axis("receptive field, samples", max(0.5, 0.8 * min(x_values)), 1.25 * widest, log=True),
        Axis(METRICS[figures["metric"]], 0.0, 1.0),
        (curve, flat),
    )


def write_synthetic_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of one experiment.

    Args:
        path: the HTML file.
        figures: what `run_experiment` gives.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    panel = synthetic_panel(figures)
    caption = "Means over seeds, lines from the least to the most. Hollow: the baseline, with no signal seen."
    picture = Figure(panel.title, scatter(panel, f"{panel.title}, by receptive field"), caption)
    settings = figures["settings"]
    made = {
        "command": command,
        "trainings": f"{settings['seeds']} of {settings['steps']} steps of {settings['batch_size']} signals",
        "signals": f"{settings['source']['samples']} samples, made anew at every step",
        "width": f"{settings['width']} channels",
        "lexome": figures["lexome_version"],
    }
    sections = [
        Section("", [_cards(figures)]),
        Section("How much has to be seen", [Figures((picture,))], lead=THESIS[figures["kind"]]),
        Section("All points", [synthetic_table(figures)]),
        Section("How this was made", [Facts(made)]),
    ]
    write_page(path, "Receptive field and accuracy", sections, subtitle=TITLES[figures["kind"]])


def _cards(figures: Mapping[str, Any]) -> Cards:
    best = max(figures["points"], key=lambda point: point["mean"])
    metric = METRICS[figures["metric"]]
    cards = [Card(f"Best {metric}", _text(best["mean"]), f"receptive field {best['receptive_field']}")]
    if figures["knee"] is not None:
        (below, low), (behind, high) = figures["knee"]["below"], figures["knee"]["from"]
        cards.append(Card(f"From {below} to {behind} samples", f"{_text(low)} → {_text(high)}", metric))
    cards.append(Card("Baseline", _text(figures["baseline"]), BASELINES[figures["kind"]]))
    cards.append(Card("Trainings", str(len(figures["trainings"])), f"on {len(figures['points'])} sizes"))
    return Cards(tuple(cards))


def write_synthetic_png(path: Path, figures: Mapping[str, Any]) -> None:
    """Writes the curve as a PNG.

    Raises:
        UsageError: if matplotlib is not installed.
        LexomeError: if the file cannot be written.
    """
    write_png(path, [synthetic_panel(figures)])
