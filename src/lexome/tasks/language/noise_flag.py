"""Which reads hold many errors, told by a network before anything is aligned.

Legend: N reads.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np

from lexome.core.errors import BadInputError, UsageError
from lexome.io.calls import read_calls
from lexome.io.hts import mean_qscore
from lexome.io.partial import partial_of
from lexome.tasks.language.infer import target_of_model
from lexome.tasks.language.model import LanguageModel
from lexome.tasks.language.noise_request import NOISY
from lexome.tasks.language.pieces import CutConfig, Piece, pieces
from lexome.tasks.language.predict import PredictConfig, Prediction, predict
from lexome.tasks.language.row_files import check_rows_output, open_rows

COLUMNS = [
    ("read_id", str), ("length_bp", int), ("windows", int), ("p_noisy", float), ("p_noisy_highest", float),
    ("flagged", str),
]  # fmt: skip


@dataclass(frozen=True)
class FlagConfig:
    """How reads are flagged.

    Attributes:
        window_bp: of a window; a shorter read is one window.
        threshold: mean probability of errors from which on a read is flagged.
        noisy_class: the network's class of windows with errors.
        max_tokens: of a window at most.
        batch_tokens: computed at once.
    """

    window_bp: int = 512
    threshold: float = 0.5
    noisy_class: str = NOISY
    max_tokens: int = 8192
    batch_tokens: int = 4096


@dataclass(frozen=True)
class FlaggedRead:
    """A read, its windows and what was said of them; without any base there is none of that."""

    read_id: str
    length_bp: int
    windows: int
    p_noisy: float | None
    p_noisy_highest: float | None
    is_flagged: bool


def class_of(model: LanguageModel, name: str) -> int:
    """The place of a class among a network's outputs.

    Raises:
        UsageError: if it has none of that name.
    """
    target = target_of_model(model)
    if target.kind != "classes" or name not in target.names:
        raise UsageError(
            f"model {model.name} has no class '{name}'; its {target.kind}: {', '.join(target.names)}"
        )
    return target.names.index(name)


def flag_reads(
    model: LanguageModel, reads: Iterable[tuple[str, str]], config: FlagConfig
) -> Iterator[FlaggedRead]:
    """Yields every read in its order; windows count by the bases that only they stand for.

    Args:
        model: a fine-tuned model.
        reads: names and sequences.
        config: how.

    Raises:
        UsageError: if the model has no class of noisy windows.
    """
    column = class_of(model, config.noisy_class)
    waiting: dict[int, tuple[str, int]] = {}  # reads that were begun, until they are told

    def counted() -> Iterator[tuple[str, str]]:
        for number, (name, sequence) in enumerate(reads):
            waiting[number] = (name, len(sequence))
            yield name, sequence

    cut = CutConfig(config.window_bp, max_tokens=config.max_tokens)
    made = pieces(counted, model.tokenizer, cut, both_strands=model.averages_strands)
    usable = (piece for piece in made if _is_usable(piece, config))
    predicted = predict(
        model, usable, PredictConfig(cut, model.averages_strands, batch_tokens=config.batch_tokens)
    )
    done = 0
    for number, group in groupby(predicted, lambda prediction: prediction.piece.record):
        of_read = list(group)
        for empty in range(done, number):  # without any base
            yield FlaggedRead(*waiting.pop(empty), 0, None, None, False)
        done = number + 1
        yield _told(*waiting.pop(number), of_read, column, config.threshold)
    for name, length in waiting.values():
        yield FlaggedRead(name, length, 0, None, None, False)


def _is_usable(piece: Piece, config: FlagConfig) -> bool:
    if piece.num_tokens > 2 * config.max_tokens:
        raise UsageError(
            f"read '{piece.name}': a window has more than {config.max_tokens} tokens; choose a smaller "
            "--window"
        )
    return piece.has_base


def _told(
    name: str, length: int, predictions: Sequence[Prediction], column: int, threshold: float
) -> FlaggedRead:
    values = np.array([one.outputs_K[column] for one in predictions])
    cores = [one.piece.core_bp for one in predictions]
    mean = float(np.average(values, weights=[max(1, end - start) for start, end in cores]))
    return FlaggedRead(name, length, len(values), mean, float(values.max()), mean >= threshold)


@dataclass
class FlagReport:
    """What was found.

    Attributes:
        p_noisy: of every read with any base, by its id.
        mean_q: of every read with qualities, by its id.
        reads: all.
        flagged: of these.
        without_base: reads without any A, C, G or T.
    """

    p_noisy: dict[str, float] = field(default_factory=dict)
    mean_q: dict[str, float] = field(default_factory=dict)
    reads: int = 0
    flagged: int = 0
    without_base: int = 0


def flag_file(
    model: LanguageModel,
    reads: Path,
    output: Path | None,
    config: FlagConfig,
    on_bases: Callable[[float], None] = lambda _: None,
) -> FlagReport:
    """Writes a row per read.

    Args:
        model: a fine-tuned model.
        reads: FASTQ, FASTA, SAM, BAM or CRAM.
        output: .tsv, .csv or .parquet; None: stdout.
        config: how.
        on_bases: told how many bases are done.

    Raises:
        UsageError: if the model or a file does not fit.
        BadInputError: if the reads are damaged or there is none.
    """
    check_rows_output(output)
    class_of(model, config.noisy_class)
    report, bases = FlagReport(), 0

    def source() -> Iterator[tuple[str, str]]:
        for read in read_calls(reads):
            if read.qualities is not None and len(read.qualities):
                report.mean_q[read.read_id] = mean_qscore(read.qualities)
            yield read.read_id, read.sequence

    try:
        with open_rows(output, COLUMNS) as (writer, _):
            for one in flag_reads(model, source(), config):
                report.reads += 1
                report.flagged += one.is_flagged
                report.without_base += not one.windows
                if one.p_noisy is not None:
                    report.p_noisy[one.read_id] = one.p_noisy
                said = "yes" if one.is_flagged else "no"
                writer.write(
                    [one.read_id, one.length_bp, one.windows, one.p_noisy, one.p_noisy_highest, said]
                )
                bases += one.length_bp
                on_bases(bases)
            if not report.reads:
                raise BadInputError(f"{reads}: holds no read")
    except BaseException:
        if output is not None:
            partial_of(output).unlink(missing_ok=True)  # half of a table cannot be gone on with
        raise
    return report
