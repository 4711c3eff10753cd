"""The page and the picture of `lexome bench basecallers`, from plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.report.basecallers_figures import (
    NOT_TRAINED,
    basecallers_panels,
    basecallers_table,
    claims_table,
    published_table,
    ratios_table,
)
from lexome.report.charts import value_text
from lexome.report.frontier_figures import rate_label, rate_text
from lexome.report.page import Block, Card, Cards, Facts, Figure, Figures, Prose, Section, write_page
from lexome.report.panels import Panel, scatter
from lexome.report.picture import write_png
from lexome.report.tables import Table

TITLE = "Basecallers beside one another"
BUSY_BELOW = 0.9  # a thread that gets less of its core than this was disturbed
_EXPLAINED = Table(
    ("column", "meaning"),
    (
        ("bytes", "of the weights as a model's file holds them, at the bits that they are stored with"),
        ("MAC/sample", "multiply-accumulates for a sample of signal"),
        ("samples/s", "from signal to scores, in the batches of lexome basecall, median of the rounds"),
        ("per CPU-s", "the same by the time of the processor, all threads together"),
        ("called, per CPU-s", "from signal to bases; on a GPU called/s, by the clock"),
        (
            "identity (median of mapped reads)",
            "matches / alignment columns of a read's best primary alignment; reads that were not found count "
            "nowhere",
        ),
        ("95%", "of that median, resampling reads"),
        ("mean of all reads", "of the same identity, where a read that was not found counts as 0"),
        ("mapped", "reads that were found on the reference"),
        ("mapped bases", "called bases within their alignments"),
        (NOT_TRAINED, "its weights are random: it has a size and a speed, and no identity"),
    ),
    align="ll",
)


def write_basecallers_png(path: Path, figures: Mapping[str, Any]) -> bool:
    """Writes the plots as a picture, if there is a point in any; says whether there is.

    Raises:
        UsageError: if matplotlib is not installed.
        LexomeError: if the file cannot be written.
    """
    panels = basecallers_panels(figures)
    if panels:
        write_png(path, panels)
    return bool(panels)


def write_basecallers_page(path: Path, figures: Mapping[str, Any]) -> None:
    """Writes the page of a comparison.

    Args:
        path: the HTML file.
        figures: what `basecallers.json` holds.

    Raises:
        LexomeError: if the file cannot be written.
    """
    drawn = [
        Figure(panel.title, scatter(panel, f"{panel.title} and throughput"), _below(panel))
        for panel in basecallers_panels(figures)
    ]
    plots: list[Block] = [Figures(tuple(drawn))] if drawn else []
    sections = [
        Section("", [Cards(_cards(figures))]),
        Section("Measured", [basecallers_table(figures), *plots, *_notes(figures), _EXPLAINED]),
        Section("Against the first", [ratios_table(figures)]),
        Section(
            "Published elsewhere",
            [published_table(figures), claims_table(figures), Facts(_cited(figures), mono=False)],
            lead="None of this was measured here. A dash: the source gives no number.",
        ),
        Section("How this was measured", [Prose(text) for text in _protocol(figures)]),
        Section("On what", [Facts(figures["machine"], mono=False)]),
        Section("How this was made", [Facts(_made(figures))]),
    ]
    write_page(path, TITLE, sections, subtitle=", ".join(model["label"] for model in figures["models"]))


def _below(panel: Panel) -> str:
    bars = "Bars are 95% intervals. " if any(any(one.intervals) for one in panel.series) else ""
    rings = "Rings are networks that are not trained. " if any(o.is_hollow for o in panel.series) else ""
    return f"{bars}{rings}Throughput on a log scale."


def _cards(figures: Mapping[str, Any]) -> tuple[Card, ...]:
    models, rate = figures["models"], figures["protocol"]["rate"]
    trained = sum(model["is_trained"] for model in models)
    cards = [Card("Models", str(len(models)), f"{trained} trained")]
    judged = [model for model in models if model["reads"] and model["reads"]["identity_median"] is not None]
    if judged:
        best = max(judged, key=lambda model: model["reads"]["identity_median"])
        identity = value_text(best["reads"]["identity_median"], "percent")
        cards.append(Card("Most accurate", identity, best["label"]))
    timed = [model for model in models if model["speed"]["called"][rate] is not None]
    if timed:
        fast = max(timed, key=lambda model: model["speed"]["called"][rate])
        said = f"{rate_label(figures)}, {fast['label']}"
        cards.append(Card("Fastest", rate_text(fast["speed"]["called"][rate]), said))
    small = min(models, key=lambda model: model["weight_bytes"])
    cards.append(Card("Smallest", f"{small['weight_bytes']:,}", f"bytes of weights, {small['label']}"))
    return tuple(cards)


def _notes(figures: Mapping[str, Any]) -> list[Block]:
    """What a reader must know: who is in no plot, who is not trained, a quantised network, a busy machine."""
    said, threads = [], int(figures["machine"]["threads"])
    untrained = [model["label"] for model in figures["models"] if not model["is_trained"]]
    if untrained:
        said.append(
            f"{', '.join(untrained)}: {NOT_TRAINED}. Random weights have the size and the speed of trained "
            "ones; what they would call is not known."
        )
    for model in figures["models"]:
        if model["quantization"] == "float":
            said.append(
                f"{model['label']} is stored with few bits and runs in float32: its bytes are real, and its "
                "speed is that of the float network."
            )
        reads = model["reads"]
        if reads and reads["identity_median"] is None:
            said.append(f"{model['label']}: none of its reads was found on the reference.")
        if reads and reads["skipped"]:
            said.append(f"{model['label']}: {reads['skipped']} reads could not be called.")
        for what, timing in model["speed"].items():
            if timing["left_out"]:
                said.append(
                    f"{model['label']}, {what}: {timing['rounds']} rounds only: {timing['left_out']}."
                )
    share = busy_share(figures)
    if share is not None and share < BUSY_BELOW:
        said.append(
            f"The machine did other work: of {threads} cores asked for, a model got {share:.0%} at the "
            "worst. Samples per CPU-second are the fairer figure here."
        )
    return [Prose(text) for text in said]


def busy_share(figures: Mapping[str, Any]) -> float | None:
    """The part of its cores that a model got while it was timed, the least of all; None on a GPU."""
    threads = int(figures["machine"]["threads"])
    cores = [model["speed"]["network"]["cores"] for model in figures["models"]]
    return min((one / threads for one in cores if one is not None), default=None)


def _cited(figures: Mapping[str, Any]) -> dict[str, str]:
    """Where every published row comes from."""
    return {
        row["name"]: "; ".join([*row["sources"], *([row["note"]] if row["note"] else [])])
        for row in figures["published"]["basecallers"]
    }


def _protocol(figures: Mapping[str, Any]) -> list[str]:
    protocol, bootstrap = figures["protocol"], figures["data"]["bootstrap"]
    speed = (
        "Random signal goes through each network in the engine, the chunks and the batches in which lexome "
        f"basecall runs it. The models take turns in {protocol['rounds']} rounds; in each of them every one "
        "is timed after a warm-up, from signal to scores and then from signal to bases; either takes at "
        f"least {protocol['min_s']:g} s in all rounds together. The median of the rounds counts."
    )
    if figures["data"]["reads"] is None:
        return [speed]
    judged = (
        "The same reads are called by every trained model as by lexome basecall, and judged as by lexome "
        "evaluate reads, whose figures are all in basecallers.json. Intervals: "
        f"{100 * bootstrap['level']:g}%, from {bootstrap['resamples']} resamples of the reads."
    )
    return [speed, judged]


def _made(figures: Mapping[str, Any]) -> dict[str, str]:
    return {
        "command": figures["command"],
        **{
            model["label"]: f"{model['model']} ({model['architecture']}, {model['head']}, {model['engine']})"
            for model in figures["models"]
        },
        "device": figures["protocol"]["device"],
        "seed": str(figures["protocol"]["seed"]),
        "lexome": figures["lexome_version"],
    }
