"""Subreads, CCS reads and truth in, a store of labelled windows out: the work of `lexome prepare correct`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lexome.core.config import to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.core.zmw import Truth, UnusableZmwError, Window, ZmwOutcome, ZmwReads, ZmwReport
from lexome.features.input_range import input_means, ranges_of
from lexome.features.pileup import PileupConfig, pile_up
from lexome.features.pileup_labels import LabelOutcome, label_windows
from lexome.features.pileup_windows import cut_windows
from lexome.io.subreads import hole_of, read_zmws
from lexome.io.truth import Truths, open_truths, read_places
from lexome.io.windows import WindowWriter, open_window_writer

Split = Literal["training", "validation", "test"]

SPLIT_OF_PART: dict[str, Split] = {"train": "training", "eval": "validation", "test": "test"}
PART_OF_SPLIT = {split: part for part, split in SPLIT_OF_PART.items()}
MIN_ACCURACY = 0.88  # what `ccs --min-rq` is told where its reads are to be corrected
HELD_OUT, LOW_ACCURACY = "held_out", "low_accuracy"
KEPT = "kept for "  # windows with an outcome that begins so are in the store


@dataclass(frozen=True)
class WindowRequest:
    """What to make windows of.

    Attributes:
        subreads: aligned to their CCS reads, together by ZMW.
        ccs: the CCS reads.
        truth: the true sequences, aligned to the CCS reads (BAM).
        places: where on a genome each truth comes from (BED).
        chromosomes: contig and chromosome per line; decides what is for training, unless `as_split` or
            `parts` does.
        output: the folder to make.
        config: how windows are made.
        as_split: use everything for this; None: as the human chromosomes say (`io.truth.HUMAN_SPLIT`).
        min_accuracy: leave out CCS reads of a lower predicted accuracy (rq); rejects have -1.
        held_out: ZMWs that are not used; the name of any of their reads, or `<movie>/<hole>`.
        max_zmws: stop after so many ZMWs in use.
        parts: what each CCS read is for, by its name; those that are not in it are not used. None: as the
            chromosomes or `as_split` say.
    """

    subreads: Path
    ccs: Path
    truth: Path
    places: Path
    chromosomes: Path | None
    output: Path
    config: PileupConfig = PileupConfig()
    as_split: Split | None = None
    min_accuracy: float = MIN_ACCURACY
    held_out: frozenset[str] = frozenset()
    max_zmws: int | None = None
    parts: Mapping[str, Split] | None = None

    def check(self) -> None:
        """Finds out before any work whether this can be done.

        Raises:
            UsageError: if not.
        """
        for path in (self.subreads, self.ccs, self.truth, self.places, self.chromosomes):
            if path is not None and not path.is_file():
                raise UsageError(f"{path}: no such file")
        if self.chromosomes is None and self.as_split is None and self.parts is None:
            raise UsageError(
                "what is to train on? name the chromosomes (--split), or use all (--as training)"
            )
        if self.config.like_deepconsensus:
            raise UsageError(
                "like_deepconsensus gives labels with gaps, and loses true bases: not to learn from"
            )
        if self.max_zmws is not None and self.max_zmws < 1:
            raise UsageError(f"max_zmws must be at least 1, is {self.max_zmws}")


@dataclass
class WindowReport:
    """What became of the ZMWs and windows.

    Attributes:
        zmws: how many had each outcome; "used" ones were cut into windows.
        examples: of each outcome but "used" the first name, with its reason.
        subreads: subreads that were left out of ZMWs in use, by reason.
        windows: how many had each outcome; those in the store begin with "kept for".
        label_bp: bases in the labels of the kept windows.
        means: of the input of each ZMW in use (`features.input_range`).
    """

    zmws: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)
    subreads: Counter[str] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)
    label_bp: int = 0
    means: list[dict[str, float]] = field(default_factory=list)

    def leave_out(self, name: str, outcome: str, reason: str) -> None:
        """Counts a ZMW that is not used."""
        self.zmws[outcome] += 1
        self.examples.setdefault(outcome, (name, reason))

    def lines(self) -> list[str]:
        """The report as lines of text."""
        rows = [f"ZMWs: {self.zmws.total()}", *_counts(self.zmws)]
        if self.subreads:
            rows += ["subreads left out of ZMWs in use:", *_counts(self.subreads)]
        rows += [f"windows: {self.windows.total()}", *_counts(self.windows)]
        rows.append(f"bases in the labels: {self.label_bp}")
        rows += [
            f"for example {name}: {outcome} ({reason})" for outcome, (name, reason) in self.examples.items()
        ]
        return rows

    def brief(self) -> str:
        """The report in one line, with the reason of the first ZMW that was left out."""
        counts = [f"{n} {name}" for counter in (self.zmws, self.windows) for name, n in counter.most_common()]
        first = next(((name, reason) for name, reason in self.examples.values()), None)
        example = "" if first is None else f"; {first[0]}: {first[1]}"
        return (", ".join(counts) or "the input holds no ZMW") + example

    def table(self) -> str:
        """The report as tab-separated text, one row per outcome."""
        rows = ["what\toutcome\tcount\tshare"]
        for what, counter in (
            ("zmw", self.zmws),
            ("unused subread", self.subreads),
            ("window", self.windows),
        ):
            total = max(1, counter.total())
            rows += [f"{what}\t{name}\t{n}\t{n / total:.4f}" for name, n in counter.most_common()]
        return "\n".join(rows) + "\n"


def _counts(counter: Counter[str]) -> Sequence[str]:
    total = max(1, counter.total())
    return [f"  {name}: {count} ({100 * count / total:.1f}%)" for name, count in counter.most_common()]


def prepare_windows(
    request: WindowRequest, on_progress: Callable[[int], None] = lambda zmws: None
) -> WindowReport:
    """Makes a store of labelled windows; in memory is one ZMW at a time.

    Args:
        request: what was asked for.
        on_progress: told how many ZMWs were looked at.

    Returns:
        The counts; they are in the store as `yield.tsv`, too.

    Raises:
        UsageError: as `WindowRequest.check`, or if no window got a label.
        LexomeError: if a file cannot be read or written.
    """
    request.check()
    report, config = WindowReport(), request.config
    held_out = frozenset(hole_of(name) for name in request.held_out)
    by_name = request.parts
    if by_name is None and request.as_split is not None:
        by_name = dict.fromkeys(read_places(request.places), request.as_split)
    parts = None if by_name is None else {name: PART_OF_SPLIT[split] for name, split in by_name.items()}

    def on_report(one: ZmwReport) -> None:
        report.leave_out(one.name, one.outcome, one.detail)

    with (
        open_window_writer(request.output, config.num_rows, config.width) as writer,
        open_truths(request.truth, request.places, request.chromosomes, by_name=parts) as truths,
    ):
        for zmw in read_zmws(request.subreads, request.ccs, on_report):
            if truth := _truth_of(zmw, held_out, request.min_accuracy, truths, report):
                _add(zmw, truth, config, writer, report)
            on_progress(report.zmws.total())
            if request.max_zmws is not None and report.zmws[ZmwOutcome.USED] >= request.max_zmws:
                break
        if writer.num_windows == 0:
            raise LexomeError(f"no window got a label, nothing to write: {report.brief()}")
        writer.finish(_meta(request, report), {"yield.tsv": report.table()})
    return report


def _truth_of(
    zmw: ZmwReads, held_out: frozenset[str], min_accuracy: float, truths: Truths, report: WindowReport
) -> Truth | None:
    """The truth of a ZMW that is to be used; otherwise it is counted why not."""
    accuracy = zmw.ccs.read_quality
    if hole_of(zmw.name) in held_out:
        report.leave_out(zmw.name, HELD_OUT, "it is on the list of those that are not used")
        return None
    if accuracy is not None and accuracy < min_accuracy:
        reason = f"its predicted accuracy is {accuracy:g}, below {min_accuracy:g}"
        report.leave_out(zmw.name, LOW_ACCURACY, reason)
        return None
    truth = truths.of(zmw.name)
    if isinstance(truth, ZmwReport):
        report.leave_out(truth.name, truth.outcome, truth.detail)
        return None
    return truth


def _add(
    zmw: ZmwReads, truth: Truth, config: PileupConfig, writer: WindowWriter, report: WindowReport
) -> None:
    """Cuts a ZMW into windows and keeps those with a label."""
    try:
        if config.with_qualities and zmw.ccs.qualities is None:
            raise zmw.unusable(ZmwOutcome.MALFORMED, "the qualities of the CCS read are wanted, it has none")
        pileup = pile_up(zmw, config)
        windows = cut_windows(pileup)
        labels = label_windows(pileup, windows, truth)
    except UnusableZmwError as error:
        report.leave_out(zmw.name, error.report.outcome, error.report.detail)
        return
    split = SPLIT_OF_PART[truth.split]
    kept: list[Window] = []
    codes: list[np.ndarray] = []
    for window, label in zip(windows, labels, strict=True):
        if label.outcome == LabelOutcome.LABELLED:
            kept.append(window)
            codes.append(label.codes_L)
        else:
            report.windows[label.outcome] += 1
    if kept:
        labels_NL = np.stack(codes)
        writer.add(kept, labels_NL, truth, split)
        report.label_bp += int((labels_NL != 0).sum())
        report.windows[f"{KEPT}{split}"] += len(kept)
        report.means.append(input_means(zmw))
    report.zmws[ZmwOutcome.USED] += 1
    report.subreads.update(zmw.unused)


def _meta(request: WindowRequest, report: WindowReport) -> dict[str, Any]:
    return {
        "task": "correct",
        "pileup": to_dict(request.config),
        "input_range": {name: list(ends) for name, ends in ranges_of(report.means).items()},
        "sources": {
            name: path.name
            for name in ("subreads", "ccs", "truth", "places", "chromosomes")
            if (path := getattr(request, name)) is not None
        },
        "as_split": request.as_split,
        "min_accuracy": request.min_accuracy,
        "held_out": sorted(request.held_out),
        "max_zmws": request.max_zmws,
    }
