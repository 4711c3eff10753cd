"""The function along whole sequences, window by window: a track in BED or GFF3."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import numpy as np

from lexome.core.errors import BadInputError, UsageError, nearest
from lexome.io.partial import explained, partial_of
from lexome.report.files import check_can_write
from lexome.tasks.language.infer import target_of_model
from lexome.tasks.language.model import LanguageModel
from lexome.tasks.language.pieces import CutConfig, Piece, Tally, counted, pieces
from lexome.tasks.language.predict import PredictConfig, Prediction, predict
from lexome.tasks.language.sequences import read_sequences

ENDINGS = (".bed", ".gff3", ".gff")
_BED_MOST = 1000  # scores of BED
_STRANGE = re.compile("[^ACGTacgt]")
_GFF_SAFE = " !#$'()*+/:<>?@[]^_`{|}~-."  # all but what divides columns and attributes


@dataclass(frozen=True)
class TrackConfig:
    """How a track is made.

    Attributes:
        window_bp: as the model was trained with.
        step_bp: from the start of a window to that of the next; each window stands for the middle that is
            nearer to it than to others.
        merge: stretches of windows of one class are one line; else each window is.
        least: windows whose class is less probable are left out.
        leave_out: classes that are not written, such as "intergenic".
        max_tokens: of a window at most.
        batch_tokens: computed at once.
    """

    window_bp: int = 512
    step_bp: int = 256
    merge: bool = True
    least: float = 0.0
    leave_out: tuple[str, ...] = ()
    max_tokens: int = 8192
    batch_tokens: int = 4096

    def __post_init__(self) -> None:
        if not 0 < self.step_bp <= self.window_bp:
            raise UsageError(f"--step {self.step_bp} must be above 0 and at most --window {self.window_bp}")

    @property
    def cut(self) -> CutConfig:
        """How sequences are cut."""
        return CutConfig(self.window_bp, self.window_bp - self.step_bp, self.max_tokens)


@dataclass(frozen=True)
class Stretch:
    """A part of a sequence with one class; places from 0, the end excluded; `windows` are in it."""

    contig: str
    start_bp: int
    end_bp: int
    name: str
    probability: float
    windows: int


@dataclass
class TrackReport:
    """What was seen: sequences, bases, letters other than A, C, G and T (kept), lines; windows left out."""

    sequences: int = 0
    bases: int = 0
    strange: int = 0
    lines: int = 0
    without_base: int = 0
    unsure: int = 0

    def told(self) -> list[str]:
        """What a user wants to know."""
        said = [f"{self.sequences} sequences, {self.bases:,} bases: {self.lines} lines"]
        if self.strange:
            said.append(f"{self.strange:,} letters other than A, C, G and T were read as they are")
        if self.without_base:
            said.append(f"{self.without_base} windows without any A, C, G or T are left out")
        if self.unsure:
            said.append(f"{self.unsure} windows below --min-probability are left out")
        return said


def check_track(model: LanguageModel, config: TrackConfig) -> None:
    """Raises UsageError if a model predicts no classes, or not those that are named."""
    target = target_of_model(model)
    if target.kind != "classes":
        raise UsageError(f"model {model.name} predicts {target.kind}; a track needs classes")
    for name in config.leave_out:
        if name not in target.names:
            raise UsageError(f"model {model.name} has no class '{name}'; {nearest(name, target.names)}")


def stretches(
    model: LanguageModel, sequences: Iterable[tuple[str, str]], config: TrackConfig, report: TrackReport
) -> Iterator[Stretch]:
    """Yields the stretches of all sequences in their order; one sequence is in memory at a time.

    The probability of a stretch is the mean over its windows, by their bases.

    Args:
        model: a fine-tuned classifier.
        sequences: names and letters.
        config: how.
        report: is kept up to date.

    Raises:
        UsageError: if a window has too many tokens.
    """
    names, tally = target_of_model(model).names, Tally()

    def told() -> Iterator[tuple[str, str]]:
        for name, letters in sequences:
            report.sequences += 1
            report.bases += len(letters)
            report.strange += len(_STRANGE.findall(letters))
            if letters:
                yield name, letters

    def usable() -> Iterator[Piece]:
        made = pieces(told, model.tokenizer, config.cut, both_strands=model.averages_strands)
        for piece in counted(made, tally, model.tokenizer):
            if len(piece.encoded.ids) > config.max_tokens:
                raise UsageError(
                    f"'{piece.name}': a window has more than {config.max_tokens} tokens; choose a smaller "
                    "--window"
                )
            report.without_base += not piece.has_base
            if piece.has_base:
                yield piece

    options = PredictConfig(config.cut, model.averages_strands, batch_tokens=config.batch_tokens)
    merging: tuple[int, Stretch] | None = None  # the record, and what may still grow
    for prediction in predict(model, usable(), options):
        found = _stretch_of(prediction, names)
        if found.probability < config.least:
            report.unsure += 1
            continue
        record = prediction.piece.record
        if merging is not None and config.merge and _goes_on(merging, record, found):
            merging = (record, _joined(merging[1], found))
            continue
        if merging is not None and merging[1].name not in config.leave_out:
            yield merging[1]
        merging = (record, found)
    if merging is not None and merging[1].name not in config.leave_out:
        yield merging[1]


def _stretch_of(prediction: Prediction, names: tuple[str, ...]) -> Stretch:
    best = int(np.argmax(prediction.outputs_K))
    start, end = prediction.piece.core_bp
    return Stretch(prediction.piece.name, start, end, names[best], float(prediction.outputs_K[best]), 1)


def _goes_on(merging: tuple[int, Stretch], record: int, found: Stretch) -> bool:
    return merging[0] == record and merging[1].end_bp == found.start_bp and merging[1].name == found.name


def _joined(first: Stretch, second: Stretch) -> Stretch:
    sizes = (first.end_bp - first.start_bp, second.end_bp - second.start_bp)
    mean = (first.probability * sizes[0] + second.probability * sizes[1]) / sum(sizes)
    return Stretch(
        first.contig, first.start_bp, second.end_bp, first.name, mean, first.windows + second.windows
    )


def bed_line(stretch: Stretch) -> str:
    """Contig, start, end, class, score (a thousandth), strand."""
    contig = "_".join(stretch.contig.split()) or "."
    score = round(_BED_MOST * stretch.probability)
    return f"{contig}\t{stretch.start_bp}\t{stretch.end_bp}\t{stretch.name}\t{score}\t."


def gff3_line(stretch: Stretch, number: int) -> str:
    """A feature of the type "region" (a term of the Sequence Ontology) that names the class."""
    contig = quote(stretch.contig, safe="!$*+./:?@^_|-")
    notes = f"ID=window{number};Name={quote(stretch.name, safe=_GFF_SAFE)};windows={stretch.windows}"
    place = f"{stretch.start_bp + 1}\t{stretch.end_bp}\t{stretch.probability:.4f}"
    return f"{contig}\tlexome\tregion\t{place}\t.\t.\t{notes}"


def write_track(
    model: LanguageModel,
    files: list[Path],
    output: Path,
    config: TrackConfig,
    on_bases: Callable[[float], None] = lambda _: None,
) -> TrackReport:
    """Writes the track of all sequences of files.

    Args:
        model: a fine-tuned classifier.
        files: FASTA or FASTQ.
        output: .bed, or .gff3.
        config: how.
        on_bases: told how many bases are begun.

    Raises:
        UsageError: if the ending is another, or the model does not fit.
        BadInputError: if a file cannot be read or there is no sequence.
        LexomeError: if it cannot be written; half of a track is not left.
    """
    check_track_output(output)
    check_track(model, config)
    report, partial = TrackReport(), partial_of(output)
    try:
        with explained(output), partial.open("w", encoding="utf-8") as stream:
            _write(stretches(model, read_sequences(files), config, report), stream, output, report, on_bases)
        if not report.sequences:
            raise BadInputError(f"{', '.join(map(str, files))}: holds no sequence")
        with explained(output):
            partial.replace(output)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return report


def check_track_output(output: Path) -> None:
    """Raises UsageError if the ending is unknown or the folder cannot be written."""
    ending = output.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"{output}: the ending decides the format; {nearest(ending, ENDINGS)}")
    check_can_write(output)


def _write(
    found: Iterator[Stretch],
    stream: TextIO,
    output: Path,
    report: TrackReport,
    on_bases: Callable[[float], None],
) -> None:
    is_bed = output.suffix.lower() == ".bed"
    if not is_bed:
        stream.write("##gff-version 3\n")
    for stretch in found:
        report.lines += 1
        stream.write((bed_line(stretch) if is_bed else gff3_line(stretch, report.lines)) + "\n")
        on_bases(report.bases)
